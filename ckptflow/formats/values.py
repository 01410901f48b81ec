"""Edge. Formats of single values and of plain files: pickle, JSON, NumPy, text, and what functions write themselves."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

from ..errors import DepUnreadable, UsageError
from .forms import Form
from .packing import unpacked
from .parts import readable
from .registry import Written, refused


def bytes_as(path: Path, form: Form) -> object:
    """Return a file as one of the forms that show its bytes. Raises `UsageError` for the forms of tables."""
    match form:
        case Form.PATH:
            return path
        case Form.PATHS:
            return [path]
        case Form.BYTES:
            with readable(path):
                return path.read_bytes()
        case Form.TEXT:
            with readable(path):
                return path.read_bytes().decode()
        case _:
            hint = "annotate the argument as pathlib.Path, bytes or str, or give the dep a `format` of tables"
            raise UsageError(f"{path.name} holds no table and cannot be given as {form}", hint=hint)


class Pickle:
    """Any Python value, by pickle of protocol 5."""

    name = "pickle"
    suffix = ".pkl"
    tabular = False

    def write(self, value: object, path: Path) -> Written:
        """Write the pickle; what cannot be pickled is a `ResultError`."""
        try:
            with path.open("wb") as file:
                pickle.dump(value, file, protocol=5)
        except (pickle.PicklingError, TypeError, AttributeError, RecursionError) as error:
            raise refused(value, self.name, "a value that can be pickled", str(error)) from error
        return Written()

    def read(self, path: Path, form: Form) -> object:
        """Return the value, made anew."""
        if form is not Form.NATURAL:
            return bytes_as(path, form)
        with path.open("rb") as file:
            try:
                return pickle.load(file)  # noqa: S301 - who may be trusted is decided before a path gets here
            except Exception as error:  # unpickling runs code: it can raise anything
                raise DepUnreadable(f"{path} cannot be unpickled: {type(error).__name__}: {error}") from error


class Json:
    """A value of JSON, for people and other programs: indented, UTF-8, keys in the order of the value."""

    name = "json"
    suffix = ".json"
    tabular = False

    def write(self, value: object, path: Path) -> Written:
        """Write the text. NaN and infinities are refused: JSON has none, and readers choke on them."""
        return unpacked(self.pack(value, path), path)

    def pack(self, value: object, path: Path) -> Written:
        """See `Packing`."""
        try:
            text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2, default=_plain)
            data = (text + "\n").encode()
        except (TypeError, ValueError, RecursionError) as error:
            accepted = "dicts, lists, strings, numbers (not NaN: use None), true, false and None"
            raise refused(value, self.name, accepted, str(error)) from error
        return Written(data=data)

    def read(self, path: Path, form: Form) -> object:
        """Return the value, made anew."""
        if form is not Form.NATURAL:
            return bytes_as(path, form)
        with readable(path):
            return json.loads(path.read_bytes())


def _plain(value: Any) -> Any:
    """Return a NumPy scalar or array as Python has it."""
    if type(value).__module__.partition(".")[0] == "numpy":
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not a value of JSON")


class Npy:
    """One NumPy array."""

    name = "npy"
    suffix = ".npy"
    tabular = False

    def write(self, value: object, path: Path) -> Written:
        """Write an array, or what `numpy.asarray` makes one of; arrays of Python objects are refused."""
        import numpy as np

        try:
            array = np.asarray(value)
            if array.dtype.hasobject:
                raise ValueError("it is no array of numbers, strings or times")
        except ValueError as error:
            raise refused(value, self.name, "a numpy array without Python objects", str(error)) from error
        with path.open("wb") as file:
            np.save(file, array, allow_pickle=False)
        return Written()

    def read(self, path: Path, form: Form) -> object:
        """Return the array, in memory of its own."""
        import numpy as np

        if form is not Form.NATURAL:
            return bytes_as(path, form)
        with readable(path):
            return np.load(path, allow_pickle=False)


class Text:
    """A string as UTF-8, line ends as they are."""

    name = "text"
    suffix = ".txt"
    tabular = False

    def write(self, value: object, path: Path) -> Written:
        """Write a `str`."""
        return unpacked(self.pack(value, path), path)

    def pack(self, value: object, path: Path) -> Written:
        """See `Packing`."""
        if not isinstance(value, str):
            raise refused(value, self.name, "a str")
        try:
            data = value.encode()
        except UnicodeEncodeError as error:
            raise refused(value, self.name, "a str of valid characters", str(error)) from error
        return Written(data=data)

    def read(self, path: Path, form: Form) -> object:
        """Return the string."""
        return bytes_as(path, Form.TEXT if form is Form.NATURAL else form)


class File:
    """A file that the function writes itself; it reaches other functions as its path."""

    name = "file"
    suffix = ""
    tabular = False

    def write(self, value: object, path: Path) -> Written:
        """Write `bytes`; anything else a function has to write itself."""
        if not isinstance(value, bytes | bytearray | memoryview):
            raise refused(value, self.name, "bytes, or write to the path in the argument of the out's name")
        path.write_bytes(value)
        return Written()

    def read(self, path: Path, form: Form) -> object:
        """Return the path, or what is in the file where `bytes` or `str` is asked for."""
        return bytes_as(path, Form.PATH if form is Form.NATURAL else form)


class Dir:
    """A directory that the function fills itself; it reaches other functions as its path."""

    name = "dir"
    suffix = ""
    tabular = False

    def write(self, value: object, path: Path) -> Written:
        """Refuse: there is no value that is a directory."""
        raise refused(value, self.name, "nothing, and write into the directory in the argument of the out's name")

    def read(self, path: Path, form: Form) -> object:
        """Return the path of the directory, or all paths in it (files only, sorted) where a list is asked for."""
        match form:
            case Form.NATURAL | Form.PATH:
                return path
            case Form.PATHS:
                return sorted(p for p in path.rglob("*") if p.is_file())
            case _:
                raise UsageError(f"a directory cannot be given as {form}", hint="annotate it as pathlib.Path")


PICKLE = Pickle()
JSON = Json()
NPY = Npy()
TEXT = Text()
FILE = File()
DIR = Dir()
