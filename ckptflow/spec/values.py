"""Pure. Params and vars: where the values of a stage come from.

Values of several origins are merged key by key, mappings deeply; the same key from two origins is a mistake, as in DVC,
since which one counts could not be seen from either.
"""

from __future__ import annotations

from ..dataclass import dataclass, field
from .findings import Findings, listed
from .model import Value
from .nodes import Mapping, Node, Scalar, Sequence, to_value
from .paths import is_absolute, is_url, normalise
from .template import Unknown, has_template, look_up
from .valuefiles import ValueFiles

DEFAULT_PARAMS = "params.yaml"


def param_argument(name: str) -> str:
    """Return the argument that a declared param goes to: the last part of its name.

    `features.window_days` and `other.yaml:features.window_days` give `window_days`; a whole file, `conf/other.yaml`,
    gives its name without directory and suffix.
    """
    _, colon, key = name.rpartition(":")
    if not colon and _like_a_file(name):
        return key.rpartition("/")[2].partition(".")[0]
    return key.rpartition(".")[2]


def param_origin(name: str) -> tuple[str, str | None]:
    """Return the file and the key that a declared param stands for; no key for a whole file."""
    file, colon, key = name.partition(":")
    if colon:
        return file, key
    return (name, None) if _like_a_file(name) else (DEFAULT_PARAMS, name)


def _like_a_file(name: str) -> bool:
    return "/" in name or name.endswith((".yaml", ".yml", ".json", ".toml", ".py"))


@dataclass(frozen=True, slots=True)
class Found:
    """A value from a file, null included, and the node that asked for it. `made`: the file is an out, and stands for
    all that is asked of it.
    """

    value: Value
    node: Node
    made: bool = False


@dataclass(slots=True)
class Scope:
    """What `${}` can name. `own` are the names whose values stand in the pipeline file itself; `loaded` the files that
    are in it: wholly (None), or these keys of them.
    """

    values: dict[str, Value] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
    loaded: dict[str, list[str] | None] = field(default_factory=dict)

    def inner(self) -> Scope:
        """Return a scope that can grow without changing this one."""
        return Scope(copied(self.values), set(self.own), dict(self.loaded))

    def plus(self, extra: dict[str, Value], own: bool) -> Scope:
        """Return this scope with more names, which hide those of the same name."""
        names = self.own | extra.keys() if own else self.own - extra.keys()
        return Scope({**self.values, **extra}, names, self.loaded)


