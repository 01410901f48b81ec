"""Pure. The functions of a file as callers see them, with annotations whose names can still be resolved.

An annotation is kept as text in which each chain of names stands between two NULs (`list[\\0Path\\0]`): what `Path` is,
only the imports of the file and of the modules behind them can tell.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Iterator
from typing import Any

from .annotations import unquoted
from .model import Parameter, ParameterKind, Signature

MARK = "\0"


def signatures(tree: ast.Module) -> dict[str, list[Any]]:
    """Return the JSON form of the signatures of all functions and methods by dotted name; the last definition wins."""
    found: dict[str, list[Any]] = {}
    for name, node in _functions(tree.body, ""):
        if isinstance(node, ast.Lambda):
            yields, returns = False, None
        else:
            yields, returns = _yields(node.body), _annotation(node.returns)
        parameters = list(_parameters(node.args))
        if any(isinstance(d, ast.Name) and d.id == "classmethod" for d in getattr(node, "decorator_list", ())):
            parameters = parameters[1:]
        found[name] = [isinstance(node, ast.AsyncFunctionDef), yields, returns, parameters]
    return found


def signature(row: list[Any], resolve: dict[str, str]) -> Signature:
    """Return the value of a JSON form; `resolve` maps each chain in its annotations to a dotted name."""

    def text(annotation: str | None) -> str | None:
        if annotation is None:
            return None
        parts = annotation.split(MARK)
        return "".join(resolve[part] if i % 2 else part for i, part in enumerate(parts))

    is_async, is_generator, returns, parameters = row
    return Signature(
        tuple(Parameter(name, ParameterKind(kind), default, text(note)) for name, kind, default, note in parameters),
        text(returns),
        is_generator,
        is_async,
    )


def chains(row: list[Any]) -> Iterator[str]:
    """Return the chains in the annotations of a JSON form."""
    for annotation in (row[2], *(parameter[3] for parameter in row[3])):
        if annotation is not None:
            yield from annotation.split(MARK)[1::2]


def _functions(
    body: Iterable[ast.stmt], prefix: str
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda]]:
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield prefix + node.name, node
            case ast.ClassDef():
                yield from _functions(node.body, f"{prefix}{node.name}.")
            case ast.Assign(targets=[ast.Name(name)], value=ast.Lambda() as function):
                yield prefix + name, function
            case _:
                for field in ("body", "handlers", "orelse", "finalbody"):
                    yield from _functions(getattr(node, field, ()), prefix)


def _parameters(arguments: ast.arguments) -> Iterator[list[Any]]:
    positional = [(a, ParameterKind.POSITIONAL) for a in arguments.posonlyargs]
    positional += [(a, ParameterKind.ANY) for a in arguments.args]
    first_default = len(positional) - len(arguments.defaults)
    for position, (argument, kind) in enumerate(positional):
        yield _parameter(argument, kind, position >= first_default)
    if arguments.vararg:
        yield _parameter(arguments.vararg, ParameterKind.VAR_POSITIONAL, False)
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _parameter(argument, ParameterKind.KEYWORD, default is not None)
    if arguments.kwarg:
        yield _parameter(arguments.kwarg, ParameterKind.VAR_KEYWORD, False)


def _parameter(argument: ast.arg, kind: ParameterKind, has_default: bool) -> list[Any]:
    return [argument.arg, kind.value, has_default, _annotation(argument.annotation)]


def _annotation(node: ast.expr | None) -> str | None:
    if node is None:
        return None
    return ast.unparse(_Mark().visit(copy.deepcopy(unquoted(node))))


class _Mark(ast.NodeTransformer):
    """Replaces each chain of names by a name that `ast.unparse` writes with its marks."""

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(f"{MARK}{node.id}{MARK}", ast.Load())

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        attributes = []
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            attributes.append(inner.attr)
            inner = inner.value
        if not isinstance(inner, ast.Name):
            return self.generic_visit(node)
        chain = ".".join((inner.id, *reversed(attributes)))
        return ast.Name(f"{MARK}{chain}{MARK}", ast.Load())


def _yields(body: Iterable[ast.AST]) -> bool:
    for node in body:
        match node:
            case ast.Yield() | ast.YieldFrom():
                return True
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Lambda():
                continue
        if _yields(ast.iter_child_nodes(node)):
            return True
    return False
