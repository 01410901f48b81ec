"""Pure. YAML text -> nodes with positions, under limits.

PyYAML's parser gives events, and the tree is built here without recursion: its own composer recurses in C and crashes
the interpreter on 200,000 nested brackets, resolves scalars as YAML 1.1 does (`on`, `12:30`, `0777`), keeps the last of
two equal keys in silence, and expands aliases without end.

Scalars follow the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema). Merge keys (`<<`), which 1.2
no longer has, are honoured: files that are in use have them.
"""

from __future__ import annotations

import re
from typing import Any

from ..dataclass import dataclass
from ..errors import Problem
from .findings import Source
from .nodes import Mapping, Node, Scalar, Sequence

MOST_CHARACTERS = 10_000_000
MOST_DEPTH = 100
MOST_NODES = 1_000_000
MOST_ALIASED = 100_000

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
"""What YAML 1.2 does not call printable (section 5.1). Told by what it allows, it takes 20 times as long to compile."""

_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_BASED = re.compile(r"0o([0-7]+)|0x([0-9a-fA-F]+)")
_INF = re.compile(r"([-+]?)\.(inf|Inf|INF)")
_WORDS: dict[str, None | bool | float] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_NUMBER_STARTS = frozenset("+-.0123456789")
_TAG = "tag:yaml.org,2002:"
_TAGGED = {"null": type(None), "bool": bool, "int": int}


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML text that could be read."""

    source: Source
    root: Node


def compose(file: str, text: str, problems: list[Problem]) -> Document | None:
    """Return the tree of `text`, or None after the reasons were added to `problems`.

    Problems that leave a sound tree behind (a key twice, an unknown tag) are added too, and the tree is returned.
    """
    source = Source.of(file, text)
    composer = _Composer(source, problems)
    if len(text) > MOST_CHARACTERS:
        composer.add("CF102", f"{file} has {len(text):,} characters; the limit is {MOST_CHARACTERS:,}", 1, 1)
        return None
    bad = _FORBIDDEN.search(text)
    if bad:
        before = Source.of(file, text[: bad.start()]).lines
        where = len(before), len(before[-1]) + 1
        composer.add("CF101", f"character {bad.group()!a} is not allowed in YAML", *where)
        return None
    root = composer.read(text)
    return None if root is None else Document(source, root)


@dataclass(slots=True, eq=False)
class _Open:
    """A list or mapping whose end has not been met. `size` and `height` count expanded aliases as well."""

    node: Sequence | Mapping
    anchor: str | None
    key: Scalar | None = None
    seen: dict[str, int] | None = None
    merges: list[Mapping] | None = None
    size: int = 1
    height: int = 1


class _Refused(Exception):  # control flow of this module only
    """The text passes a limit; it was reported."""


class _Composer:
    """Builds the tree from events; one object a text."""

    def __init__(self, source: Source, problems: list[Problem]) -> None:
        self._source = source
        self._problems = problems
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int, int] | None] = {}
        self._root: Node | None = None
        self._nodes = 0
        self._aliased = 0

    def add(self, code: str, message: str, line: int, column: int, *, length: int = 1, hint: str | None = None) -> None:
        self._problems.append(Problem(code, message, self._source.at(line, column, length), hint))

    def read(self, text: str) -> Node | None:
        import yaml

        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        act = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._start_mapping,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceStartEvent: self._start_sequence,
            yaml.SequenceEndEvent: self._end,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
        }
        try:
            for event in yaml.parse(text, Loader=loader):
                handler = act.get(type(event))
                if handler is not None:
                    handler(event)
        except _Refused:
            return None
        except yaml.MarkedYAMLError as error:
            self._syntax(error)
            return None
        except yaml.YAMLError as error:
            self.add("CF101", f"not valid YAML: {error}", 1, 1)
            return None
        if self._root is None:
            self._root = Scalar(1, 1, 1, None, "")
        return self._root

    def _syntax(self, error: Any) -> None:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        what = ", ".join(part for part in (error.context, error.problem) if part)
        if "maximum nesting depth" in what:  # newer versions of libyaml have a limit of their own
            self.add("CF103", f"nested deeper than {MOST_DEPTH} levels", line, column)
            return
        hint = None
        if "flow" in what and any("${" in text for text in self._source.lines[max(0, line - 2) : line]):
            hint = 'inside {...} and [...] put a template in quotes: "${name}"'
        elif self._source.at(line, column).text[column - 1 : column] == "\t":
            hint = "indent with spaces: YAML does not take tabs"
        elif "mapping values are not allowed" in what:
            hint = "check the indentation, or put a text that contains `: ` in quotes"
        elif "found undefined alias" in what:
            hint = "an anchor (&name) must stand before its alias (*name)"
        elif "cannot start any token" in what:
            hint = "put a text that begins with this character in quotes"
        self.add("CF101", f"not valid YAML: {what}", line, column, hint=hint)

    def _refuse(self, code: str, message: str, event: Any, hint: str | None = None) -> None:
        mark = event.start_mark
        self.add(code, message, mark.line + 1, mark.column + 1, hint=hint)
        raise _Refused

    def _document(self, event: Any) -> None:
        if self._root is not None:
            self._refuse("CF107", "a second document begins here", event, "one file holds one document: remove `---`")

    def _scalar(self, event: Any) -> None:
        start, end = event.start_mark, event.end_mark
        text: str = event.value
        length = end.column - start.column if end.line == start.line else 1
        node = Scalar(start.line + 1, start.column + 1, length, text, text)
        tag = event.tag
        if tag is None:
            if event.implicit[0]:
                node.value = self._plain(text, node)
        elif tag != "!":
            node.value = self._tagged(tag, text, node)
        merge = text == "<<" and event.implicit[0] and tag is None
        self._place(node, event, 1, 1, merge=merge)

    def _plain(self, text: str, node: Scalar) -> None | bool | int | float | str:
        try:
            return core_scalar(text)
        except ValueError:
            self.add("CF109", f"a number of {len(text):,} digits", node.line, node.column, hint="put it in quotes")
            return None

    def _tagged(self, tag: str, text: str, node: Scalar) -> None | bool | int | float | str:
        name = tag.removeprefix(_TAG)
        if tag.startswith(_TAG):
            if name == "str":
                return text
            value = self._plain(text, node)
            if name in _TAGGED and type(value) is _TAGGED[name]:
                return value
            if name == "float" and isinstance(value, int | float) and not isinstance(value, bool):
                return float(value)
            if name in {*_TAGGED, "float"}:
                self.add("CF106", f"`{text}` is no !!{name}", node.line, node.column, length=node.length)
                return text
        self._bad_tag(tag, node)
        return text

    def _bad_tag(self, tag: str, node: Node) -> None:
        shown = "!!" + tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag
        self.add("CF106", f"the tag {shown} is not supported", node.line, node.column, hint="remove the tag")

    def _start_mapping(self, event: Any) -> None:
        mark = event.start_mark
        node = Mapping(mark.line + 1, mark.column + 1, 1, [])
        self._start(event, _Open(node, event.anchor, seen={}), "map")

    def _start_sequence(self, event: Any) -> None:
        mark = event.start_mark
        self._start(event, _Open(Sequence(mark.line + 1, mark.column + 1, 1, []), event.anchor), "seq")

    def _start(self, event: Any, opened: _Open, tag: str) -> None:
        if len(self._open) >= MOST_DEPTH:
            self._refuse("CF103", f"nested deeper than {MOST_DEPTH} levels", event)
        if event.tag not in (None, "!", _TAG + tag):
            self._bad_tag(event.tag, opened.node)
        if opened.anchor is not None:
            self._anchors[opened.anchor] = None  # open: an alias to it now would be a cycle
        self._open.append(opened)

    def _end(self, event: Any) -> None:
        opened = self._open.pop()
        node = opened.node
        if isinstance(node, Mapping) and opened.merges:
            self._merge(node, opened.merges)
        self._place(node, event, opened.size, opened.height, anchor=opened.anchor)

    def _merge(self, node: Mapping, merges: list[Mapping]) -> None:
        """Add the pairs of merged mappings; what the mapping says itself wins, then the mapping merged first."""
        have = set(node.names())
        for merged in merges:
            for key, value in merged.pairs:
                if key.text not in have:
                    have.add(key.text)
                    node.pairs.append((key, value))

    def _alias(self, event: Any) -> None:
        name = event.anchor
        if name not in self._anchors:
            self._refuse("CF101", f"the alias *{name} has no anchor before it", event, f"write &{name} at its value")
        found = self._anchors[name]
        if found is None:
            self._refuse("CF104", f"the alias *{name} stands inside its own value", event)
            return
        node, size, height = found
        self._aliased += size
        if self._aliased > MOST_ALIASED:
            self._refuse("CF104", f"aliases expand to more than {MOST_ALIASED:,} values", event)
        if len(self._open) + height > MOST_DEPTH + 1:
            self._refuse("CF103", f"nested deeper than {MOST_DEPTH} levels through the alias *{name}", event)
        mark = event.start_mark
        if isinstance(node, Scalar):  # a scalar stands where its alias is: that is what the reader sees
            node = Scalar(mark.line + 1, mark.column + 1, len(name) + 1, node.value, node.text)
        self._place(node, event, size, height, alias=True)

    def _place(
        self,
        node: Node,
        event: Any,
        size: int,
        height: int,
        *,
        anchor: str | None = None,
        alias: bool = False,
        merge: bool = False,
    ) -> None:
        """Put a finished node where it belongs: root, item, key or value."""
        self._nodes += 1
        if self._nodes > MOST_NODES:
            self._refuse("CF102", f"more than {MOST_NODES:,} values in one file", event)
        name = anchor if anchor is not None else (None if alias else getattr(event, "anchor", None))
        if name is not None:
            self._anchors[name] = (node, size, height)
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        parent.size += size
        parent.height = max(parent.height, height + 1)
        target = parent.node
        if isinstance(target, Sequence):
            target.items.append(node)
        elif parent.key is None:
            parent.key = self._as_key(node, merge=merge)
        else:
            key, parent.key = parent.key, None
            self._pair(parent, target, key, node)

    def _as_key(self, node: Node, *, merge: bool) -> Scalar:
        if not isinstance(node, Scalar):
            self.add("CF106", "a list or mapping cannot be a key", node.line, node.column)
            return _UNUSABLE
        return _MERGE if merge else node

    def _pair(self, parent: _Open, target: Mapping, key: Scalar, node: Node) -> None:
        assert parent.seen is not None
        if key is _UNUSABLE:
            return
        if key is _MERGE:
            merged = node.items if isinstance(node, Sequence) else [node]
            if all(isinstance(item, Mapping) for item in merged):
                parent.merges = [*(parent.merges or []), *(item for item in merged if isinstance(item, Mapping))]
            else:
                self.add("CF106", "`<<` takes a mapping or a list of mappings", node.line, node.column)
        elif key.text in parent.seen:
            message = f"the key `{key.text}` stands twice; first in line {parent.seen[key.text]}"
            self.add("CF105", message, key.line, key.column, length=key.length, hint="remove or rename one of them")
        else:
            parent.seen[key.text] = key.line
            target.pairs.append((key, node))


_MERGE = Scalar(0, 0, 0, None, "<<")
_UNUSABLE = Scalar(0, 0, 0, None, "")


def core_scalar(text: str) -> None | bool | int | float | str:
    """Return what a plain scalar means in YAML 1.2's core schema. Raises ValueError for too long a number."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    based = _BASED.fullmatch(text)
    if based:
        return int(based[1], 8) if based[1] else int(based[2], 16)
    infinite = _INF.fullmatch(text)
    if infinite:
        return float("-inf") if infinite[1] == "-" else float("inf")
    return text
