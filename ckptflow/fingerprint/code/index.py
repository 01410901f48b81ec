"""Pure. One file's text -> its facts: the top level cut into atoms, each with what it refers to.

Left out: the body of `if __name__ == "__main__"`, since stages are imported. What stands under `if TYPE_CHECKING` is
kept, for annotations name it, but is not run by an import.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator

from ...dataclass import dataclass
from ...errors import CodeError, Place
from ...ids import Digest
from ..encode import digest_of
from .annotations import last_name
from .facts import Atom, Facts, How, Kind
from .normal import BLOCKS, is_idle, normal
from .reads import Reader
from .scope import block, import_targets, nested
from .signatures import signatures

_CONTAINERS = frozenset({"dict", "list", "set", "sorted", "tuple", "range"})


@dataclass(frozen=True, slots=True)
class _Guard:
    """A condition that a statement stands under; `branch` False: under its `else`."""

    test: ast.expr
    branch: bool

    def wrapped(self, statement: ast.stmt) -> ast.stmt:
        test = self.test if self.branch else ast.UnaryOp(ast.Not(), self.test)
        return ast.If(test, [statement], [])


def index(text: str, path: str) -> Facts:
    """Return the facts of a file. Raises CodeError, with place, for a text that is not Python."""
    try:
        tree = _parsed(text, path)
        docs = {id(statement): _docs(statement) for statement in _top(tree.body)}
        own = ast.get_docstring(tree, clean=False)
        _strip(tree)
        maker = _Maker(text, frozenset(block(tree.body).bound), docs)
        maker.add(tree.body, (), runs=True)
        if own is not None:
            maker.atoms.append(Atom(Kind.CONSTANT, 1, ["__doc__"], digest_of(own), repr(own)))
        return Facts(maker.atoms, _exports(tree, maker.atoms), signatures(tree))
    except RecursionError:
        raise CodeError("nested too deeply to be read", place=Place(path, 1, 1)) from None


def _parsed(text: str, path: str) -> ast.Module:
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text, filename=path)
    except SyntaxError as error:
        line, column = error.lineno or 1, max(error.offset or 1, 1)
        lines = text.split("\n")
        shown = lines[line - 1] if line <= len(lines) else ""
        raise CodeError(error.msg, place=Place(path, line, column, shown)) from None
    except (ValueError, MemoryError) as error:  # a NUL in the text; brackets beyond the parser's stack
        raise CodeError(f"cannot be parsed: {error}", place=Place(path, 1, 1)) from None


class _Maker:
    """Cuts statements into atoms, in the order of the file."""

    def __init__(self, text: str, bound: frozenset[str], docs: dict[int, Digest | None]) -> None:
        self.atoms: list[Atom] = []
        self._text = text
        self._bound = bound
        self._docs = docs

    def add(self, body: Iterable[ast.stmt], guards: tuple[_Guard, ...], *, runs: bool) -> None:
        """Add the atoms of `body`; `runs` False where an import does not execute it."""
        for statement in body:
            match statement:
                case ast.If() if not block([ast.Expr(statement.test)]).bound:
                    if any(isinstance(node, ast.Call) for node in ast.walk(statement.test)):
                        alone = ast.copy_location(ast.If(statement.test, [ast.Pass()], []), statement)
                        self.atoms.append(self._atom(Kind.EFFECT, alone, guards, runs, alone))
                    typing_only = last_name(statement.test) == "TYPE_CHECKING"
                    if not _is_main(statement.test):
                        inner = (*guards, _Guard(statement.test, True))
                        self.add(statement.body, inner, runs=runs and not typing_only)
                    self.add(statement.orelse, (*guards, _Guard(statement.test, False)), runs=runs)
                case ast.Import() | ast.ImportFrom():
                    self._imports(statement, guards, runs)
                case _ if not is_idle(statement):
                    self._statement(statement, guards, runs)

    def _imports(self, statement: ast.Import | ast.ImportFrom, guards: tuple[_Guard, ...], runs: bool) -> None:
        for name, target, load in import_targets(statement):
            star = name == "*"
            module, _, attribute = target.partition(":")
            what = f"from {module} import {attribute or '*'}" if star or attribute else f"import {module}"
            last = attribute or module
            shown = ast.parse(what if star or last == name else f"{what} as {name}").body[0]
            atom = self._atom(Kind.STAR if star else Kind.IMPORT, statement, guards, runs, shown)
            atom.binds, atom.targets = ([], {"*": [target]}) if star else ([name], {name: [target]})
            atom.loads = [load] if runs else []
            self.atoms.append(atom)

    def _statement(self, statement: ast.stmt, guards: tuple[_Guard, ...], runs: bool) -> None:
        scope = block([statement])
        atom = self._atom(_kind(statement, bool(scope.bound)), statement, guards, runs, statement)
        atom.binds = sorted(scope.bound - {"*"})
        atom.targets = {name: scope.targets[name] for name in sorted(scope.targets)}
        atom.doc = self._docs.get(id(statement))
        match statement:
            case ast.ClassDef():
                atom.hook = _sees_subclasses(statement)
            case (
                ast.Assign(targets=[ast.Name()], value=ast.Name() | ast.Attribute() as value)
                | ast.AnnAssign(value=ast.Name() | ast.Attribute() as value)
            ):
                atom.alias = _dotted(value)
        self.atoms.append(atom)

    def _atom(self, kind: Kind, statement: ast.stmt, guards: tuple[_Guard, ...], runs: bool, shown: ast.stmt) -> Atom:
        tests = [[normal(guard.test), guard.branch] for guard in guards]
        digest = digest_of([normal(shown), tests])
        for guard in reversed(guards):
            shown = guard.wrapped(shown)
        reader = Reader(self._bound)
        reader.read(guard.test for guard in guards)
        if kind not in (Kind.IMPORT, Kind.STAR):
            reader.read([statement])
        return Atom(
            kind,
            statement.lineno,
            [],
            digest,
            self._source(shown, statement),
            refs=reader.refs,
            notes=list(reader.notes),
            eager=list(reader.eager),
            effects=[effect for effect in reader.effects if runs or effect.level],
            loads=list(reader.loads) if runs else [],
            lazy=list(reader.lazy),
            dynamic=list(reader.dynamic),
        )

    def _source(self, shown: ast.stmt, statement: ast.stmt) -> str:
        try:
            return ast.unparse(shown)
        except RecursionError:  # an expression of hundreds of operators: shown as it is written
            return ast.get_source_segment(self._text, statement) or ""


def _kind(statement: ast.stmt, binds: bool) -> Kind:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return Kind.FUNCTION
        case ast.ClassDef():
            return Kind.CLASS
        case ast.AnnAssign(value=None):
            return Kind.CONSTANT
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign() if binds:
            assert statement.value is not None
            return _value_kind(statement.value)
        case _ if type(statement).__name__ == "TypeAlias":
            return Kind.CONSTANT
    return Kind.BLOCK if binds else Kind.EFFECT


def _value_kind(value: ast.expr) -> Kind:
    match value:
        case ast.Constant() | ast.JoinedStr():
            return Kind.CONSTANT
        case ast.Lambda():
            return Kind.FUNCTION
        case ast.UnaryOp(operand=operand):
            return _value_kind(operand)
        case ast.BinOp(left=left, right=right):
            kinds = {_value_kind(left), _value_kind(right)}
        case ast.Tuple(elts=elements):
            kinds = {_value_kind(element) for element in elements}
            return Kind.CONSTANT if kinds <= {Kind.CONSTANT} else Kind.VALUE
        case ast.List(elts=elements) | ast.Set(elts=elements):
            return _container(elements)
        case ast.Dict(keys=keys, values=values):
            return _container([key for key in keys if key is not None] + values) if None not in keys else Kind.VALUE
        case ast.ListComp(elt=element) | ast.SetComp(elt=element):
            return _made([element])
        case ast.DictComp(key=key, value=element):
            return _made([key, element])
        case ast.Call(func=ast.Name(name), args=arguments, keywords=keywords) if name in _CONTAINERS:
            kinds = {_value_kind(argument) for argument in (*arguments, *(k.value for k in keywords))}
            return Kind.PLAIN if kinds <= {Kind.CONSTANT, Kind.PLAIN} else Kind.VALUE
        case ast.Call(func=callee) if last_name(callee) == "getLogger":
            return Kind.LOGGER
        case _:
            return Kind.VALUE
    return (
        Kind.CONSTANT
        if kinds == {Kind.CONSTANT}
        else Kind.PLAIN
        if kinds <= {Kind.CONSTANT, Kind.PLAIN}
        else Kind.VALUE
    )


def _container(elements: list[ast.expr]) -> Kind:
    return Kind.PLAIN if all(_value_kind(element) is Kind.CONSTANT for element in elements) else Kind.VALUE


def _made(elements: list[ast.expr]) -> Kind:
    plain = (ast.Constant, ast.JoinedStr, ast.BinOp, ast.Compare)
    return Kind.PLAIN if all(isinstance(element, plain) for element in elements) else Kind.VALUE


def _sees_subclasses(node: ast.ClassDef) -> bool:
    named = any(isinstance(item, ast.FunctionDef) and item.name == "__init_subclass__" for item in ast.walk(node))
    return named or any(k.arg == "metaclass" and last_name(k.value) != "ABCMeta" for k in node.keywords)


def _is_main(test: ast.expr) -> bool:
    match test:
        case ast.Compare(left=ast.Name("__name__"), ops=[ast.Eq()], comparators=[ast.Constant("__main__")]):
            return True
        case ast.Compare(left=ast.Constant("__main__"), ops=[ast.Eq()], comparators=[ast.Name("__name__")]):
            return True
    return False


def _dotted(node: ast.expr) -> str | None:
    match node:
        case ast.Name(name):
            return name
        case ast.Attribute(value=value, attr=attribute):
            inner = _dotted(value)
            return inner and f"{inner}.{attribute}"
    return None


def _exports(tree: ast.Module, atoms: list[Atom]) -> list[str] | str | None:
    """Return what `__all__` says: a list of names, "*" where it is computed, None where there is none."""
    names: list[str] = []
    found = 0
    for statement in tree.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name("__all__")], value=ast.List(elts=items) | ast.Tuple(elts=items))
                | (ast.AugAssign(target=ast.Name("__all__"), value=ast.List(elts=items) | ast.Tuple(elts=items)))
                | ast.AnnAssign(target=ast.Name("__all__"), value=ast.List(elts=items) | ast.Tuple(elts=items))
            ):
                texts = [item.value for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str)]
                if len(texts) != len(items):
                    return "*"
                if not isinstance(statement, ast.AugAssign):
                    names.clear()
                names += texts
                found += 1
    binding = sum("__all__" in atom.binds for atom in atoms)
    changed = any(
        effect.how != How.READ and effect.chain.split(".")[0] == "__all__" for a in atoms for effect in a.effects
    )
    if binding != found or changed:
        return "*"
    return names if found else None


def _top(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        if isinstance(statement, ast.If):
            yield from _top(statement.body)
            yield from _top(statement.orelse)
        else:
            yield statement


def _docs(statement: ast.stmt) -> Digest | None:
    """Return the digest of all docstrings in a statement, None where there are none."""
    documented = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found = [ast.get_docstring(node, clean=False) for node in nested(statement) if isinstance(node, documented)]
    return digest_of(found) if any(doc is not None for doc in found) else None


def _strip(tree: ast.Module) -> None:
    """Take docstrings and other idle statements out, in place."""
    for node in nested(tree):
        for name in BLOCKS:
            statements = getattr(node, name, None)
            if statements and isinstance(statements, list):
                kept = [statement for statement in statements if not is_idle(statement)]
                if not kept and name == "body" and not isinstance(node, ast.Module):
                    kept = [ast.Pass(lineno=getattr(node, "lineno", 1), col_offset=0)]
                setattr(node, name, kept)
