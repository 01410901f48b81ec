"""Pure. Chains -> what they name: symbols of the project, whole modules, things outside, or nothing that can be found.

Follows imports through any number of modules, packages that re-export, star imports with and without `__all__`, and
submodules. Where a name may be one of several things (bound twice, or a symbol and a submodule of one name) it is all
of them. Modules are asked for by name and remembered with the answer, "not there" included.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from ...dataclass import dataclass, field
from .facts import Atom, Facts, How
from .index import index
from .model import IndexCache, ModuleText, Sources

VERSION = 1
"""Of what identity is made of; part of every digest. Raise it when equal code no longer gets an equal digest."""

FACTS_VERSION = 2
"""Of the facts of a file, which are cached. Raise it with every change to what a file is read as."""

_GIVEN = (
    "__name__ __file__ __doc__ __package__ __spec__ __path__ __loader__ __cached__ __builtins__ __debug__ __class__ "
    "__annotations__ __module__ __qualname__"
)
_LATER = {"WindowsError", "PythonFinalizationError", "exit", "quit", "help", "copyright", "credits", "license"}
_BUILTINS = frozenset(dir(builtins)) - {"_"} | _LATER  # the same on every system, and with or without `site`
_MODULE_NAMES = frozenset(_GIVEN.split())


@dataclass(frozen=True, slots=True)
class Symbol:
    """A name of a project module; `rest` are the attributes read from it."""

    module: str
    name: str
    rest: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Whole:
    """A project module as a value."""

    module: str


@dataclass(frozen=True, slots=True)
class Outside:
    """Something that is not the project's: `numpy.linalg.norm`, `builtins.eval`."""

    name: str


@dataclass(frozen=True, slots=True)
class Missing:
    """An attribute that a project module does not have, as far as its text tells."""

    module: str
    name: str


Hit: TypeAlias = Symbol | Whole | Outside | Missing


@dataclass(slots=True)
class Module:
    """A project module with its facts; `by_name` are the positions of the atoms that bind a name."""

    text: ModuleText
    facts: Facts
    by_name: Mapping[str, list[int]] = field(default_factory=dict)
    stars: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        by_name: dict[str, list[int]] = {}
        by_global: dict[
            str, set[int]
        ] = {}  # bound in functions by `global x`; counts where nothing at the top binds it
        for position, atom in enumerate(self.facts.atoms):
            for name in atom.binds:
                by_name.setdefault(name, []).append(position)
            if "*" in atom.targets:
                self.stars.append(position)
        for position, atom in enumerate(self.facts.atoms):
            for effect in atom.effects:
                if effect.how == How.STORE and effect.level and effect.chain.isidentifier():
                    by_global.setdefault(effect.chain, set()).add(position)
        self.by_name = {**{name: sorted(positions) for name, positions in by_global.items()}, **by_name}

    @property
    def package(self) -> str:
        """The package that relative imports count from."""
        return self.text.name if self.text.is_package else self.text.name.rpartition(".")[0]


class Library:
    """The project's modules, each read once."""

    def __init__(self, sources: Sources, cache: IndexCache | None = None) -> None:
        self._sources = sources
        self._cache = cache
        self._modules: dict[str, Module | None] = {}

    def module(self, name: str) -> Module | None:
        """Return the project's module of this name, None when there is none. Raises CodeError for a syntax error."""
        if name not in self._modules:
            text = self._sources.module(name)
            self._modules[name] = None if text is None else Module(text, self._facts(text))
        return self._modules[name]

    def _facts(self, text: ModuleText) -> Facts:
        key = f"code:{FACTS_VERSION}:{sys.version_info[0]}.{sys.version_info[1]}:{text.digest}"
        if self._cache is not None and (kept := self._cache.get(key)) is not None:
            try:
                return Facts.from_dict(kept)
            except (KeyError, IndexError, TypeError, ValueError):
                pass  # a damaged cache is a miss; what is read anew takes its place
        facts = index(text.text, text.path)
        if self._cache is not None:
            self._cache.put(key, facts.to_dict())
        return facts


