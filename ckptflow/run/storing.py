"""Edge. What a chunk made becomes objects in the store: a value through its format, a file, a directory.

Everything is written whole in the worker's staging directory, on the store's own disk, and then moved to its name.
"""

from __future__ import annotations

import errno
import os
import stat as modes
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..chunk.model import Part
from ..chunk.tree import ListedFile, Listing
from ..dataclass import dataclass, field
from ..errors import DepUnreadable, ResultError, StoreError
from ..ids import Digest, StageName
from ..store.objects import Objects
from ..store.oserrors import store_error
from .messages import CutTask, Input, Output, Source
from .tracebacks import has_user_frames

PATH_FORMATS = frozenset({"file", "dir"})
"""Formats whose outs a function writes itself, to a path that it is given."""

_BY_VALUES = frozenset({"parquet", "arrow"})
"""Formats of files by a command that are named by their rows. Text tables are not: commands read their bytes."""

_DISK = frozenset({errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO})


@dataclass(slots=True)
class Staging:
    """The store that results go to, and a directory of this worker's own on the store's disk, made when needed."""

    objects: Objects
    directory: Path
    store: Path
    root: Path
    spills: Path
    _made: bool = field(default=False, repr=False)
    _number: int = field(default=0, repr=False)

    def fresh(self, suffix: str = "") -> Path:
        """Return a path in the staging directory at which there is nothing."""
        if not self._made:
            with self.writing():
                self.directory.mkdir(parents=True, exist_ok=True)
            self._made = True
        self._number += 1
        return self.directory / f"{self._number}{suffix}"

    def disk_error(self, error: OSError) -> StoreError | None:
        """Return what a full or read-only disk means to the user; None where the error is another."""
        if error.errno not in _DISK:
            return None
        return store_error(error, "write a result", str(self.store))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Make errors of the disk a StoreError, except those of user code that the body runs (a generator)."""
        try:
            yield
        except OSError as error:
            if has_user_frames(error, str(self.root)):
                raise
            raise store_error(error, "write a result", str(self.store)) from error


def store_value(staging: Staging, output: Output, value: object) -> Part:
    """Write `value` in the out's format. Raises ResultError where it cannot, StoreError where the disk cannot."""
    from ..formats.packing import pack
    from ..formats.registry import get_format

    path = staging.fresh()
    try:
        with staging.writing():
            written = pack(get_format(output.format), value, path)
        if written.data is None:
            object_, size = staging.objects.put_file(path, move=True)
        else:
            object_, size = staging.objects.put(written.data), len(written.data)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Part(object=object_, bytes=size, values=written.values or object_, rows=written.rows)


def store_path(staging: Staging, output: Output, path: Path | str, *, move: bool) -> Part:
    """Store the file or directory that user code left at `path`; return its part.

    `move` gives the files themselves away. Raises ResultError for what cannot be kept (missing, a FIFO, a link to
    nowhere, the wrong one of file and directory).
    """
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - a text, once a stage
    except (FileNotFoundError, NotADirectoryError) as error:
        if os.path.islink(path):  # noqa: PTH114
            raise ResultError(f"`{output.label}` is a symbolic link to nothing") from error
        raise ResultError(f"nothing was written to `{output.label}`") from error
    if modes.S_ISDIR(mode):
        if output.format == "file" and output.name is not None:
            raise ResultError(f"`{output.label}` is a directory", hint="declare it with `format: dir`")
        return store_files(staging, _files_of(output, Path(path)), move=move, share=output.share)
    if not modes.S_ISREG(mode):
        raise ResultError(f"`{output.label}` is neither a file nor a directory")
    if output.format == "dir":
        raise ResultError(f"`{output.label}` is a file", hint="declare it with `format: file`, or write a directory")
    object_, size = _store_file(staging, path, move=move, share=output.share)
    if output.format not in _BY_VALUES:
        return Part(object=object_, bytes=size, values=object_)
    values, rows = _values_of(staging, output, object_)
    return Part(object=object_, bytes=size, values=values, rows=rows)


def _store_file(staging: Staging, path: Path | str, *, move: bool, share: bool) -> tuple[Digest, int]:
    shared = staging.objects.share_file(path) if share else None
    if shared is None:
        return staging.objects.put_file(Path(path), move=move)
    object_, size, itself = shared
    if not itself:
        _be_one_file(staging, path, object_)
    return object_, size


def _be_one_file(staging: Staging, path: Path | str, object_: Digest) -> None:
    """Let a file whose bytes are those of an older object be a link to it, if there can be one more: bytes are kept
    once, and whoever looks at the out need not read it.

    Nothing is renamed over it: see `workspace.link`.
    """
    own = staging.objects.place(object_)
    os.unlink(path)  # noqa: PTH108
    try:
        os.link(own, path)
    except OSError:  # it has as many links as it may have
        import shutil

        shutil.copyfile(own, path)


def _values_of(staging: Staging, output: Output, object_: Digest) -> tuple[Digest, int | None]:
    """Read the stored bytes back and name their rows; of the object, since the file may be written to meanwhile."""
    from .cutting import cut

    path = str(staging.objects.path(object_))
    source = Source(path=path, format=output.format, identity=object_)
    task = CutTask(0, StageName(""), inputs=(Input(output.label, source),), spec=None, log="")
    try:
        sheet = cut(task, staging.objects.path, staging.root, staging.spills)
    except DepUnreadable as error:
        raise ResultError(
            f"`{output.label}` is no {output.format} file: {error.message.replace(path, output.path)}"
        ) from error
    piece = sheet.pieces[output.label][0]
    return piece.digest, piece.rows


def store_files(staging: Staging, files: Iterable[tuple[str, Path]], *, move: bool, share: bool = False) -> Part:
    """Store files as a directory, each under its relative POSIX path; return the directory's part."""
    listed = []
    for name, path in files:
        mode = path.stat().st_mode
        object_, size = _store_file(staging, path, move=move, share=share)
        listed.append(ListedFile(name, object_, size, bool(mode & 0o100)))
    listing = staging.objects.put(Listing(tuple(listed)).encode())
    return Part(object=listing, bytes=sum(f.bytes for f in listed), values=listing, listing=True)


def _files_of(output: Output, top: Path) -> Iterator[tuple[str, Path]]:
    """Yield relative POSIX name and path of each file; empty directories are not kept. Links to files are followed."""
    for folder, folders, names in os.walk(top):
        for name in sorted((*names, *(f for f in folders if (Path(folder) / f).is_symlink()))):
            path = Path(folder) / name
            relative = path.relative_to(top).as_posix()
            if not path.is_file():
                raise ResultError(
                    f"`{output.label}` holds `{relative}`, which is no plain file",
                    hint="links to directories, FIFOs and sockets cannot be kept: write files",
                )
            try:
                relative.encode()
            except UnicodeEncodeError as error:
                raise ResultError(f"`{output.label}` holds a file whose name is not UTF-8: {relative!a}") from error
            yield relative, path
