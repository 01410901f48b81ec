"""Edge. A function that is called again when it fails, to go on from its latest checkpoint.

What ends the process (KeyboardInterrupt, SystemExit) ends the function too. The last error is raised as it is, with
notes on the attempts before it.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any, TypeVar, cast, overload

from ..manifest import Checkpoint
from .manager import CheckpointManager, seconds_of

F = TypeVar("F", bound=Callable[..., Any])
Backoff = float | str | timedelta | Sequence[float] | Callable[[int], float]
LONGEST_SECONDS = 60.0
_log = logging.getLogger("ckptflow.checkpoints")


@overload
def auto_resume(function: F, /) -> F: ...


@overload
def auto_resume(
    retries: int = 3,
    backoff: Backoff = 1.0,
    *,
    manager: CheckpointManager | None = None,
    dataset: str | None = None,
    on: type[Exception] | tuple[type[Exception], ...] = Exception,
) -> Callable[[F], F]: ...


def auto_resume(
    retries: int | Callable[..., Any] = 3,
    backoff: Backoff = 1.0,
    *,
    manager: CheckpointManager | None = None,
    dataset: str | None = None,
    on: type[Exception] | tuple[type[Exception], ...] = Exception,
) -> Any:
    """Return a decorator that calls a function up to `retries` times again after an exception of the kind `on`.

    Without parentheses, `@auto_resume`, all is as the defaults have it.

    `backoff` is the pause before the second call, in seconds or as `5s`, which doubles each time up to a minute and is
    varied by a half; or the pauses themselves; or a function of the number of the retry, from 1 on, that gives them.

    A function that takes `checkpoint` gets the newest valid one of its data set when it is called again (None where
    there is none), and the first time what the caller gives. Manager and data set are those of the decorator, else the
    arguments `manager` and `dataset` (or `dataset_name`) of the call. Raises ValueError, and TypeError for generators.
    """
    if callable(retries):
        return auto_resume()(retries)
    if retries < 0:
        raise ValueError(f"`retries` is {retries}")
    pause_before = _pauses(backoff)

    def decorate(function: F) -> F:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{function.__qualname__} is a generator: its errors come when it is used, not when called")
        calls = _Calls(function, manager, dataset)

        @functools.wraps(function)
        def again(*args: Any, **kwargs: Any) -> Any:
            attempts: list[Exception] = []
            while True:
                try:
                    return function(*args, **calls.arguments(args, kwargs, attempts))
                except on as error:
                    time.sleep(calls.pause(error, attempts, retries, pause_before))

        @functools.wraps(function)
        async def again_async(*args: Any, **kwargs: Any) -> Any:
            attempts: list[Exception] = []
            while True:
                try:
                    more = await asyncio.to_thread(calls.arguments, args, kwargs, attempts)
                    return await cast(Coroutine[Any, Any, Any], function(*args, **more))
                except on as error:
                    await asyncio.sleep(calls.pause(error, attempts, retries, pause_before))

        return cast(F, again_async if inspect.iscoroutinefunction(function) else again)

    return decorate


class _Calls:
    """What a decorated function is called with, and what is said of calls that failed."""

    def __init__(self, function: Callable[..., Any], manager: CheckpointManager | None, dataset: str | None) -> None:
        self._name = getattr(function, "__qualname__", repr(function))
        self._signature = inspect.signature(function)
        self._manager = manager
        self._dataset = dataset
        parameters = self._signature.parameters.values()
        self._takes = any(
            p.kind is p.VAR_KEYWORD or (p.name == "checkpoint" and p.kind is not p.POSITIONAL_ONLY) for p in parameters
        )
        asked = self._signature.parameters.get("checkpoint")
        self._needs = asked is not None and asked.default is asked.empty and asked.kind is not asked.VAR_POSITIONAL

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any], attempts: list[Exception]) -> dict[str, Any]:
        """Return the keyword arguments of the next call."""
        bound = self._signature.bind_partial(*args, **kwargs).arguments
        given = "checkpoint" in bound
        if not self._takes or (not attempts and (given or not self._needs)) or (given and "checkpoint" not in kwargs):
            return kwargs
        found = self._latest({**bound, **kwargs})
        return kwargs if found is _UNKNOWN else {**kwargs, "checkpoint": found}

    def _latest(self, given: dict[str, Any]) -> Checkpoint | None | object:
        manager = self._manager or given.get("manager")
        dataset = self._dataset or given.get("dataset") or given.get("dataset_name")
        if not isinstance(manager, CheckpointManager) or not isinstance(dataset, str):
            return _UNKNOWN
        return manager.latest(dataset)

    def pause(
        self, error: Exception, attempts: list[Exception], retries: int, pause_before: Callable[[int], float]
    ) -> float:
        """Return how long to wait before the next call; raise `error`, with notes, where there is none."""
        attempts.append(error)
        number = len(attempts)
        if number > retries:
            for i, each in enumerate(attempts[:-1], 1):
                error.add_note(f"ckptflow: attempt {i} of {self._name}: {type(each).__name__}: {each}")
            error.add_note(f"ckptflow: gave up after {number} attempts")
            _log.error("%s failed %d times, the last time with %s: %s", self._name, number, type(error).__name__, error)
            raise error
        seconds = pause_before(number)
        _log.warning(
            "%s failed, attempt %d of %d, again in %.1f s: %s: %s",
            self._name, number, retries + 1, seconds, type(error).__name__, error,
        )  # fmt: skip
        return seconds


_UNKNOWN = object()


def _pauses(backoff: Backoff) -> Callable[[int], float]:
    """Return what gives the seconds to wait before a retry, by its number from 1 on. Raises ValueError."""
    if callable(backoff):
        return backoff
    if isinstance(backoff, Sequence) and not isinstance(backoff, str):
        fixed = [float(each) for each in backoff]
        if not fixed or min(fixed) < 0:
            raise ValueError("`backoff` is a list of seconds: at least one, none of them negative")
        return lambda number: fixed[min(number, len(fixed)) - 1]
    first = 0.0 if backoff == 0 else seconds_of(backoff)
    return lambda number: min(LONGEST_SECONDS, first * 2.0 ** min(number - 1, 30)) * random.uniform(0.75, 1.25)
