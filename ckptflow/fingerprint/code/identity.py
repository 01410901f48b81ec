"""Pure. The walk from a function to all code of the project that can bear on its result.

Three rounds, repeated until nothing is added: follow references from what is reached; find the modules that are
imported for it; take those of their top-level statements that may change something reached (`effects`). A reference
that cannot be followed takes a whole module and is reported as a hole.
"""

from __future__ import annotations

import sys

from ...ids import Digest
from ..encode import digest_of
from .effects import ANYTHING, Effects, Subclasses, opaque
from .entry import entry_of
from .facts import CONSTANT_CALL, SUBCLASSES, Atom, Kind
from .model import CodeIdentity, Hole, IndexCache, Signature, Sources
from .resolve import VERSION, Library, Missing, Module, Outside, Program, Symbol, Whole

TOP_LEVEL = "<top level>"
ORDER = "<order>"
WHOLE = "*"
_STDLIB = sys.stdlib_module_names | {"asynchat", "asyncore", "cgi", "compression", "distutils", "imp", "smtpd"}


class Codebase:
    """The code of a project at one moment; several functions asked of one codebase share what was read."""

    def __init__(self, sources: Sources, cache: IndexCache | None = None) -> None:
        self._library = Library(sources, cache)

    def identify(self, entry: str) -> CodeIdentity:
        """Return the identity of a function, `pkg.mod:function` or `pkg.mod:Class.method`. Nothing is imported.

        Raises CodeError when there is no such module or function in the project, when it is no function, and for a
        syntax error in a module that would be imported for it (with file, line and column).
        """
        program = Program(self._library)
        module, name, signature = entry_of(entry, program)
        walk = _Walk(program)
        walk.start(module, name)
        return walk.identity(entry, signature)


def identify(entry: str, sources: Sources, cache: IndexCache | None = None) -> CodeIdentity:
    """Return the identity of one function; see `Codebase.identify`."""
    return Codebase(sources, cache).identify(entry)


