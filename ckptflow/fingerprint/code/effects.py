"""Pure. What running an atom at import time may change: the half of identity that no reference leads to.

A table that a decorator in another module fills is named by nothing in the function that reads it; yet what is in it
decides the result. So every statement that importing runs is asked what it may change, through the functions that it
calls, and counts when that is something reached. Errs towards "may change", except for what is known to change
nothing: immutable values, loggers, calls of libraries whose result is kept (`X = np.array(TABLE)`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from ...dataclass import dataclass
from .facts import Atom, Effect, How, Kind
from .resolve import Hit, Missing, Module, Outside, Program, Symbol, Whole

ANYTHING = "?"
"""The key of code that may change anything: `exec`, a computed import."""

OPAQUE = {
    "builtins.globals": "reads the module's names as a mapping",
    "builtins.eval": "evaluates text",
    "builtins.exec": "executes text",
    "builtins.__import__": "imports a module by a computed name",
    "importlib.import_module": "imports a module by a computed name",
    "importlib.__import__": "imports a module by a computed name",
    "importlib.reload": "loads a module again",
    "importlib.util.spec_from_file_location": "imports a module by its path",
    "importlib.machinery.SourceFileLoader": "imports a module by its path",
    "importlib.util.module_from_spec": "makes a module from a computed specification",
    "pkgutil.resolve_name": "finds an object by a computed name",
    "pydoc.locate": "finds an object by a computed name",
    "runpy.run_path": "runs a file",
    "runpy.run_module": "runs a module by name",
    "sys.modules": "uses the table of modules",
    "sys._getframe": "looks into frames",
    "inspect.currentframe": "looks into frames",
    "inspect.stack": "looks into frames",
}
_OPAQUE_TOPS = frozenset(name.partition(".")[0] for name in OPAQUE)
NAMESPACE = frozenset({"builtins.globals", "builtins.vars", "builtins.locals"})
_TAKERS = ("heapq.", "random.shuffle", "bisect.insort", "operator.", "builtins.next", "builtins.map", "builtins.filter")
_TYPES = ("builtins.dict.", "builtins.list.", "builtins.set.", "builtins.bytearray.", "builtins.object.")
_DEEPLY = 99
_READING = (
    "get items keys values copy index count join format split strip union intersection difference issubset issuperset "
    "isdisjoint symmetric_difference"
)
_READING_METHODS = frozenset(_READING.split())


@dataclass(frozen=True, slots=True)
class Subclasses:
    """What `base.__subclasses__()` returns."""

    base: Symbol


Key: TypeAlias = Hit | Subclasses | str


def opaque(hit: Outside) -> str | None:
    """Return why what `hit` names cannot be followed; None where it is harmless."""
    if hit.name.partition(".")[0] not in _OPAQUE_TOPS:
        return None
    for name, reason in OPAQUE.items():
        if hit.name == name or hit.name.startswith(name + "."):
            return reason
    return None


class Effects:
    """Answers for atoms of one program; `imported` is told the modules that running an atom imports."""

    def __init__(self, program: Program, imported: Callable[[Module, str], None]) -> None:
        self._program = program
        self._imported = imported
        self._known: dict[tuple[str, int], frozenset[Key]] = {}

    def of(self, module: Module, position: int) -> frozenset[Key]:
        """Return what importing may change by running this atom.

        Symbols (with no rest), modules as a whole, lists of subclasses, top-level packages outside, or `ANYTHING`.
        """
        key = (module.text.name, position)
        if key not in self._known:
            walk = _Walk(self._program, self._imported)
            walk.run(module, module.facts.atoms[position], 0, 0)
            self._known[key] = frozenset(walk.changed)
        return self._known[key]


class _Walk:
    """One statement's effects, through the functions that it calls."""

    def __init__(self, program: Program, imported: Callable[[Module, str], None]) -> None:
        self.changed: set[Key] = set()
        self._program = program
        self._imported = imported
        self._run: set[tuple[str, str, int]] = set()
        self._touched: set[Symbol] = set()

    def run(self, module: Module, atom: Atom, first: int, last: int) -> None:
        """Add what the levels from `first` to `last` of an atom change."""
        if last:
            for target in atom.lazy:
                self._imported(module, target)
        for effect in atom.effects:
            if first <= effect.level <= last:
                for hit in self._program.resolve(module, effect.chain):
                    self._apply(module, effect, hit)

    def _apply(self, module: Module, effect: Effect, hit: Hit) -> None:
        match hit:
            case Outside(name):
                if name in NAMESPACE and effect.how == How.CALL:
                    self.changed.add(Whole(module.text.name))
                elif opaque(hit):
                    self.changed.add(ANYTHING)
                elif effect.how == How.STORE or (
                    effect.bare and effect.how != How.READ and not name.startswith("builtins.")
                ):
                    self.changed.add(Outside(name.partition(".")[0]))
            case Whole():
                if effect.how in (How.STORE, How.ARGUMENT):
                    self.changed.add(hit)
            case Missing(name=name):
                if effect.how == How.STORE:
                    self.changed.add(Symbol(hit.module, name))
            case Symbol():
                self._symbol(module, effect, hit)

    def _symbol(self, module: Module, effect: Effect, hit: Symbol) -> None:
        kinds = self._kinds(hit)
        plain = Symbol(hit.module, hit.name)
        if not kinds:
            return  # a name on the way, bound by imports only
        if effect.how == How.BASE:
            self._base(hit)
            return
        definition = bool(kinds & {Kind.FUNCTION, Kind.CLASS})
        if definition:
            if effect.how == How.CALL:
                self._execute(plain, int(effect.note))
                if hit.rest or effect.bare:
                    self._touch(plain)
            elif effect.how == How.STORE or effect.bare:
                self._touch(plain)
                self._execute(plain, 1)
            elif effect.how == How.ARGUMENT:
                self._execute(plain, 1)
        if effect.how == How.STORE and Kind.CONSTANT in kinds:
            self._touch(plain)  # a name is bound anew
        if kinds <= {Kind.FUNCTION, Kind.CLASS, Kind.CONSTANT, Kind.LOGGER}:
            return
        match effect.how:
            case How.CALL:
                reading = kinds <= {Kind.PLAIN, Kind.CONSTANT} and hit.rest and hit.rest[-1] in _READING_METHODS
                if not reading:
                    self._execute(plain, int(effect.note))
                    self._touch(plain)
            case How.ARGUMENT if not effect.bare and self._keeps(module, effect.note):
                pass
            case How.STORE | How.ARGUMENT:
                self._touch(plain)
            case How.READ:
                if kinds & {Kind.VALUE, Kind.BLOCK}:
                    self._touch(plain)

    def _keeps(self, module: Module, callee: str) -> bool:
        """Tell whether a callee is a library's, and none that changes its argument and returns something too."""
        if not callee:
            return False
        hits = self._program.resolve(module, callee)
        outside = [hit for hit in hits if isinstance(hit, Outside)]
        return bool(outside) and not any(
            isinstance(hit, Whole | Missing)
            or (isinstance(hit, Symbol) and self._kinds(hit))
            or (isinstance(hit, Outside) and hit.name.startswith(_TAKERS + _TYPES))
            for hit in hits
        )

    def _atoms(self, symbol: Symbol) -> Iterator[tuple[Module, Atom]]:
        module = self._program.module(symbol.module)
        if module is not None:
            for _, atom in self._program.atoms(module, symbol.name):
                yield module, atom

    def _kinds(self, symbol: Symbol) -> set[Kind]:
        return {atom.kind for _, atom in self._atoms(symbol)} - {Kind.IMPORT, Kind.STAR}

    def _execute(self, symbol: Symbol, calls: int) -> None:
        """Add what calling the symbol `calls` times over changes."""
        key = (symbol.module, symbol.name, calls)
        if key not in self._run:
            self._run.add(key)
            for module, atom in self._atoms(symbol):
                self.run(module, atom, 1, calls)
                for base in self._bases(module, atom):
                    self._execute(base, calls)  # inherited methods

    def _touch(self, symbol: Symbol) -> None:
        """Add the symbol, and the values and classes that it is made of: they may be seen through it."""
        if symbol in self._touched:
            return
        self._touched.add(symbol)
        self.changed.add(symbol)
        for module, atom in self._atoms(symbol):
            if atom.kind is Kind.FUNCTION:
                continue
            for name in atom.binds:
                self._touch(Symbol(symbol.module, name))  # `a = b = []`
            for chain in atom.eager:
                for hit in self._program.resolve(module, chain):
                    if isinstance(hit, Whole):
                        self.changed.add(hit)
                    elif isinstance(hit, Symbol):
                        self._touch_part(atom, Symbol(hit.module, hit.name))

    def _touch_part(self, whole: Atom, part: Symbol) -> None:
        """A value shares the values and classes it is made of, and may call what it is made by; a class its values."""
        kinds = self._kinds(part)
        inert = {Kind.FUNCTION, Kind.CONSTANT, Kind.LOGGER}
        if whole.kind is Kind.CLASS:
            inert.add(Kind.CLASS)
        elif kinds & {Kind.FUNCTION, Kind.CLASS}:
            self._execute(part, _DEEPLY)
        if kinds - inert:
            self._touch(part)

    def _base(self, base: Symbol) -> None:
        """A class is made: its bases may keep a list of their subclasses; Python always does."""
        ancestors = list(self._ancestors(base, set()))
        self.changed.update(Subclasses(symbol) for symbol, _ in ancestors)
        if any(atom.kind is not Kind.CLASS or atom.hook for _, atom in ancestors):
            for symbol, _ in ancestors:
                self._touch(symbol)
                self._execute(symbol, 1)

    def _ancestors(self, symbol: Symbol, seen: set[Symbol]) -> Iterator[tuple[Symbol, Atom]]:
        plain = Symbol(symbol.module, symbol.name)
        if plain in seen or not self._kinds(plain):
            return
        seen.add(plain)
        for module, atom in self._atoms(plain):
            yield plain, atom
            for base in self._bases(module, atom):
                yield from self._ancestors(base, seen)

    def _bases(self, module: Module, atom: Atom) -> Iterator[Symbol]:
        for effect in atom.effects:
            if effect.how == How.BASE and effect.level == 0:
                for hit in self._program.resolve(module, effect.chain):
                    if isinstance(hit, Symbol):
                        yield Symbol(hit.module, hit.name)
