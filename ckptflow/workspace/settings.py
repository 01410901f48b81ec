"""Edge. Settings: where they come from, in order of precedence, and what they are.

Command-line flag, environment variable (`CKPTFLOW_` and the name), `.ckptflow/config.local.yaml`,
`.ckptflow/config.yaml`, the user's `ckptflow/config.yaml` under XDG_CONFIG_HOME, default. `origin` remembers which.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..dataclass import dataclass, field, fields
from ..errors import Place, Problem, SpecError
from .locate import STATE_DIR
from .remotes import Remote, merge_remotes, parse_remotes

DURABILITIES = ("batch", "strict", "off")
LINKS = ("reflink", "hardlink", "symlink", "copy")
EXECUTORS = ("local",)
SYNCS = ("auto", "manual")
LOCAL_STORE = f"{STATE_DIR}/store"
FAR_STORE = "store"
CONFIG_FILES = ("config.local.yaml", "config.yaml")


@dataclass(frozen=True, slots=True)
class Settings:
    """How ckptflow behaves here. Times in seconds.

    A store on object storage (`store: s3://...`) is a remote called `store` that is always in sync, with what this
    machine used of it at the usual local place: `far` tells so.
    """

    store: str = LOCAL_STORE
    jobs: int = 0
    executor: str = "local"
    durability: str = "batch"
    link: tuple[str, ...] = ("reflink", "hardlink", "symlink", "copy")
    lock_timeout: float | None = None
    grace: float = 30.0
    keep_logs: int = 10
    remote: str | None = None
    sync: str = "manual"
    remote_timeout: float = 60.0
    key_file: str | None = None
    remotes: Mapping[str, Remote] = field(default_factory=dict)
    far: bool = False
    origin: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def local_store(self) -> str:
        """The directory of the local store, or of what is here of one that is far away; relative to the root."""
        return LOCAL_STORE if self.far else self.store

    @property
    def shares(self) -> bool:
        """Whether what is finished goes to a remote by itself."""
        return self.far or self.sync == "auto"

    @property
    def workers(self) -> int:
        """The number of worker processes: `jobs`, or one a core."""
        return self.jobs or available_cpus()


NAMES = tuple(f.name for f in fields(Settings) if f.name not in ("far", "origin"))


def available_cpus() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def config_paths(root: Path, env: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the configuration files, strongest first, whether they exist or not."""
    home = env.get("XDG_CONFIG_HOME") or str(Path(env.get("HOME", "~")).expanduser() / ".config")
    return (*(root / STATE_DIR / name for name in CONFIG_FILES), Path(home) / "ckptflow" / "config.yaml")


def load_settings(
    root: Path,
    env: Mapping[str, str],
    flags: Mapping[str, Any] | None = None,
    instead: Mapping[Path, str] | None = None,
) -> Settings:
    """Return the settings that hold for the project at `root`. Raises `SpecError` naming file and key.

    `instead` gives the texts that some of the configuration files would have.
    """
    texts = instead or {}
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    problems: list[Problem] = []
    layers: list[tuple[str, Mapping[str, Any]]] = []
    for path in reversed(config_paths(root, env)):
        if path in texts or path.is_file():
            layers.append((str(path), _read(path, texts.get(path), problems)))
    layers.append(
        ("environment", {n: env[f"CKPTFLOW_{n.upper()}"] for n in NAMES if env.get(f"CKPTFLOW_{n.upper()}")}),
    )
    layers.append(("command line", {k: v for k, v in (flags or {}).items() if v is not None}))
    for where, layer in layers:
        for name, value in layer.items():
            if name not in NAMES:
                from difflib import get_close_matches  # only a mistake pays for it

                close = get_close_matches(str(name), NAMES, 1)
                hint = f"did you mean `{close[0]}`?" if close else f"settings are {', '.join(NAMES)}"
                problems.append(Problem("CF080", f"unknown setting `{name}`", Place(where, 1, 1), hint))
                continue
            try:
                values[name] = merge_remotes(values.get(name, {}), value) if name == "remotes" else _parse(name, value)
                origin[name] = f"{where} (CKPTFLOW_{name.upper()})" if where == "environment" else where
            except ValueError as error:
                problems.append(Problem("CF081", f"setting `{name}`: {error}", Place(where, 1, 1)))
    problems.extend(_check_remotes(values, origin))
    if isinstance(values.get("store"), Remote) and not problems:
        problems.extend(_take_far_store(values, origin))
    if problems:
        raise SpecError(tuple(problems))
    return Settings(**values, origin=origin)


