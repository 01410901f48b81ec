"""Pure. A file under edit: its text, and what that text must mean by now. Checked twice before anybody may write it.

First: the text, read again, is exactly the old data with the changes that were meant, so that a slip of the splicer,
an alias that shares what was changed, or a text that YAML reads otherwise, cannot reach the disk. Second: the pipeline
has no mistake that it did not have before; one that was invalid may be edited as long as it gets no worse.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ...dataclass import dataclass, replace
from ...errors import EditRefused, Problem, SpecError
from ..compose import compose
from ..findings import Source
from ..load import load_pipeline
from ..model import Value
from ..nodes import to_value
from ..valuefiles import Files
from .changes import Change, changed, same
from .inline import Unwritable
from .located import Located, locate
from .splicing import spliced

_BOM = "\ufeff"
_PLACES = re.compile(r" \([^()]*:\d+:\d+\)|; first in line \d+|\bline \d+")


@dataclass(frozen=True, slots=True)
class Edition:
    """`file` is the path from the project's root, `before` the text as it was, `text` as it is by now, both without a
    byte order mark (`mark`); `data` what `text` must mean."""

    file: str
    before: str
    text: str
    data: Value
    mark: str = ""

    @classmethod
    def begin(cls, file: str, text: str) -> Edition:
        """Return the edition of a file as it is. Raises EditRefused where it cannot be read as YAML."""
        mark = _BOM if text.startswith(_BOM) else ""
        text = text.removeprefix(_BOM)
        return cls(file, text, text, _read(file, text, f"{file} is not valid YAML and cannot be edited"), mark)

    @classmethod
    def blank(cls, file: str, text: str) -> Edition:
        """Return the edition of a file that is not there yet and begins with `text`, which says nothing."""
        return cls(file, "", text, None)

    @property
    def result(self) -> str:
        """The whole text to write."""
        return self.mark + self.text

    @property
    def is_changed(self) -> bool:
        """Whether anything is to be written."""
        return self.text != self.before

    def made(self, *changes: Change) -> Edition:
        """Return the edition with `changes` made. Raises EditRefused where the text has no place for one."""
        edition = self
        for change in changes:
            try:
                text, data = spliced(edition.text, change), changed(edition.data, change)
            except Unwritable as error:
                message = f"this cannot be edited by a command: {error.why}"
                raise edition.refusal("CF192", message, error.at, "edit the file") from None
            if not text.strip():
                raise edition.refusal("CF192", "nothing would be left of the file", 0)
            edition = replace(edition, text=text, data=data)
        return edition

    def refusal(self, code: str, message: str, index: int | None, hint: str | None = None) -> EditRefused:
        """Return the error for what stands at `index` of the text."""
        place = None
        if index is not None:
            doc: Located = locate(self.text)
            line = doc.line_of(index)
            place = Source.of(self.file, self.text).at(line + 1, index - doc.line_start(line) + 1)
        return EditRefused((Problem(code, message, place, hint),))

    def check_data(self) -> None:
        """Raise EditRefused where the text does not say exactly what it must."""
        found = _read(self.file, self.text, f"this edit would leave {self.file} unreadable")
        if not same(found, self.data):
            where = _difference(found, self.data)
            raise EditRefused(
                (
                    Problem(
                        "CF193",
                        f"this edit would change more than was meant, or something else: `{where}`",
                        hint="an alias (*name) or a merged mapping (<<) shares that text; edit the file",
                    ),
                )
            )


def check(
    editions: Iterable[Edition],
    file: str,
    files: Files,
    others: Sequence[str] = (),
    renamed: Mapping[str, str] | None = None,
) -> None:
    """Raise EditRefused unless all editions say what they must, and the pipeline (`file`, `others`) has no new mistake.

    `renamed` maps the names of stages to new ones: a mistake that names one is the same under the other.
    """
    editions = tuple(editions)
    for edition in editions:
        edition.check_data()
    found = _mistakes(file, _Overlay(files, {edition.file: edition.text for edition in editions}), others)
    if not found:
        return
    known = Counter(_essence(problem, renamed or {}) for problem in _mistakes(file, files, others))
    new: list[Problem] = []
    for problem in found:
        essence = _essence(problem, {})
        known[essence] -= 1
        if known[essence] < 0:
            new.append(problem)
    if new:
        names = " and ".join(edition.file for edition in editions)
        raise EditRefused((Problem("CF190", f"this edit would make {names} invalid"), *new))


@dataclass(frozen=True, slots=True)
class _Overlay:
    """Files, some of them with another text."""

    files: Files
    texts: Mapping[str, str]

    def read(self, path: str) -> str | None:
        return self.texts[path] if path in self.texts else self.files.read(path)


def _read(file: str, text: str, otherwise: str) -> Value:
    problems: list[Problem] = []
    document = compose(file, text, problems)
    if document is None:
        raise EditRefused((Problem("CF190", otherwise), *problems))
    return to_value(document.root)


def _mistakes(file: str, files: Files, others: Sequence[str]) -> tuple[Problem, ...]:
    try:
        load_pipeline(file, files, others=others)
    except SpecError as error:
        return error.problems
    return ()


def _essence(problem: Problem, renamed: Mapping[str, str]) -> tuple[str, str]:
    """Return what makes a mistake the same one when lines have moved and stages were renamed."""
    message = _PLACES.sub("", problem.message)
    for old, new in renamed.items():
        message = re.sub(rf"`{re.escape(old)}(?=[`@])", f"`{new}".replace("\\", r"\\"), message)
    return problem.code, message


def _difference(found: Value, meant: Value, path: str = "") -> str:
    """Return where two values begin to differ."""
    match found, meant:
        case dict(), dict():
            steps = [key for key in (*meant, *found) if not (key in found and key in meant)]
            steps = steps or [key for key in meant if not same(found[key], meant[key])]
            if steps and steps[0] in found and steps[0] in meant:
                return _difference(found[steps[0]], meant[steps[0]], f"{path}.{steps[0]}".lstrip("."))
            return f"{path}.{steps[0]}".lstrip(".") if steps else path
        case _:
            return path or "the whole file"
