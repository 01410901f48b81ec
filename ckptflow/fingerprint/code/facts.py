"""Pure. What one file says about itself, as plain data that can be kept as JSON: its atoms.

An *atom* is a piece of a module's top level that is taken or left as a whole: a function, a class, one name of an
import, an assignment, or a compound statement (`try`, `for`, `with`, `while`, `match`). An `if` is no atom: each
statement under it is one, with the conditions it stands under. The symbol `name` is all atoms that bind `name`.

A *chain* is a use of a name with the attributes read from it: `np.linalg.norm` where `np` is global in the file,
`numpy:linalg.norm` where an import inside the function says where it comes from.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

from ...dataclass import dataclass, field
from ...ids import Digest

CONSTANT_CALL = "!"
"""Suffix of a chain: called with a literal module name, which is followed; so the call is no hole."""

SUBCLASSES = "builtins:type.__subclasses__"
"""The chain that stands for every use of `__subclasses__`, of whatever object."""


class Kind(StrEnum):
    """What an atom is, as far as it matters for what may change it."""

    FUNCTION = "f"
    CLASS = "k"
    IMPORT = "i"
    STAR = "*"
    CONSTANT = "c"  # an immutable literal
    PLAIN = "b"  # a builtin container of immutables
    LOGGER = "l"
    VALUE = "o"  # the value of any other expression
    BLOCK = "x"  # a compound statement
    EFFECT = "e"  # a statement that binds nothing


class How(StrEnum):
    """In which way a statement could change what a chain names."""

    STORE = "s"  # assigned, deleted or called through an element: `X[0] = 1`, `X.a.append(1)`
    ARGUMENT = "a"  # given to a call, or to another name
    READ = "r"  # iterated over or copied: changes an iterator only
    CALL = "v"  # called
    BASE = "h"  # inherited from


class Effect(NamedTuple):
    """One way in which running a piece of code could change something.

    `level` 0 is run by the import, 1 by calling the function, 2 by calling what the call returned, and so on. `note` is
    the number of calls for CALL, the callee's chain for ARGUMENT ("" where it has none). `bare` when it stands in a
    statement that drops the result: that was written for its effect.
    """

    level: int
    how: str
    chain: str
    note: str
    bare: bool


@dataclass(slots=True)
class Atom:
    """One piece of a module; see the top of this file.

    `refs` maps chains to the line of their first use, `notes` those in annotations; `eager` are those needed by the
    import. `targets` are the names
    bound by imports, `loads` the import targets that running the import executes, `lazy` those that calling executes.
    `dynamic` are (chain, line) of `getattr(chain, <computed>)`. `doc` digests the docstrings where there are any.
    """

    kind: Kind
    line: int
    binds: list[str]
    digest: Digest
    source: str
    refs: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    eager: list[str] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    targets: dict[str, list[str]] = field(default_factory=dict)
    loads: list[str] = field(default_factory=list)
    lazy: list[str] = field(default_factory=list)
    dynamic: list[tuple[str, int]] = field(default_factory=list)
    hook: bool = False  # a class that sees its subclasses being made
    alias: str | None = None  # the chain that is the whole value
    doc: Digest | None = None

    def to_list(self) -> list[Any]:
        """Return the JSON form."""
        return [
            *(self.kind.value, self.line, self.binds, self.digest, self.source, self.refs, self.notes),
            *(
                self.eager,
                self.effects,
                self.targets,
                self.loads,
                self.lazy,
                self.dynamic,
                self.hook,
                self.alias,
                self.doc,
            ),
        ]

    @classmethod
    def from_list(cls, row: list[Any]) -> Atom:
        """Inverse of `to_list`."""
        atom = cls(Kind(row[0]), *row[1:])
        atom.effects = [Effect(*effect) for effect in atom.effects]
        atom.dynamic = [(chain, line) for chain, line in atom.dynamic]
        return atom


@dataclass(slots=True)
class Facts:
    """One file. `exports` is `__all__`: None where there is none, "*" where it is not a literal list.

    `signatures` maps `function` and `Class.method` to [is_async, is_generator, returns, parameters]; a parameter is
    [name, kind, has_default, annotation]; an annotation is text in which each chain stands between two NULs.
    """

    atoms: list[Atom]
    exports: list[str] | str | None
    signatures: dict[str, list[Any]]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        atoms = [atom.to_list() for atom in self.atoms]
        return {"atoms": atoms, "exports": self.exports, "signatures": self.signatures}

    @classmethod
    def from_dict(cls, doc: dict[str, Any]) -> Facts:
        """Inverse of `to_dict`."""
        return cls([Atom.from_list(row) for row in doc["atoms"]], doc["exports"], doc["signatures"])
