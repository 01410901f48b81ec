"""Pure. Params in a Python file: the values that stand in it as literals. Nothing is run or imported.

As DVC reads them: names assigned at the top, and classes as mappings of their own names and of the attributes that
`__init__` gives to `self`. What is no literal, or no kind of value that YAML knows, is passed over.
"""

from __future__ import annotations

import ast

from .model import Value


def python_values(text: str) -> dict[str, Value]:
    """Return the values by name. Raises SyntaxError, and RecursionError or MemoryError for what is nested too deep."""
    return _values(ast.parse(text).body, of_self=False)


def _values(body: list[ast.stmt], *, of_self: bool) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for statement in body:
        match statement:
            case ast.Assign(targets=[target], value=value) | ast.AnnAssign(target=target, value=ast.expr() as value):
                name = _name(target, of_self=of_self)
                if name is not None:
                    _note(found, name, value)
            case ast.ClassDef() if not of_self:
                found[statement.name] = _values(statement.body, of_self=False)
            case ast.FunctionDef(name="__init__") if not of_self:
                found |= _values(statement.body, of_self=True)
            case _:
                continue
    return found


def _note(found: dict[str, Value], name: str, node: ast.expr) -> None:
    try:
        found[name] = _plain(ast.literal_eval(node))
    except (ValueError, TypeError):  # no literal, an unhashable key, or bytes and their like
        return


def _name(target: ast.expr, *, of_self: bool) -> str | None:
    match target:
        case ast.Name(id=name) if not of_self:
            return name
        case ast.Attribute(attr=name, value=ast.Name(id="self")) if of_self:
            return name
        case _:
            return None


def _plain(value: object) -> Value:
    """Return a literal as YAML would hold it: tuples and (sorted) sets as lists, keys as texts. Raises TypeError."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case list() | tuple():
            return [_plain(item) for item in value]
        case set():
            return [_plain(item) for item in sorted(value, key=lambda item: (str(type(item)), repr(item)))]
        case dict():
            return {key if isinstance(key, str) else str(key): _plain(item) for key, item in value.items()}
        case _:
            raise TypeError(f"{type(value).__name__} is no value of YAML")
