"""Pure. The state that a run keeps for its user, and the ids that it hands out: what is new since the last item.

Both are kept with items. What changed in the state is written key by key, so a large part that stays costs nothing in
the journal; ids that were handed out for an item that failed are handed out again, so sequences have no gaps.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...dataclass import dataclass, field
from ...errors import CheckpointError
from .progress import Id, Progress, split_number

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode


@dataclass(slots=True)
class Kept:
    """The state as it was when it was last written: by key its text."""

    texts: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Kept:
        """Return what was written of `state`."""
        return cls({key: _text(key, value) for key, value in state.items()})

    def changes(self, state: Mapping[str, Any]) -> dict[str, str]:
        """Return the texts of the keys that are new or other than before.

        Raises `CheckpointError` for what does not come back from JSON as it went in.
        """
        if not state:
            return {}
        texts = ((key, _text(key, value)) for key, value in state.items())
        return {key: text for key, text in texts if self.texts.get(key) != text}

    def gone(self, state: Mapping[str, Any]) -> list[str]:
        """Return the keys that are no more."""
        return [key for key in self.texts if key not in state]


def _text(key: object, value: Any) -> str:
    hint = "use dicts with texts as keys, lists, texts, numbers (not NaN), true, false and None; `save` keeps the rest"
    if not isinstance(key, str):
        raise CheckpointError(f"a key of the state is {key!r}, not a text", hint=hint)
    try:
        text = _encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(f"`state[{key!r}]` cannot be kept: {error}", hint=hint) from error
    if not isinstance(value, str | int | float | None) and not _comes_back(value):
        raise CheckpointError(f"`state[{key!r}]` would not come back as it is", hint=hint)
    return text


def _comes_back(value: Any) -> bool:
    """Tell whether JSON has all of a value: no tuples, and no keys but texts."""
    if isinstance(value, dict):
        return all(type(key) is str and _comes_back(each) for key, each in value.items())
    if isinstance(value, list):
        return all(map(_comes_back, value))
    return not isinstance(value, tuple)


@dataclass(slots=True)
class Ids:
    """Ids in sequence. `progress` has those that belong to items; here are those that were only handed out."""

    progress: Progress
    _given: dict[str, int] = field(default_factory=dict)
    _open: dict[int, list[tuple[str, int, str]]] = field(default_factory=dict)
    """By thread what it was given since its last item."""

    def next(self, prefix: str, width: int, start: int, thread: int) -> str:
        """Return the next id with `prefix`. Raises `CheckpointError` for a prefix that ends in a digit."""
        if prefix[-1:].isdigit():
            raise CheckpointError(f"`{prefix}` ends in a digit: it cannot be told from the number behind it")
        last = max(self._given.get(prefix, start - 1), self.progress.numbers.get(prefix, start - 1))
        number = last + 1
        text = f"{prefix}{number:0{width}d}"
        self._given[prefix] = number
        self._open.setdefault(thread, []).append((prefix, number, text))
        return text

    def used(self, generated: Id | None, thread: int) -> dict[str, Any]:
        """Return what the line of an item that this thread has done says of ids: `gave`, and `used` for the others."""
        mine = self._open.get(thread, [])
        if generated is None and mine:
            generated = mine[-1][2]
        if generated is None:
            return {}
        last = {prefix: (number, text) for prefix, number, text in mine}
        split = split_number(generated)
        if split is not None and last.get(split[0], (0, ""))[0] <= split[1]:
            last.pop(split[0], None)
        further = [text for _, text in last.values()]
        return {"gave": generated, "used": further} if further else {"gave": generated}

    def settle(self, thread: int) -> None:
        """This thread's item is finished. What it was given and is in no line is free again, unless somebody else was
        given something meanwhile.
        """
        self._open.pop(thread, None)
        if not self._open:
            self._given.clear()
