"""Pure. The canonical form of a piece of syntax: what it does, not how it is written.

Equal for texts that differ in comments, layout, quotes or docstrings, and equal under every Python that parses them:
fields that are absent, empty or new in a version are left out, the others are written by name. Statements without any
effect (docstrings, other bare constants, `pass`) are dropped. Self-delimiting, so two different trees never meet.
"""

from __future__ import annotations

import ast

_SKIPPED = frozenset({"ctx", "type_comment", "kind", "type_ignores"})
BLOCKS = ("body", "orelse", "finalbody")
"""The fields that hold statements."""


def normal(node: ast.AST) -> bytes:
    """Return the canonical bytes of `node`. Works without recursion: generated code may nest deeper than the stack."""
    out: list[bytes] = []
    todo: list[object] = [node]
    while todo:
        item = todo.pop()
        match item:
            case bytes():
                out.append(item)
            case ast.Constant():
                out.append(_constant(item.value))
            case ast.AST():
                out.append(f"({type(item).__name__}".encode())
                todo.append(b")")
                for name, value in sorted(_fields(item), reverse=True, key=_name):
                    todo.append(value)
                    todo.append(f".{name}=".encode())
            case list():
                out.append(b"[%d:" % len(item))
                todo.extend(reversed(item))
            case None:
                out.append(b"~")
            case _:
                out.append(_constant(item))
    return b"".join(out)


def is_idle(statement: ast.stmt) -> bool:
    """Tell whether `statement` does nothing: `pass`, a docstring, `...`."""
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _name(field: tuple[str, object]) -> str:
    return field[0]


def _fields(node: ast.AST) -> list[tuple[str, object]]:
    fields = []
    for name, value in ast.iter_fields(node):
        if name in _SKIPPED:
            continue
        if name in BLOCKS and isinstance(value, list):
            value = [statement for statement in value if not is_idle(statement)]
        elif name == "values" and isinstance(node, ast.JoinedStr):
            value = _merged(value)
        elif name == "format_spec" and isinstance(value, ast.JoinedStr) and not _merged(value.values):
            value = None  # `{x:}` has an empty one or none, as the version likes
        if value is None or value == []:
            continue
        fields.append((name, value))
    return fields


def _merged(values: list[ast.expr]) -> list[ast.expr]:
    """Return the parts of an f-string with neighbouring literals joined: Python versions split them differently."""
    merged: list[ast.expr] = []
    for value in values:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            last = merged[-1] if merged else None
            if not value.value:
                continue
            if isinstance(last, ast.Constant) and isinstance(last.value, str):
                merged[-1] = ast.Constant(last.value + value.value)
                continue
        merged.append(value)
    return merged


def _constant(value: object) -> bytes:
    match value:
        case None:
            return b"None"
        case bool():
            return b"True" if value else b"False"
        case str():
            data, tag = value.encode("utf-8", "surrogatepass"), b"s"
        case bytes():
            data, tag = value, b"b"
        case int():
            data, tag = b"%x" % value, b"i"
        case float():
            data, tag = value.hex().encode(), b"f"
        case complex():
            data, tag = f"{value.real.hex()} {value.imag.hex()}".encode(), b"c"
        case _ if value is ...:
            return b"Ellipsis"
        case _:
            raise TypeError(f"no constant of Python syntax: {type(value).__qualname__}")
    return b"%s%d:%s" % (tag, len(data), data)