@dataclass(frozen=True, slots=True)
class Values:
    """Reads params and vars of one pipeline; `base` is the directory that their paths are relative to.

    Files in `made` are outs: what they hold is known only when their stages have run.
    """

    files: ValueFiles
    findings: Findings
    made: frozenset[str] = frozenset()

    def scope(self, base: str, *, params: bool) -> Scope:
        """Return what `${}` can name before any `vars`: with `params`, what params.yaml in `base` holds."""
        scope = Scope()
        if not params:
            return scope
        path = normalise(base, DEFAULT_PARAMS)
        assert path is not None
        file = self.files.load(path)
        if file.there:
            scope.loaded[path] = None
        if file.there and file.sound and file.value is not None and not isinstance(file.value, dict):
            self.findings.note("CF111", f"{path} holds no mapping, so `${{}}` cannot name its values", None)
        if isinstance(file.value, dict):
            scope.values.update(copied(file.value))
        return scope

    def merge_vars(self, node: Node, base: str, scope: Scope, reserved: frozenset[str] = frozenset()) -> None:
        """Merge the items of `vars` into `scope`; none may define a name in `reserved`."""
        assert isinstance(node, Sequence)
        for item in node.items:
            if has_template(item):
                self.findings.add("CF136", "`vars` cannot hold templates", item, "write the value itself")
            elif isinstance(item, Mapping):
                fresh = {name for name in item.names() if name not in scope.values}
                self._merge(scope.values, to_value(item), item, reserved)
                scope.own |= fresh
            elif isinstance(item, Scalar):
                self._merge_file(item, base, scope, reserved)

    def _merge_file(self, item: Scalar, base: str, scope: Scope, reserved: frozenset[str]) -> None:
        name, _, text = item.text.partition(":")
        keys = [key.strip() for key in text.split(",") if key.strip()]
        path = self._path(name, base, item)
        if path is None or not self._may_load(path, keys, item, scope):
            return
        file = self.files.load(path)
        if not file.there:
            self.findings.add("CF140", f"the file {path} is not there", item)
        if not file.sound:
            return
        if not isinstance(file.value, dict):
            if file.value is not None:
                self.findings.add("CF111", f"{path} holds no mapping", item)
            return
        if not keys:
            scope.loaded[path] = None
            self._merge(scope.values, file.value, item, reserved)
            scope.own -= file.value.keys()
            return
        scope.loaded[path] = [*(scope.loaded.get(path) or ()), *keys]
        for key in keys:
            steps = key.split(".")
            found = self._select(file.value, key, path, item)
            if found is not None:
                chosen = found.value
                for step in reversed(steps):
                    chosen = {step: chosen}
                self._merge(scope.values, chosen, item, reserved)
                scope.own.discard(steps[0])

    def _may_load(self, path: str, keys: list[str], item: Scalar, scope: Scope) -> bool:
        """Tell whether a file, or these keys of it, is still to be loaded; a file counts whole or in distinct parts."""
        if path not in scope.loaded:
            return True
        have = scope.loaded[path]
        if not keys and have is None:
            return False
        if keys and have is not None and not set(keys) & set(have):
            return True
        what = "as a whole" if have is None else f"in part ({listed(have)})"
        hint = (
            "remove one of them" if path.rpartition("/")[2] != DEFAULT_PARAMS else f"{DEFAULT_PARAMS} is always loaded"
        )
        self.findings.add("CF137", f"{path} is loaded already, {what}", item, hint)
        return False

    def _merge(self, into: dict[str, Value], update: Value, item: Node, reserved: frozenset[str], at: str = "") -> None:
        assert isinstance(update, dict)
        for name, value in update.items():
            have = into.get(name)
            key = item.key(name) if isinstance(item, Mapping) and not at else None
            if name in reserved and not at:
                message = f"`{name}` is what `foreach` and `matrix` call their item"
                self.findings.add("CF135", message, key or item, "choose another name")
            elif name not in into:
                into[name] = copied(value) if isinstance(value, dict) else value
            elif isinstance(have, dict) and isinstance(value, dict):
                self._merge(have, value, item, reserved, f"{at}{name}.")
            else:
                self.findings.add("CF135", f"`{at}{name}` is defined already, in params or earlier vars", key or item)

    def params(self, node: Node, base: str) -> dict[str, Found]:
        """Return the values of a stage's `params` by declared name; note what is not there."""
        assert isinstance(node, Sequence)
        found: dict[str, Found] = {}
        for item in node.items:
            if isinstance(item, Scalar):
                self._param(found, item, DEFAULT_PARAMS, item.text, base)
                continue
            assert isinstance(item, Mapping)
            for file, keys in item.pairs:
                match keys:
                    case Sequence(items=[_, *_]):
                        for key in keys.items:
                            assert isinstance(key, Scalar)
                            self._param(found, key, file.text, key.text, base)
                    case Scalar(value=str()):
                        self._param(found, keys, file.text, keys.text, base)
                    case _:
                        self._param(found, file, file.text, None, base)
        return found

    def _param(self, found: dict[str, Found], item: Scalar, file: str, key: str | None, base: str) -> None:
        path = self._path(file, base, item)
        if path is None:
            return
        if path in self.made:
            found.setdefault(path, Found(None, item, made=True))
            return
        loaded = self.files.load(path)
        self.files.asked.add(path)
        if not loaded.there:
            what = f", so there is no param `{key}`" if key is not None else ""
            self.findings.add("CF140", f"the file {path} is not there{what}", item)
        if not loaded.sound:
            return
        declared = normalise(".", file) or file  # `./a.yaml` is `a.yaml`
        if key is None:
            found[declared] = Found(loaded.value, item)
            return
        chosen = self._select(loaded.value, key, path, item)
        if chosen is not None:
            short = declared == DEFAULT_PARAMS and ":" not in key and not _like_a_file(key)
            found[key if short else f"{declared}:{key}"] = chosen

    def _select(self, values: Value, key: str, path: str, item: Node) -> Found | None:
        try:
            return Found(look_up(values, key.split(".")), item)
        except Unknown as unknown:
            hint = self.findings.suggest(unknown.step, unknown.known)
            if hint is None and unknown.known:
                hint = f"there are: {listed(unknown.known)}"
            message = f"there is no param `{key}` in {path}"
            if unknown.step != key:
                message += f" (no `{unknown.step}`)"
            self.findings.add("CF141", message, item, hint)
            return None

    def _path(self, name: str, base: str, item: Node) -> str | None:
        path = None if not name or is_absolute(name) or is_url(name) else normalise(base, name)
        if path is None or path == ".":
            self.findings.add("CF152", f"`{name}` is no file of the project", item)
            return None
        return path


def copied(value: dict[str, Value]) -> dict[str, Value]:
    """Return a copy that shares no mapping with `value`, so that merging changes no loaded file."""
    return {name: copied(each) if isinstance(each, dict) else each for name, each in value.items()}