class Program:
    """What one function may see of a library; `modules` are those that were asked for, None for one not there."""

    def __init__(self, library: Library) -> None:
        self.modules: dict[str, Module | None] = {}
        self._library = library
        self._hits: dict[tuple[str, str], tuple[Hit, ...]] = {}

    def module(self, name: str) -> Module | None:
        """Return the project's module of this name, None when there is none. Raises CodeError as the library does."""
        if name in self.modules:
            return self.modules[name]
        parent = self.module(name.rpartition(".")[0]) if "." in name else None
        if not name or ("." in name and (parent is None or not parent.text.is_package)):
            return None  # below what is not the project's, or not a package, there is nothing to look for
        self.modules[name] = found = self._library.module(name)
        return found

    def split(self, module: Module, target: str) -> tuple[str, tuple[str, ...]] | None:
        """Return the absolute module and the attributes of an import target; None above the top package."""
        name, _, attributes = target.partition(":")
        bare = name.lstrip(".")
        if level := len(name) - len(bare):
            parts = module.package.split(".") if module.package else []
            if level > len(parts):
                return None
            parts = parts[: len(parts) - level + 1]
            name = ".".join((*parts, bare) if bare else parts)
        return name, tuple(attributes.split(".")) if attributes else ()

    def load(self, module: Module, target: str) -> list[str]:
        """Return the project modules that importing `target` runs, packages first."""
        place = self.split(module, target)
        if place is None:
            return []
        name, attributes = place
        names: list[str] = []
        for part in (*name.split("."), *attributes[:1]):
            inner = f"{names[-1]}.{part}" if names else part
            if self.module(inner) is None:
                return names
            names.append(inner)
        if not attributes and (star := self.module(name)) and isinstance(star.facts.exports, list):
            inside = (f"{name}.{export}" for export in star.facts.exports if export not in star.by_name)
            names += [inner for inner in inside if self.module(inner) is not None]
        return names

    def atoms(self, module: Module, name: str) -> list[tuple[int, Atom]]:
        """Return the atoms that bind `name`, with positions, in order; star imports that may bring it included."""
        positions = list(module.by_name.get(name, ()))
        if module.stars:
            positions += [
                p for p in module.stars if self._star_brings(module, module.facts.atoms[p], name, bool(positions))
            ]
            positions.sort()
        return [(p, module.facts.atoms[p]) for p in positions]

    def _star_brings(self, module: Module, star: Atom, name: str, bound: bool) -> bool:
        for source in self._star_sources(module, star):
            if source is None:
                if not bound and not name.startswith("_"):
                    return True
            elif self._exports(source, name, {module.text.name}):
                return True
        return False

    def _star_sources(self, module: Module, star: Atom) -> Iterator[Module | None]:
        for target in star.targets["*"]:
            place = self.split(module, target)
            yield self.module(place[0]) if place else None

    def _exports(self, module: Module, name: str, seen: set[str]) -> bool:
        exports = module.facts.exports
        if isinstance(exports, list):
            return name in exports
        if exports is None and name.startswith("_"):
            return False
        if name in module.by_name:
            return True
        seen.add(module.text.name)
        for position in module.stars:
            for source in self._star_sources(module, module.facts.atoms[position]):
                if source is None:
                    if name not in _BUILTINS:
                        return True
                elif source.text.name not in seen and self._exports(source, name, seen):
                    return True
        return False

    def resolve(self, module: Module, chain: str) -> tuple[Hit, ...]:
        """Return all that `chain`, used in `module`, may name; imports on the way are among the symbols."""
        key = (module.text.name, chain)
        if key not in self._hits:
            if ":" in chain:
                place = self.split(module, chain)
                hits = self._at(*place, set()) if place else iter((Missing(module.text.name, chain),))
            else:
                hits = self._name(module, chain.split("."))
            self._hits[key] = tuple(dict.fromkeys(hits))
        return self._hits[key]

    def _name(self, module: Module, parts: list[str]) -> Iterator[Hit]:
        name, *rest = parts
        if self.atoms(module, name):
            yield from self._bound(module, name, tuple(rest), set())
        if name in module.by_name:
            return
        if name in _BUILTINS:
            yield Outside(".".join(("builtins", *parts)))
        elif not self.atoms(module, name) and name not in _MODULE_NAMES:
            inner = f"{module.text.name}.{name}"
            if module.text.is_package and self.module(inner):
                yield from self._at(inner, tuple(rest), set())
            else:
                yield Missing(module.text.name, name)

    def _bound(self, module: Module, name: str, rest: tuple[str, ...], seen: set[Symbol]) -> Iterator[Hit]:
        symbol = Symbol(module.text.name, name, rest)
        if symbol in seen:
            return
        seen.add(symbol)
        yield symbol
        for _, atom in self.atoms(module, name):
            named = [(target, rest) for target in atom.targets.get(name, ())]
            named += [(target, (name, *rest)) for target in atom.targets.get("*", ())]
            for target, attributes in named:
                place = self.split(module, target)
                if place is None:
                    yield Missing(module.text.name, name)
                else:
                    yield from self._at(place[0], (*place[1], *attributes), seen)

    def _at(self, name: str, attributes: tuple[str, ...], seen: set[Symbol]) -> Iterator[Hit]:
        module = self.module(name)
        if module is None:
            yield Outside(".".join((name, *attributes)))
            return
        if not attributes:
            yield Outside(name) if module.text.is_namespace else Whole(name)
            return
        first, rest = attributes[0], attributes[1:]
        bindings = self.atoms(module, first)
        inner = f"{name}.{first}"
        if bindings:
            yield from self._bound(module, first, rest, seen)
        if module.text.is_package and self._shadows(module, first, inner) and self.module(inner) is not None:
            yield from self._at(inner, rest, seen)
        elif module.text.is_namespace:
            yield Outside(".".join((name, *attributes)))
        elif not bindings:
            if self.atoms(module, "__getattr__"):
                yield from self._bound(module, "__getattr__", (), seen)
            elif first == "__dict__":
                yield Whole(name)
            elif first not in _MODULE_NAMES:
                yield Missing(name, first)

    def _shadows(self, module: Module, name: str, inner: str) -> bool:
        """Tell whether a submodule may be meant by a name: not where an import from that very module binds it."""
        for _, atom in self.atoms(module, name):
            for target in atom.targets.get(name, ()):
                if (place := self.split(module, target)) and place[0] == inner and place[1]:
                    return False
        return True
