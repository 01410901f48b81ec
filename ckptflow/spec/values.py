"""Pure. Params and vars: where the values of a stage come from.

Values of several origins are merged key by key, mappings deeply; the same key from two origins is a mistake, as in DVC,
since which one counts could not be seen from either.
"""

from __future__ import annotations

from dataclasses import dataclass

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


def _like_a_file(name: str) -> bool:
    return "/" in name or name.endswith((".yaml", ".yml", ".json", ".toml"))


@dataclass(frozen=True, slots=True)
class Found:
    """A value from a file, null included, and the node that asked for it."""

    value: Value
    node: Node


@dataclass(frozen=True, slots=True)
class Values:
    """Reads params and vars of one pipeline; `base` is the directory that their paths are relative to."""

    files: ValueFiles
    findings: Findings

    def defaults(self, base: str) -> dict[str, Value]:
        """Return what params.yaml in `base` holds, nothing where it is absent or broken."""
        path = normalise(base, DEFAULT_PARAMS)
        assert path is not None
        file = self.files.load(path)
        if file.there and file.sound and file.value is not None and not isinstance(file.value, dict):
            self.findings.note("CF111", f"{path} holds no mapping, so `${{}}` cannot name its values", None)
        return copied(file.value) if isinstance(file.value, dict) else {}

    def merge_vars(self, node: Node, base: str, into: dict[str, Value], loaded: set[str]) -> None:
        """Merge the items of `vars` into `into`. `loaded` holds the files that are wholly in it already."""
        assert isinstance(node, Sequence)
        for item in node.items:
            if has_template(item):
                self.findings.add("CF136", "`vars` cannot hold templates", item, "write the value itself")
            elif isinstance(item, Mapping):
                self._merge(into, to_value(item), item, "")
            elif isinstance(item, Scalar):
                self._merge_file(item, base, into, loaded)

    def _merge_file(self, item: Scalar, base: str, into: dict[str, Value], loaded: set[str]) -> None:
        name, colon, keys = item.text.partition(":")
        path = self._path(name, base, item)
        if path is None or path in loaded:
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
        if not colon:
            loaded.add(path)
            self._merge(into, file.value, item, "")
            return
        for key in keys.split(","):
            steps = key.strip().split(".")
            found = self._select(file.value, key.strip(), path, item)
            if found is not None:
                chosen = found.value
                for step in reversed(steps):
                    chosen = {step: chosen}
                self._merge(into, chosen, item, "")

    def _merge(self, into: dict[str, Value], update: Value, item: Node, prefix: str) -> None:
        assert isinstance(update, dict)
        for name, value in update.items():
            have = into.get(name)
            if name not in into:
                into[name] = copied(value) if isinstance(value, dict) else value
            elif isinstance(have, dict) and isinstance(value, dict):
                self._merge(have, value, item, f"{prefix}{name}.")
            else:
                key = item.key(name) if isinstance(item, Mapping) and not prefix else None
                self.findings.add(
                    "CF135", f"`{prefix}{name}` is defined already, in params or earlier vars", key or item
                )

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
        loaded = self.files.load(path)
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
