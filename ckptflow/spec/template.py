"""Pure. `${name}` in a stage -> the value that params and vars give it, by DVC's rules.

An exact `${x}` keeps the value's type; inside a text it is rendered, booleans as `true` and `false`. `\\${` stands for
`${` itself. Names are keys and numbers of items: `a.b`, `a[b]`, `a.0`, `a[-1]`.

In `cmd` a value is quoted for the place in which it stands (`shell`), a mapping becomes options (`--key value`), and a
`cmd` that is nothing but `${x}` takes the whole command from there. What stands in the pipeline file itself is the
author's as much as the command is: such a value may also be several plain words (`flags: --lr 0.1`), as in DVC. In the
`cmd` of a chunked stage `${chunk...}` is left for the run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NoReturn

from ..dataclass import dataclass
from .findings import Findings, listed
from .model import Value
from .nodes import Blank, Mapping, Node, Scalar, Sequence, from_value, scalar_text
from .shell import OptionStyle, Quoting, Unquotable, options

_SPOT = re.compile(r"(?P<escape>\\?)\$\{(?P<inner>[^}]*)(?P<end>\}?)")
_STEP = r"[^.\[\]]+"
_NAME = re.compile(rf"{_STEP}(?:\.{_STEP}|\[{_STEP}\])*")
_STEPS = re.compile(_STEP)
_USUAL = re.compile(r"[\w -]+(?:\.[\w -]+|\[[\w -]+\])*")
_INDEX = re.compile(r"-?[0-9]{1,9}")
_CHUNK = re.compile(r"chunk(?:[.\[]|$)")
_ESCAPE_HINT = "to leave it to the shell write \\${...}"


class Unknown(Exception):  # an answer of `look_up`, always caught in this room
    """No such name: `step` is the part that is not there, `known` what is."""

    def __init__(self, step: str, known: tuple[str, ...]) -> None:
        super().__init__(step)
        self.step = step
        self.known = known


def look_up(values: Value, steps: list[str]) -> Value:
    """Return what lies under `steps`: keys of mappings, numbers in lists. Raises Unknown."""
    found = values
    for step in steps:
        match found:
            case dict():
                if step not in found:
                    raise Unknown(step, tuple(found))
                found = found[step]
            case list():
                if not (_INDEX.fullmatch(step) and -len(found) <= int(step) < len(found)):
                    raise Unknown(step, tuple(str(i) for i in range(min(len(found), 20))))
                found = found[int(step)]
            case _:
                raise Unknown(step, ())
    return found


def has_template(node: Node) -> bool:
    """Tell whether a text in `node`, keys included, has a `${` that is not escaped."""
    match node:
        case Scalar():
            return any(not spot["escape"] for spot in _SPOT.finditer(node.text))
        case Sequence():
            return any(has_template(item) for item in node.items)
        case Mapping():
            return any(has_template(key) or has_template(item) for key, item in node.pairs)
        case Blank():
            return False


@dataclass(frozen=True, slots=True)
class Templates:
    """Resolves the templates of one stage against `values`, and notes what cannot be resolved.

    `own` are those names in `values` whose values stand in the pipeline file itself; `style` tells how mappings become
    options. `complete` False: params or vars could not all be read: a name that is not there is then no mistake of its
    own.
    """

    values: dict[str, Value]
    findings: Findings
    chunked: bool = False
    complete: bool = True
    own: frozenset[str] = frozenset()
    style: Callable[[], OptionStyle] = OptionStyle

    def resolve(self, node: Node) -> Node:
        """Return `node` with all templates resolved; blank where that failed."""
        match node:
            case Scalar(value=str()) if "${" in node.text:
                return self._text(node, None)
            case Sequence():
                node_items = [self.resolve(item) for item in node.items]
                return Sequence(node.line, node.column, node.length, node_items)
            case Mapping():
                return self._mapping(node)
            case _:
                return node

    def resolve_command(self, node: Node) -> Node:
        """Return `cmd` with all templates resolved, values quoted for the shell."""
        match node:
            case Scalar(value=str()) if "${" in node.text:
                return self._text(node, Quoting())
            case Sequence():
                items = [self.resolve_command(item) for item in node.items]
                return Sequence(node.line, node.column, node.length, items)
            case _:
                return node

    def _mapping(self, node: Mapping) -> Node:
        pairs: list[tuple[Scalar, Node]] = []
        seen: set[str] = set()
        for key, value in node.pairs:
            name = self._text(key, None) if "${" in key.text else key
            if not isinstance(name, Scalar):
                if not isinstance(name, Blank):
                    self.findings.add("CF132", "a list or mapping cannot be a key", key)
                return Blank(node.line, node.column, node.length)
            if name.text in seen:
                self.findings.add("CF105", f"the key `{name.text}` stands twice once templates are resolved", key)
            else:
                seen.add(name.text)
                if name is not key:  # a key is a text, whatever `${n}` holds
                    name = Scalar(name.line, name.column, name.length, name.text, name.text)
                pairs.append((name, self.resolve(value)))
        return Mapping(node.line, node.column, node.length, pairs)

    def _text(self, node: Scalar, quoting: Quoting | None) -> Node:
        text = node.text
        whole = _SPOT.fullmatch(text)
        if whole and not whole["escape"] and not self._left_alone(whole, quoting):
            try:
                return from_value(self._value(whole, node), node)
            except _Failed:
                return Blank(node.line, node.column, node.length)
        pieces: list[str] = []
        at = 0
        failed = False
        for spot in _SPOT.finditer(text):
            self._own(text[at : spot.start()], pieces, quoting)
            at = spot.end()
            if spot["escape"] or self._left_alone(spot, quoting):
                self._own(spot.group().removeprefix("\\"), pieces, quoting)
                continue
            try:
                pieces.append(self._piece(spot, node, quoting))
            except _Failed:
                failed = True
        self._own(text[at:], pieces, quoting)
        if failed:
            return Blank(node.line, node.column, node.length)
        made = "".join(pieces)
        return Scalar(node.line, node.column, node.length, made, made)

    def _own(self, text: str, pieces: list[str], quoting: Quoting | None) -> None:
        """Take over a piece of the text that is no template."""
        pieces.append(text)
        if quoting is not None:
            quoting.feed(text)

    def _left_alone(self, spot: re.Match[str], quoting: Quoting | None) -> bool:
        """Tell whether this is `${chunk...}` for the run to replace."""
        return bool(self.chunked and quoting and spot["end"] and _CHUNK.match(spot["inner"].strip()))

    def _piece(self, spot: re.Match[str], node: Scalar, quoting: Quoting | None) -> str:
        value = self._value(spot, node)
        name = spot["inner"].strip()
        if isinstance(value, dict) and quoting is not None:
            return self._options(value, name, spot, node, quoting)
        if isinstance(value, list | dict):
            what = "a list" if isinstance(value, list) else "a mapping"
            self._fail("CF132", f"`{name}` is {what} and cannot stand inside a text", spot, node)
        text = rendered(value)
        if quoting is None:
            return text
        quoted = quoting.quoted(text, words=_STEPS.findall(name)[0].strip() in self.own)
        if quoted is None:
            message = f"the value of `{name}` has characters that the shell would read here"
            self._fail("CF134", message, spot, node, "hand it over with `env:` and write \\${NAME} in the command")
        return quoted

    def _options(self, value: dict[str, Value], name: str, spot: re.Match[str], node: Scalar, quoting: Quoting) -> str:
        """Return a mapping as options of a command."""
        if not quoting.bare:
            self._fail("CF132", f"`{name}` is a mapping and cannot stand inside quotes", spot, node)
        try:
            text = options(value, self.style())
        except Unquotable as error:
            self._fail("CF132", f"`{name}` cannot be made options of a command: {error}", spot, node)
        quoting.passed(text)
        return text

    def _value(self, spot: re.Match[str], node: Scalar) -> Value:
        name = spot["inner"].strip()
        if not spot["end"] or not _NAME.fullmatch(name):
            self._fail("CF130", f"`{spot.group()}` is no template: `${{name.key[0]}}`", spot, node, _ESCAPE_HINT)
        if _CHUNK.match(name) and "chunk" not in self.values:
            self._fail("CF133", f"`${{{name}}}` has a meaning only in the `cmd` of a stage with `chunk`", spot, node)
        try:
            return look_up(self.values, [step.strip() for step in _STEPS.findall(name)])
        except Unknown as unknown:
            if not self.complete:
                raise _Failed from None
            if not _USUAL.fullmatch(name):
                self._fail("CF130", f"`{spot.group()}` is no template: `${{name.key[0]}}`", spot, node, _ESCAPE_HINT)
            hint = self.findings.suggest(unknown.step, unknown.known)
            if hint is None:
                known = f"known here: {listed(unknown.known)}; " if unknown.known else ""
                hint = known + _ESCAPE_HINT
            self._fail("CF131", f"`${{{name}}}`: there is no `{unknown.step}` in params or vars", spot, node, hint)

    def _fail(self, code: str, message: str, spot: re.Match[str], node: Scalar, hint: str | None = None) -> NoReturn:
        if node.length == len(node.text):  # written as it is, in one line: the place can be exact
            start, length = spot.start() + len(spot["escape"]), spot.end() - spot.start()
            node = Scalar(node.line, node.column + start, length, node.value, node.text)
        self.findings.add(code, message, node, hint)
        raise _Failed


def rendered(value: None | bool | int | float | str) -> str:
    """Return a value as it stands inside a text: `true`, `false`, `None`, numbers as Python writes them."""
    return "None" if value is None else scalar_text(value)


class _Failed(Exception):  # control flow of this module only
    """A template could not be resolved; why was noted."""