class _Walk:
    """What is reached so far."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._effects = Effects(program, self._import)
        self._todo: list[tuple[str, str]] = []
        self._reached: dict[tuple[str, str], set[int]] = {}  # symbol -> positions of its atoms
        self._read: set[tuple[str, int]] = set()
        self._imported: dict[str, None] = {}  # in the order of importing
        self._outside: set[str] = set()
        self._taken: list[tuple[Module, int]] = []
        self._asks_subclasses = False
        self._docs: dict[str, tuple[Digest, str]] = {}
        self._holes: dict[Hole, None] = {}

    def start(self, module: Module, name: str) -> None:
        """Reach all there is to reach."""
        self._run_module(module.text.name)
        for _, atom in self._program.atoms(module, name):
            self._hits(module, atom, name, name)
        while True:
            while self._todo:
                self._symbol(*self._todo.pop())
            if not self._take_effects() and not self._todo:
                break
        self._attach()

    def _reach(self, module: str, name: str) -> None:
        if (module, name) not in self._reached:
            self._reached[module, name] = set()
            self._todo.append((module, name))

    def _symbol(self, module_name: str, name: str) -> None:
        module = self._module(module_name)
        if name == WHOLE:
            self._run_module(module_name)
            atoms = list(enumerate(module.facts.atoms))
        else:
            atoms = self._program.atoms(module, name)
        for position, atom in atoms:
            self._reached[module_name, name].add(position)
            self._atom(module, position, atom, name)
            if name == WHOLE:
                for bound in atom.targets:
                    if bound != "*":
                        self._hits(module, atom, bound, name, symbols_only=True)

    def _atom(self, module: Module, position: int, atom: Atom, name: str) -> None:
        """Follow the references of an atom."""
        if (module.text.name, position) in self._read:
            return
        self._read.add((module.text.name, position))
        for target in (*atom.loads, *atom.lazy):
            self._import(module, target)
        for chain in atom.refs:
            if chain == SUBCLASSES:
                self._asks_subclasses = True
            else:
                self._hits(module, atom, chain, name)
        for chain in atom.notes:
            self._hits(module, atom, chain, name, found_only=True)
        for chain, line in atom.dynamic:
            for hit in self._program.resolve(module, chain):
                if isinstance(hit, Whole):
                    self._hole(module, name, line, hit.module, f"`{chain}` is asked for a computed attribute")

    def _hits(
        self, module: Module, atom: Atom, chain: str, name: str, *, symbols_only: bool = False, found_only: bool = False
    ) -> None:
        line = atom.refs.get(chain, atom.line)
        literal = chain.endswith(CONSTANT_CALL)
        for hit in self._program.resolve(module, chain.removesuffix(CONSTANT_CALL)):
            match hit:
                case Symbol():
                    self._reach(hit.module, hit.name)
                    self._run_module(hit.module)
                    if "__doc__" in hit.rest:
                        self._doc(hit)
                case Outside(dotted):
                    self._outside.add(dotted.partition(".")[0])
                    reason = opaque(hit)
                    if reason and not literal and not symbols_only:
                        self._hole(module, name, line, module.text.name, f"`{_shown(chain)}` {reason}")
                case Whole() if not symbols_only:
                    self._reach(hit.module, WHOLE)
                case Missing() if not found_only:
                    reason = f"`{_shown(chain)}` is bound nowhere in {hit.module}"
                    self._hole(module, name, line, hit.module, reason)

    def _doc(self, hit: Symbol) -> None:
        module = self._module(hit.module)
        docs = [atom.doc for _, atom in self._program.atoms(module, hit.name)]
        self._docs[f"{hit.module}:{hit.name}.__doc__"] = digest_of(docs), "\n".join(str(doc) for doc in docs)

    def _hole(self, module: Module, name: str, line: int, taken: str, reason: str) -> None:
        symbol = f"{module.text.name}:{name}"
        self._holes[Hole(symbol, module.text.path, line, taken, reason)] = None
        self._reach(taken, WHOLE)

    # what is imported, and what that does

    def _import(self, module: Module, target: str) -> None:
        for name in self._program.load(module, target):
            self._run_module(name)

    def _run_module(self, name: str) -> None:
        """Note that a module is imported, after its packages and before what it imports itself."""
        if name in self._imported:
            return
        parts = name.split(".")
        for n in range(1, len(parts)):
            self._run_module(".".join(parts[:n]))
        module = self._program.module(name)
        if module is None or name in self._imported:
            return
        self._imported[name] = None
        for atom in module.facts.atoms:
            for target in atom.loads:
                self._import(module, target)

    def _take_effects(self) -> bool:
        """Take the statements that may change what is reached; tell whether there were any."""
        taken = False
        known = len(self._imported)
        for name in list(self._imported):
            module = self._module(name)
            for position, atom in enumerate(module.facts.atoms):
                if (name, position) in self._read or not atom.effects:
                    continue
                if any(self._counts(key) for key in self._effects.of(module, position)):
                    taken = True
                    self._take(module, position, atom)
        return taken or len(self._imported) > known

    def _counts(self, key: object) -> bool:
        match key:
            case Symbol(module, name):
                return (module, name) in self._reached or (module, WHOLE) in self._reached
            case Whole(module):
                return any(reached == module for reached, _ in self._reached)
            case Outside(name):
                return name in self._outside
            case Subclasses(base):
                return self._asks_subclasses and self._counts(base)
        return key == ANYTHING

    def _take(self, module: Module, position: int, atom: Atom) -> None:
        name = module.text.name
        if atom.kind in (Kind.EFFECT, Kind.BLOCK):
            self._taken.append((module, position))
            self._atom(module, position, atom, TOP_LEVEL)
        for bound in atom.binds:
            self._reach(name, bound)

    def _attach(self) -> None:
        """Make the statements that were taken part of the symbols of their module that they change."""
        for module, position in self._taken:
            name = module.text.name
            changed = self._effects.of(module, position)
            own = {key.name for key in changed if isinstance(key, Symbol) and key.module == name}
            for symbol in sorted(n for n in own if (name, n) in self._reached) or [TOP_LEVEL]:
                self._reached.setdefault((name, symbol), set()).add(position)

    # the result

    def identity(self, entry: str, signature: Signature) -> CodeIdentity:
        """Return what was found."""
        symbols = {name: digest for name, (digest, _) in self._docs.items()}
        sources = {name: text for name, (_, text) in self._docs.items()}
        for (module_name, name), positions in sorted(self._reached.items()):
            module = self._module(module_name)
            atoms = _distinct([module.facts.atoms[position] for position in sorted(positions)])
            symbols[f"{module_name}:{name}"] = digest_of([atom.digest for atom in atoms])
            sources[f"{module_name}:{name}"] = "\n\n".join(atom.source for atom in atoms)
        for symbol, order in self._orders().items():
            symbols[symbol] = digest_of(order)
            sources[symbol] = "\n".join(order)
        modules = {n: m.text.path if m else None for n, m in sorted(self._program.modules.items()) if n}
        outside = {name for name in self._outside if name not in _STDLIB}
        return CodeIdentity(
            entry=entry,
            digest=digest_of(["code", VERSION, entry, sorted(symbols.items())]),
            symbols=dict(sorted(symbols.items())),
            sources=dict(sorted(sources.items())),
            modules=modules,
            files=tuple(sorted({path for path in modules.values() if path and not path.endswith("/")})),
            holes=tuple(sorted(self._holes, key=lambda h: (h.file, h.line, h.symbol, h.module, h.reason))),
            distributions=tuple(sorted(outside)),
            signature=signature,
        )

    def _orders(self) -> dict[str, list[str]]:
        """Return orders of execution that can matter.

        In a module, where what is reached is bound or changed more than once: what was evaluated before and after each
        change. Between modules, where importing several of them changes what is reached.
        """
        names: dict[tuple[str, int], list[str]] = {}  # (module, position) -> the symbols that an atom is part of
        changing: set[Symbol] = set()
        acting: set[str] = set()
        for (module_name, name), positions in sorted(self._reached.items()):
            module = self._module(module_name)
            if name != WHOLE and len(_distinct([module.facts.atoms[p] for p in sorted(positions)])) > 1:
                changing.add(Symbol(module_name, name))
            for position in positions:
                if name != WHOLE:
                    names.setdefault((module_name, position), []).append(name)
                if module.facts.atoms[position].effects:
                    changed = self._effects.of(module, position)
                    symbols = {key for key in changed if isinstance(key, Symbol) and self._counts(key)}
                    changing |= {symbol for symbol in symbols if symbol != Symbol(module_name, name)}
                    if any(symbol.module != module_name for symbol in symbols):
                        acting.add(module_name)
        orders: dict[str, list[str]] = {}
        for (module_name, position), symbols_of in sorted(names.items()) if changing else ():
            if self._sees(module_name, position, changing):
                orders.setdefault(f"{module_name}:{ORDER}", []).append(", ".join(symbols_of))
        orders = {symbol: lines for symbol, lines in orders.items() if len(set(lines)) > 1}
        if len(acting) > 1:
            orders[f"{WHOLE}:{ORDER}"] = [name for name in self._imported if name in acting]
        return orders

    def _sees(self, module_name: str, position: int, names: set[Symbol]) -> bool:
        """Tell whether running an atom may read one of `names`, directly or through what it refers to."""
        module = self._module(module_name)
        atom = module.facts.atoms[position]
        if any(symbol.name in atom.binds for symbol in names if symbol.module == module_name):
            return True
        todo = [(module, chain) for chain in atom.eager]
        seen: set[Symbol] = set()
        while todo:
            for hit in self._program.resolve(*todo.pop()):
                if not isinstance(hit, Symbol):
                    continue
                symbol = Symbol(hit.module, hit.name)
                owner = self._program.module(hit.module)
                if symbol in names:
                    return True
                if symbol not in seen and owner is not None:
                    seen.add(symbol)
                    todo += [
                        (owner, chain) for _, inner in self._program.atoms(owner, hit.name) for chain in inner.refs
                    ]
        return False

    def _module(self, name: str) -> Module:
        module = self._program.module(name)
        assert module is not None
        return module


def _distinct(atoms: list[Atom]) -> list[Atom]:
    """Drop an import that repeats the one before: `import a.b` and `import a.c` both bind `a`."""
    imports: set[Digest] = set()
    kept = []
    for atom in atoms:
        if atom.kind is Kind.IMPORT:
            if atom.digest in imports:
                continue
            imports.add(atom.digest)
        kept.append(atom)
    return kept


def _shown(chain: str) -> str:
    return chain.replace(":", ".").strip(".")
