"""Pure. Python's scope rules: which names a block binds, and whose name a use of it is.

A name bound anywhere in a function is local to all of it; class bodies are invisible to the functions inside them;
comprehensions and lambdas are scopes of their own, except that a walrus in a comprehension binds outside it.

An import binds a name to a *target*, written `module:attributes`: `import a.b` binds `a` to `a:`, `import a.b as x`
binds `x` to `a.b:`, `from a import b` binds `b` to `a:b`. Leading dots are kept as written: a target is relative to the
module it stands in.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from ...dataclass import dataclass, field

_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(slots=True)
class Scope:
    """The names that one block binds; `targets` are those bound by imports (perhaps besides other bindings).

    `open` for the scope of type parameters, through which the class around it stays visible.
    """

    is_class: bool = False
    open: bool = False
    bound: set[str] = field(default_factory=set)
    free: set[str] = field(default_factory=set)  # declared `global`
    outer: set[str] = field(default_factory=set)  # declared `nonlocal`
    targets: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Meaning:
    """Whose name a use is. A class body may mean its own name or the global one: then both are true."""

    is_global: bool
    targets: tuple[str, ...] = ()


def look_up(name: str, scopes: list[Scope]) -> Meaning:
    """Return what `name` means in the last of `scopes` (outermost first, without the module's own scope)."""
    maybe: tuple[str, ...] = ()
    innermost = True
    for scope in reversed(scopes):
        if scope.is_class and not innermost:
            continue
        innermost = innermost and scope.open
        if name in scope.free:
            return Meaning(True, maybe)
        if name in scope.bound:
            targets = tuple(scope.targets.get(name, ()))
            if not scope.is_class:
                return Meaning(False, maybe + targets)
            maybe = targets  # read before it is bound, a name in a class body is the outer one
    return Meaning(True, maybe)


def block(body: Iterable[ast.AST], *, is_class: bool = False) -> Scope:
    """Return the scope of a block of statements; names bound in functions and classes inside it are not its own."""
    scope = Scope(is_class=is_class)
    for node in body:
        _bind(node, scope, inside=False)
    scope.bound -= scope.free | scope.outer
    return scope


def parameters(arguments: ast.arguments) -> Iterator[ast.arg]:
    """Return all parameters, in the order of their declaration."""
    yield from arguments.posonlyargs
    yield from arguments.args
    if arguments.vararg:
        yield arguments.vararg
    yield from arguments.kwonlyargs
    if arguments.kwarg:
        yield arguments.kwarg


def nested(node: ast.AST) -> Iterator[ast.AST]:
    """Return `node` and all statements, handlers and cases in it, without a look into expressions."""
    todo = [node]
    while todo:
        node = todo.pop()
        yield node
        for name in ("body", "handlers", "cases", "orelse", "finalbody"):
            inner = getattr(node, name, None)
            if inner and isinstance(inner, list):
                todo += reversed(inner)


def import_targets(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str, str]]:
    """Return (bound name, its target, what is loaded) for each name; a star import binds `*`."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.asname:
                yield alias.asname, f"{alias.name}:", f"{alias.name}:"
            else:
                top = alias.name.partition(".")[0]
                yield top, f"{top}:", f"{alias.name}:"
    else:
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            target = f"{module}:" if alias.name == "*" else f"{module}:{alias.name}"
            yield alias.asname or alias.name, target, target


def _bind(node: ast.AST, scope: Scope, inside: bool) -> None:
    """Add what `node` binds. `inside` a comprehension only the walrus binds here."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            if not inside:
                scope.bound.add(name)
            return
        case ast.NamedExpr(target=ast.Name(id=name)):
            scope.bound.add(name)
            _bind(node.value, scope, inside)
            return
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            scope.bound.add(node.name)
            for part in (*node.decorator_list, *_defaults(node.args)):
                _bind(part, scope, inside)
            return
        case ast.Lambda():
            for part in _defaults(node.args):
                _bind(part, scope, inside)
            return
        case ast.ClassDef():
            scope.bound.add(node.name)
            for base in (*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)):
                _bind(base, scope, inside)
            return
        case ast.Import() | ast.ImportFrom():
            for name, target, _ in import_targets(node):
                scope.bound.add(name)
                scope.targets.setdefault(name, []).append(target)
            return
        case ast.Global():
            scope.free.update(node.names)
        case ast.Nonlocal():
            scope.outer.update(node.names)
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            scope.bound.add(name)
        case ast.MatchMapping(rest=str(name)):
            scope.bound.add(name)
        case _ if isinstance(node, _COMPREHENSIONS):
            inside = True
    for child in ast.iter_child_nodes(node):
        _bind(child, scope, inside)


def _defaults(arguments: ast.arguments) -> list[ast.expr]:
    return [*arguments.defaults, *(d for d in arguments.kw_defaults if d is not None)]
