"""Pure. Files of values - YAML, JSON, TOML, Python - as plain data, each read once, with a note of what was looked for.

The notes become `Pipeline.reads` and `absent`: a cache of the pipeline is out of date when any of them changed or came
to be.
"""

from __future__ import annotations

import json
import re
from typing import Any, Protocol

from ..dataclass import dataclass
from ..errors import Problem
from .compose import MOST_CHARACTERS, MOST_DEPTH, compose
from .findings import Source
from .model import Value
from .nodes import to_value
from .paths import suffix
from .shell import OptionStyle

DVC_CONFIG = (".dvc/config", ".dvc/config.local")


class Files(Protocol):
    """The project's text files, by path relative to its root."""

    def read(self, path: str) -> str | None:
        """Return the text of `path`, None where there is no such file."""
        ...


@dataclass(frozen=True, slots=True)
class ValueFile:
    """A file of values. `there` but not `sound`: it could not be read, which has been noted."""

    there: bool
    sound: bool = False
    value: Value = None


class ValueFiles:
    """Reads files of values through `files`, and notes problems in them."""

    def __init__(self, files: Files, problems: list[Problem]) -> None:
        self._files = files
        self._problems = problems
        self._known: dict[str, ValueFile] = {}
        self.asked: set[str] = set()
        """The files that stages asked for params, whatever else they are read for."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The files that were there, in the order in which they were asked for."""
        return tuple(path for path, file in self._known.items() if file.there)

    @property
    def absent(self) -> tuple[str, ...]:
        """The files that were not there."""
        return tuple(path for path, file in self._known.items() if not file.there)

    def load(self, path: str) -> ValueFile:
        """Return the values in `path`; the kind of file is told by its suffix, YAML where that is unknown."""
        if path not in self._known:
            text = self._files.read(path)
            self._known[path] = ValueFile(there=False) if text is None else self._parse(path, text)
        return self._known[path]

    def option_style(self) -> OptionStyle:
        """Return how mappings become options, from `parsing.bool` and `parsing.list` of DVC's configuration."""
        from configparser import ConfigParser, Error

        parser = ConfigParser(interpolation=None, strict=False)
        for path in DVC_CONFIG:
            text = self._files.read(path)
            self._known[path] = ValueFile(there=text is not None)
            try:
                parser.read_string(text or "", path)
            except Error as error:
                line = getattr(error, "lineno", None) or 1
                self._note("CF101", path, text or "", f"not a configuration of DVC: {error.message}", line, 1)
        return OptionStyle(
            negative=parser.get("parsing", "bool", fallback="") == "boolean_optional",
            repeat=parser.get("parsing", "list", fallback="") == "append",
        )

    def _parse(self, path: str, text: str) -> ValueFile:
        before = len(self._problems)
        match suffix(path):
            case ".json":
                value = self._json(path, text)
            case ".toml":
                value = self._toml(path, text)
            case ".py":
                value = self._python(path, text)
            case _:
                document = compose(path, text, self._problems)
                value = None if document is None else to_value(document.root)
        return ValueFile(there=True, sound=len(self._problems) == before, value=value)

    def _json(self, path: str, text: str) -> Value:
        if not self._fits(path, text):
            return None

        def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
            made = dict(found)
            if len(made) < len(found):
                names = [name for name, _ in found]
                twice = next(name for i, name in enumerate(names) if name in names[:i])
                self._note("CF105", path, text, f"the key `{twice}` stands twice in one object", *_find(text, twice))
            return made

        try:
            value: Value = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=pairs)
        except json.JSONDecodeError as error:
            self._note("CF101", path, text, f"not valid JSON: {error.msg}", error.lineno, error.colno)
            return None
        except ValueError:  # more digits than Python converts
            self._note("CF109", path, text, "a number with too many digits", 1, 1)
            return None
        except RecursionError:
            self._too_deep(path, text)
            return None
        return value if self._shallow(path, text, value) else None

    def _toml(self, path: str, text: str) -> Value:
        import tomllib

        if not self._fits(path, text):
            return None
        try:
            value = tomllib.loads(text.removeprefix("\ufeff"))
        except tomllib.TOMLDecodeError as error:
            where = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
            line, column = (int(where[1]), int(where[2])) if where else (len(Source.of(path, text).lines), 1)
            message = re.sub(r" \(at [^)]*\)$", "", str(error))
            self._note("CF101", path, text, f"not valid TOML: {message}", line, column)
            return None
        except ValueError:
            self._note("CF109", path, text, "a number with too many digits", 1, 1)
            return None
        except RecursionError:
            self._too_deep(path, text)
            return None
        return _plain(value) if self._shallow(path, text, value) else None

    def _python(self, path: str, text: str) -> Value:
        from .pyparams import python_values  # `ast` is for those who have such a file

        if not self._fits(path, text):
            return None
        try:
            value: Value = python_values(text.removeprefix("\ufeff"))
        except SyntaxError as error:
            message = f"not valid Python: {error.msg}"
            self._note("CF101", path, text, message, error.lineno or 1, max(error.offset or 1, 1))
            return None
        except ValueError:  # a NUL character, before Python 3.12
            self._note("CF101", path, text, "not valid Python: it holds a NUL character", 1, 1)
            return None
        except (RecursionError, MemoryError):
            self._too_deep(path, text)
            return None
        return value if self._shallow(path, text, value) else None

    def _fits(self, path: str, text: str) -> bool:
        if len(text) <= MOST_CHARACTERS:
            return True
        message = f"{path} has {len(text):,} characters; the limit is {MOST_CHARACTERS:,}"
        self._note("CF102", path, "", message, 1, 1)
        return False

    def _shallow(self, path: str, text: str, value: Any) -> bool:
        """Tell whether what walks `value` later may recurse; note it where not."""
        level = [value]
        for _ in range(MOST_DEPTH):
            level = [child for node in level for child in _children(node)]
            if not level:
                return True
        if any(isinstance(node, dict | list) for node in level):
            self._too_deep(path, text)
            return False
        return True

    def _too_deep(self, path: str, text: str) -> None:
        self._note("CF103", path, text, f"nested deeper than {MOST_DEPTH} levels", 1, 1)

    def _note(self, code: str, path: str, text: str, message: str, line: int, column: int) -> None:
        self._problems.append(Problem(code, message, Source.of(path, text).at(line, column)))


def _children(node: Any) -> list[Any]:
    match node:
        case dict():
            return list(node.values())
        case list():
            return node
        case _:
            return []


def _find(text: str, key: str) -> tuple[int, int]:
    """Return line and column of the second place where `key` stands quoted; the start of the text if not found."""
    quoted = json.dumps(key)
    at = text.find(quoted, text.find(quoted) + 1)
    if at < 0:
        return 1, 1
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def _plain(value: Any) -> Value:
    """Return TOML's data with dates and times as the text that stands in the file."""
    match value:
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case list():
            return [_plain(each) for each in value]
        case None | bool() | int() | float() | str():
            return value
        case _:
            return str(value.isoformat())
