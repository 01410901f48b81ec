"""Pure. The function that a stage names, with its signature; or an error that says what is there."""

from __future__ import annotations

from collections.abc import Iterable

from ...errors import CodeError, Place
from .facts import Atom, How, Kind
from .model import Parameter, ParameterKind, Signature
from .resolve import Hit, Module, Outside, Program, Symbol
from .signatures import chains, signature

_UNKNOWN = Signature(
    (
        Parameter("args", ParameterKind.VAR_POSITIONAL, False, None),
        Parameter("kwargs", ParameterKind.VAR_KEYWORD, False, None),
    )
)


def entry_of(entry: str, program: Program) -> tuple[Module, str, Signature]:
    """Return the module of `pkg.mod:function`, the name at its top, and the signature. Raises CodeError."""
    module_name, colon, function = entry.partition(":")
    parts = function.split(".")
    if not colon or not all(part.isidentifier() for part in (*module_name.split("."), *parts)):
        raise CodeError(f"`{entry}` is not `module:function`", hint="write `package.module:function`")
    module = program.module(module_name)
    if module is None:
        path = module_name.replace(".", "/")
        raise CodeError(f"no module `{module_name}` in the project", hint=f"expected {path}.py or {path}/__init__.py")
    if not program.atoms(module, parts[0]):
        raise _not_found(module, function)
    return module, parts[0], _signature(program, module, function, set())


def _signature(program: Program, module: Module, chain: str, seen: set[tuple[str, str]]) -> Signature:
    """Follow imports and plain assignments to the definition."""
    if (module.text.name, chain) in seen:
        raise _not_found(module, chain)
    seen.add((module.text.name, chain))
    hits = program.resolve(module, chain)
    for hit in reversed(hits):
        if isinstance(hit, Symbol) and (found := _defined(program, hit, seen)) is not None:
            return found
    if any(isinstance(hit, Outside) for hit in hits):
        return _UNKNOWN
    raise _not_found(module, chain)


def _defined(program: Program, symbol: Symbol, seen: set[tuple[str, str]]) -> Signature | None:
    """Return the signature of what a symbol is bound to, None for a name that only imports bind."""
    module = program.module(symbol.module)
    assert module is not None
    name = ".".join((symbol.name, *symbol.rest))
    if name in module.facts.signatures:
        row = module.facts.signatures[name]
        return signature(row, {chain: _dotted(program, module, chain, set()) for chain in chains(row)})
    atoms = [atom for _, atom in program.atoms(module, symbol.name)]
    made = [atom for atom in atoms if atom.kind not in (Kind.IMPORT, Kind.STAR) and symbol.name not in atom.targets]
    if not made:
        return None
    last = made[-1]
    if last.alias:
        return _signature(program, module, ".".join((last.alias, *symbol.rest)), seen)
    if last.kind is Kind.CLASS and symbol.rest:
        for base in _bases(last):
            for hit in reversed(program.resolve(module, ".".join((base, *symbol.rest)))):
                if isinstance(hit, Symbol) and (found := _defined(program, hit, seen)) is not None:
                    return found
                if isinstance(hit, Outside):
                    return _UNKNOWN
        raise _not_found(module, name)
    if last.kind in (Kind.VALUE, Kind.BLOCK, Kind.FUNCTION) and not symbol.rest:
        return _UNKNOWN
    if symbol.rest:
        raise _not_found(module, name)
    what = "a class" if last.kind is Kind.CLASS else "no function"
    raise CodeError(f"`{name}` in {module.text.name} is {what}", place=Place(module.text.path, last.line, 1))


def _bases(atom: Atom) -> Iterable[str]:
    return [effect.chain for effect in atom.effects if effect.how == How.BASE and effect.level == 0]


def _dotted(program: Program, module: Module, chain: str, seen: set[tuple[str, str]]) -> str:
    """Return the dotted name of what a chain in an annotation means, the chain itself where it means nothing."""
    hits: tuple[Hit, ...] = program.resolve(module, chain)
    outside = [hit.name for hit in hits if isinstance(hit, Outside)]
    if outside:
        return outside[-1].removeprefix("builtins.")
    symbols = [hit for hit in hits if isinstance(hit, Symbol)]
    if not symbols:
        return chain
    last = symbols[-1]
    owner = program.module(last.module)
    assert owner is not None
    aliases = [atom.alias for _, atom in program.atoms(owner, last.name) if atom.alias]
    if aliases and (last.module, last.name) not in seen:
        seen.add((last.module, last.name))
        return _dotted(program, owner, ".".join((aliases[-1], *last.rest)), seen)
    return ".".join((last.module, last.name, *last.rest))


def _not_found(module: Module, name: str) -> CodeError:
    from difflib import get_close_matches  # only an error pays for it

    place = Place(module.text.path, 1, 1)
    near = get_close_matches(name, module.facts.signatures, 1)
    hint = f"did you mean `{near[0]}`?" if near else None
    return CodeError(f"no function `{name}` in {module.text.name}", place=place, hint=hint)