def _check_remotes(values: dict[str, Any], origin: Mapping[str, str]) -> Iterator[Problem]:
    """Parse the remotes of all layers together; yield what is wrong with them, or with the name of the chosen one."""
    try:
        values["remotes"] = parse_remotes(values.get("remotes", {}))
    except ValueError as error:
        yield Problem("CF081", f"setting `remotes`: {error}", Place(origin["remotes"], 1, 1))
        return
    name = values.get("remote")
    if name is not None and name not in values["remotes"]:
        hint = f"remotes are {', '.join(values['remotes'])}" if values["remotes"] else "there are no `remotes`"
        yield Problem("CF081", f"setting `remote`: there is no remote `{name}`", Place(origin["remote"], 1, 1), hint)


def _take_far_store(values: dict[str, Any], origin: Mapping[str, str]) -> Iterator[Problem]:
    """Make the store a remote; yield what stands against it."""
    if FAR_STORE in values["remotes"]:
        text = f"setting `remotes`: `{FAR_STORE}` is the store itself, where that is a URL"
        yield Problem("CF081", text, Place(origin["remotes"], 1, 1), "give the remote another name")
        return
    values["remotes"] = {**values["remotes"], FAR_STORE: values["store"]}
    values["store"], values["far"] = values["store"].shown, True


def _read(path: Path, text: str | None, problems: list[Problem]) -> Mapping[str, Any]:
    import yaml

    try:
        text = path.read_text(encoding="utf-8") if text is None else text
        doc = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe loaders
    except yaml.MarkedYAMLError as error:  # its own text may show the line, and that a password
        mark = error.problem_mark
        place = Place(str(path), mark.line + 1, mark.column + 1) if mark is not None else Place(str(path), 1, 1)
        problems.append(Problem("CF082", f"cannot be read: {error.problem}", place))
        return {}
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        problems.append(Problem("CF082", f"cannot be read: {error}", Place(str(path), 1, 1)))
        return {}
    if doc is None:
        return {}
    if not isinstance(doc, dict):
        problems.append(Problem("CF082", "must be a mapping of settings", Place(str(path), 1, 1)))
        return {}
    return doc


def _parse(name: str, value: Any) -> Any:
    match name:
        case "jobs" | "keep_logs":
            number = _number(value)
            if number != int(number):
                raise ValueError(f"must be a whole number, is {value!r}")
            return int(number)
        case "grace" | "remote_timeout":
            return _number(value)
        case "lock_timeout":
            return None if value in (None, "none", "null") else _number(value)
        case "durability":
            return _one_of(value, DURABILITIES)
        case "executor":
            return _one_of(value, EXECUTORS)
        case "store" if isinstance(value, Mapping) or (isinstance(value, str) and "://" in value):
            return parse_remotes({FAR_STORE: {"url": value} if isinstance(value, str) else value})[FAR_STORE]
        case "sync":
            return _one_of("manual" if value in (False, "off") else value, SYNCS)
        case "link":
            items = value.replace(",", " ").split() if isinstance(value, str) else value
            if not isinstance(items, list) or not items:
                raise ValueError(f"must be one or more of {', '.join(LINKS)}, is {value!r}")
            return tuple(_one_of(item, LINKS) for item in items)
        case _:
            if not isinstance(value, str) or not value:
                raise ValueError(f"must be text, is {value!r}")
            return value


def _number(value: Any) -> float:
    """Return a number of zero or more."""
    try:
        number = float("x" if isinstance(value, bool) else value)
    except (TypeError, ValueError):
        raise ValueError(f"must be a number, is {value!r}") from None
    if not 0 <= number < float("inf"):
        raise ValueError(f"must not be negative, is {value!r}" if number < 0 else f"must be a number, is {value!r}")
    return number


def _one_of(value: Any, allowed: tuple[str, ...]) -> str:
    if value is False and "off" in allowed:  # YAML 1.1 readers turn `off` into false
        return "off"
    if value not in allowed:
        raise ValueError(f"must be one of {', '.join(allowed)}, is {value!r}")
    return str(value)
