"""Pure. One declaration of a stage, or of a group: templates resolved -> shape checked -> `Stage`s."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..dataclass import dataclass
from .chunks import read_chunk
from .conform import fields
from .expand import RESERVED, expand
from .findings import Findings, listed
from .measures import parse_duration
from .model import Carry, ChunkSpec, Dep, Keeping, OnError, Out, Stage, Value, chunked_deps, stage_name
from .nodes import Mapping, Node, Scalar, Sequence, to_value, whole
from .paths import is_absolute, normalise
from .places import Places
from .refs import Draft, Ref
from .table import STAGE
from .template import Templates
from .values import Found, Scope, Values, param_argument

_UNTOUCHED = frozenset(("desc", "meta", "vars"))
_CHUNK_USE = re.compile(r"\$\{\s*chunk(?P<rest>[^}]*)\}")
_ODD = re.compile(r"[\x00-\x1f\x7f]")
_GATHERED = frozenset(("parquet", "arrow", "csv", "tsv", "jsonl", "json", "pickle"))
"""Formats of outs that can be put together from what comes of items."""
_LONGEST = 500
_FAULTY_MOST = 5
"""A mistake in the body of a group shows in each of its stages: a few say it all."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What all stages of a pipeline file share. `base` is its directory, `scope` what `${}` can name, as far as it
    could be read (`complete`: wholly).
    """

    file: str
    base: str
    scope: Scope
    values: Values
    findings: Findings
    formats: frozenset[str]
    complete: bool

    def templates(self, scope: Scope, *, chunked: bool = False, complete: bool = True) -> Templates:
        """Return what resolves templates in `scope`."""
        whole_ = self.complete and complete
        own = frozenset(scope.own)
        return Templates(scope.values, self.findings, chunked, whole_, own, self.values.files.option_style)


def read_stages(key: Scalar, node: Node, setting: Setting) -> Iterator[Draft]:
    """Yield the stages that one declaration makes, as far as they are right; mistakes are noted."""
    findings = setting.findings
    if not isinstance(node, Mapping):  # noted where the shape of `stages` was checked
        return
    if not any(node.key(name) for name in ("foreach", "do", "matrix")):
        yield _read_stage(key, key.text, node, setting, setting.scope)
        return
    group = expand(key, node, setting.templates(setting.scope))
    if group is None:
        return
    faulty = 0
    for item in group.items:
        name = f"{key.text}@{item.name}"
        if _ODD.search(item.name) or len(name) > _LONGEST:
            findings.add("CF118", f"an item of `{key.text}` makes no stage name: {item.name[:60]!r}", key)
            return
        noted = len(findings.problems)
        yield _read_stage(key, name, group.body, setting, setting.scope.plus(item.values, group.own), reserved=RESERVED)
        faulty += len(findings.problems) > noted
        if faulty == _FAULTY_MOST:
            return


def _read_stage(
    key: Scalar, name: str, node: Mapping, setting: Setting, scope: Scope, reserved: frozenset[str] = frozenset()
) -> Draft:
    body = _resolved(node, setting, scope, reserved)
    good = fields(STAGE, body, setting.findings, f"stage `{key.text}`")  # told once for all items of a group
    return _Builder(key, name, body, good, setting).build()


def _resolved(node: Mapping, setting: Setting, scope: Scope, reserved: frozenset[str]) -> Mapping:
    """Return the stage with its templates resolved."""
    extra = node.get("vars")
    noted = len(setting.findings.problems)
    if isinstance(extra, Sequence):
        scope = scope.inner()
        wdir = node.get("wdir")
        if wdir is not None:
            wdir = setting.templates(scope).resolve(wdir)
        base = normalise(setting.base, wdir.text) if isinstance(wdir, Scalar) else setting.base
        setting.values.merge_vars(extra, base or setting.base, scope, reserved)
    complete = len(setting.findings.problems) == noted
    templates = setting.templates(scope, chunked=node.key("chunk") is not None, complete=complete)
    pairs: list[tuple[Scalar, Node]] = []
    for key, value in node.pairs:
        if key.text in _UNTOUCHED:
            pairs.append((key, value))
        elif key.text == "cmd":
            pairs.append((key, templates.resolve_command(value)))
        else:
            pairs.append((key, templates.resolve(value)))
    return Mapping(node.line, node.column, node.length, pairs)


@dataclass(frozen=True, slots=True)
class _Builder:
    """Makes one `Stage`. `body` is all that is written, `good` the fields whose shape is right."""

    key: Scalar
    name: str
    body: Mapping
    good: dict[str, Node]
    setting: Setting

    def build(self) -> Draft:
        findings = self.setting.findings
        call = self._text("call")
        base = self._directory()
        places = Places(base, self.setting.formats, findings, call=self.body.key("call") is not None)
        deps, refs = places.deps(self.good["deps"]) if "deps" in self.good else ((), ())
        known_deps = deps if "deps" in self.good or self.body.key("deps") is None else None
        outs = places.outs(self.good)
        params = self.setting.values.params(self.good["params"], base) if "params" in self.good else {}
        deps, params = self._made(deps, params)
        chunk = read_chunk(self.good["chunk"], known_deps, base, findings) if "chunk" in self.good else None
        stage = Stage(
            name=stage_name(self.setting.file, self.name),
            file=self.setting.file,
            call=call,
            cmd=self._commands(),
            wdir=base,
            args=self._table("args"),
            deps=deps,
            outs=outs,
            params={name: param.value for name, param in params.items()},
            chunk=chunk,
            carry=self._carry(),
            each=self._each(deps, outs, chunk),
            checkpoint=self._checkpoint(),
            combine=self._combine(),
            env={name: str(node.text) for name, node in self._scalars("env")},
            workers=self._number("workers"),
            retries=self._number("retries") or 0,
            backoff=self._seconds("backoff", 1.0) or 1.0,
            timeout=self._seconds("timeout", None),
            on_error=self._on_error(),
            max_errors=self._max_errors(),
            packages=self._packages(),
            version=self._value("version"),
            rowwise=self._flag("rowwise"),
            frozen=self._flag("frozen"),
            always_changed=self._flag("always_changed"),
            desc=self._text("desc"),
            meta=self._value("meta"),
            place=findings.source.place(self.key),
        )
        self._kind(stage, params)
        if chunk is not None and stage.cmd and known_deps is not None:
            self._chunk_uses(stage, chunk)
        return Draft(stage, tuple(Ref(ref.text, findings.source.place(ref)) for ref in refs))

    def _made(self, deps: tuple[Dep, ...], params: dict[str, Found]) -> tuple[tuple[Dep, ...], dict[str, Found]]:
        """Turn params from files that other stages write into deps on these files."""
        known = {dep.path for dep in deps}
        source = self.setting.findings.source
        more = [Dep(path, place=source.place(p.node)) for path, p in params.items() if p.made and path not in known]
        if more and self.body.key("call") is not None:
            message = f"the params file `{more[0].path}` is an out, so that its values are not known before it is made"
            node = params[more[0].path].node
            self.setting.findings.add("CF144", message, node, "give the file to the function as a dep")
        return (*deps, *more), {name: param for name, param in params.items() if not param.made}

    def _kind(self, stage: Stage, params: dict[str, Found]) -> None:
        """Check what holds for `call` stages alone, or for `cmd` stages alone."""
        findings = self.setting.findings
        call, cmd, args = (self.body.key(name) for name in ("call", "cmd", "args"))
        if call is None and cmd is None:
            findings.add("CF120", f"stage `{stage.name}` has neither `call` nor `cmd`", self.key)
        elif call is not None and cmd is not None:
            findings.add("CF121", f"stage `{stage.name}` has both `call` and `cmd`", cmd, "keep one of them")
        elif cmd is not None and args is not None:
            findings.add("CF123", "`args` goes with `call`; a command has none", args, "write ${...} in the command")
        elif call is not None:
            self._arguments(stage, params)

    def _arguments(self, stage: Stage, params: dict[str, Found]) -> None:
        """Every argument of the function has one giver, and a name that Python takes."""
        findings = self.setting.findings
        givers: list[tuple[str, str, Node | None]] = []
        args = self.good.get("args")
        if isinstance(args, Mapping):
            givers += [(key.text, "args", key) for key, _ in args.pairs]
        givers += [(dep.name, f"the dep `{dep.name}`", self._name_of("deps", dep)) for dep in stage.deps if dep.name]
        if stage.carry is not None:
            givers.append(("state", "`carry`", self.body.key("carry")))
        givers += [(param_argument(name), f"the param `{name}`", param.node) for name, param in params.items()]
        for out in stage.outs:
            if out.name and out.format in ("file", "dir"):  # handed over as the path to write to
                field = {"out": "outs", "metric": "metrics", "plot": "plots"}[out.kind]
                givers.append((out.name, f"the out `{out.name}`", self._name_of(field, out)))
        seen: dict[str, str] = {}
        for name, giver, node in givers:
            if not name.isidentifier():
                findings.add("CF125", f"{giver} is no name for an argument: `{name}`", node or self.key)
            elif name in seen:
                message = f"the argument `{name}` of stage `{stage.name}` comes from {seen[name]} and from {giver}"
                findings.add("CF124", message, node or self.key, "rename one; `args` can rename: x: ${a.b}")
            else:
                seen[name] = giver

    def _name_of(self, field: str, place: Dep | Out) -> Node | None:
        node = self.good.get(field)
        return node.key(place.name) if isinstance(node, Mapping) and place.name else None

    def _carry(self) -> Carry | None:
        """Read `carry`, and check that there is something to hand on, and a function that takes it."""
        node = self.good.get("carry")
        if not isinstance(node, Mapping):
            return None
        if lacking := self._lacking("chunk", "call"):
            message = f"stage `{self.name}` has `carry`, which hands a state from chunk to chunk, and no `{lacking[0]}`"
            self.setting.findings.add("CF166", message, self._key_of("carry"), lacking[1])
        initial = node.get("initial")
        return Carry(to_value(initial) if initial is not None and whole(initial) else None)

    def _each(self, deps: tuple[Dep, ...], outs: tuple[Out, ...], chunk: ChunkSpec | None) -> bool:
        """Read `each`, and check that there are items, and outs that can be put together from what comes of each."""
        items = [dep for dep in deps if dep.label in chunked_deps(chunk)[:1]]
        if self._text("each") is None:
            return False
        if lacking := self._lacking("chunk", "call"):
            message = f"stage `{self.name}` has `each`, which hands a chunk over item by item, and no `{lacking[0]}`"
            self.setting.findings.add("CF168", message, self._key_of("each"), lacking[1])
        elif items and items[0].name is None:
            message = f"with `each: item` the dep `{items[0].path}` needs a name: the argument that takes an item"
            self.setting.findings.add("CF168", message, self._key_of("each"), f"deps: {{item: {items[0].path}}}")
        for out in outs if self.body.key("call") is not None else ():
            if out.format not in _GATHERED:
                message = f"with `each: item` the out `{out.label}` cannot be of format `{out.format}`"
                hint = "results of items go together as a table (parquet, csv, ...) or a list (json, pickle)"
                self.setting.findings.add("CF169", message, self._key_of("each"), hint)
        return True

    def _on_error(self) -> OnError:
        found = OnError(self._text("on_error") or OnError.FAIL)
        if found is OnError.QUARANTINE and (lacking := self._lacking("chunk", "call")):
            message = f"stage `{self.name}` has `on_error: quarantine`, which sets items aside, and no `{lacking[0]}`"
            self.setting.findings.add("CF170", message, self._key_of("on_error"), lacking[1])
        return found

    def _max_errors(self) -> int | float | None:
        text = self._text("max_errors")
        if text is not None and self._text("on_error") != OnError.QUARANTINE:
            message = f"stage `{self.name}` has `max_errors`, which counts items in quarantine, and sets none aside"
            self.setting.findings.add("CF170", message, self._key_of("max_errors"), "on_error: quarantine")
        if text is None or not text.endswith("%"):
            return self._number("max_errors")
        return float(text.removesuffix("%")) / 100

    def _checkpoint(self) -> Keeping:
        node = self.good.get("checkpoint")
        if not isinstance(node, Mapping):
            return Keeping()
        inner = _Builder(self.key, self.name, node, dict(_pairs_of(node)), self.setting)
        default = Keeping()
        return Keeping(
            every=inner._seconds("every", default.every) or default.every,
            items=inner._number("items") or default.items,
            keep=inner._number("keep") or default.keep,
        )

    def _combine(self) -> str | None:
        """Read `combine`, and check that there are results of a function to combine."""
        found = self._text("combine")
        if found is not None and (lacking := self._lacking("chunk", "call")):
            message = f"stage `{self.name}` has `combine`, which merges the results of chunks, and no `{lacking[0]}`"
            self.setting.findings.add("CF167", message, self._key_of("combine"), lacking[1])
        return found

    def _lacking(self, *names: str) -> tuple[str, str] | None:
        """Return the first of these fields that the stage lacks, and what to do."""
        for name in names:
            if self.body.key(name) is None:
                return name, {"chunk": "chunk: {over: DEP, rows: N}"}.get(name, "write the step as a function")
        return None

    def _key_of(self, name: str) -> Node:
        return next((key for key, _ in self.body.pairs if key.text == name), self.key)

    def _chunk_uses(self, stage: Stage, chunk: ChunkSpec) -> None:
        """Check every `${chunk...}` of a chunked command, and that it writes what it declares."""
        findings = self.setting.findings
        cmd = self.good["cmd"]
        commands = cmd.items if isinstance(cmd, Sequence) else [cmd]
        ins, outs = [dep.label for dep in stage.deps], [out.label for out in stage.outs]
        written: set[str] = set()
        sound = True
        for node in commands:
            assert isinstance(node, Scalar)
            for use in _CHUNK_USE.finditer(node.text):
                wrong = _wrong_use(use["rest"], chunked_deps(chunk), ins, outs)
                if wrong is not None:
                    findings.add("CF133", f"`{use.group()}`: {wrong}", node)
                    sound = False
                elif use["rest"].startswith(".out"):
                    written.update(outs if use["rest"] == ".out" else [use["rest"].removeprefix(".out.")])
        for label in (label for label in outs if sound and label not in written):
            use_it = "${chunk.out}" if len(outs) == 1 else f"${{chunk.out.{label}}}"
            message = f"the chunked command of stage `{stage.name}` does not write `{use_it}`"
            findings.add("CF133", message, commands[0], f"each chunk writes its part of `{label}` to {use_it}")

    def _directory(self) -> str:
        """Return the directory that paths are relative to: the pipeline file's, and `wdir` from there."""
        node = self.good.get("wdir")
        if not isinstance(node, Scalar):
            return self.setting.base
        found = None if is_absolute(node.text) else normalise(self.setting.base, node.text)
        if found is None:
            self.setting.findings.add("CF152", f"`wdir: {node.text}` lies outside the project", node)
        return found or self.setting.base

    def _commands(self) -> tuple[str, ...]:
        node = self.good.get("cmd")
        if isinstance(node, Sequence):
            return tuple(item.text for item in node.items if isinstance(item, Scalar))
        return (node.text,) if isinstance(node, Scalar) else ()

    def _packages(self) -> tuple[str, ...] | None:
        node = self.good.get("packages")
        if node is None:
            return None
        if isinstance(node, Sequence):
            return tuple(dict.fromkeys(item.text for item in node.items if isinstance(item, Scalar)))
        return ("auto",)

    def _text(self, name: str) -> str | None:
        node = self.good.get(name)
        return node.text if isinstance(node, Scalar) else None

    def _flag(self, name: str) -> bool:
        node = self.good.get(name)
        return isinstance(node, Scalar) and node.value is True

    def _number(self, name: str) -> int | None:
        node = self.good.get(name)
        return node.value if isinstance(node, Scalar) and isinstance(node.value, int) else None

    def _seconds(self, name: str, default: float | None) -> float | None:
        node = self.good.get(name)
        if not isinstance(node, Scalar):
            return default
        if isinstance(node.value, str):
            return parse_duration(node.value)
        return float(node.value) if node.value is not None else default

    def _scalars(self, name: str) -> list[tuple[str, Scalar]]:
        node = self.good.get(name)
        pairs = node.pairs if isinstance(node, Mapping) else []
        return [(key.text, value) for key, value in pairs if isinstance(value, Scalar)]

    def _value(self, name: str) -> Value:
        node = self.good.get(name)
        return to_value(node) if node is not None and whole(node) else None

    def _table(self, name: str) -> dict[str, Value]:
        node = self.good.get(name)
        if not isinstance(node, Mapping):
            return {}
        return {key.text: to_value(value) for key, value in node.pairs if whole(value)}


def _pairs_of(node: Mapping) -> Iterator[tuple[str, Node]]:
    return ((key.text, value) for key, value in node.pairs)


def _wrong_use(rest: str, cut: tuple[str, ...], ins: list[str], outs: list[str]) -> str | None:
    """Return what is wrong with `${chunk<rest>}` in a command, None where nothing is."""
    if rest == ".index":
        return None
    for way, labels, named in ((".in", cut, ins), (".out", outs, outs)):
        if rest == way:
            return None if len(labels) == 1 else f"which one? there are: {listed(labels) or 'none'}"
        if rest.startswith(f"{way}."):
            return (
                None if rest.removeprefix(f"{way}.") in named else f"there is no such name; there are: {listed(named)}"
            )
    return "there are ${chunk.in}, ${chunk.out}, ${chunk.index}, ${chunk.in.NAME} and ${chunk.out.NAME}"
