"""The client's two faces, the synchronous and the asynchronous one, driven by the same tests; and what of them was called."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Iterator
from concurrent.futures import Future
from typing import Any

import wrenn
import wrenn.code_runner

# Seconds that one call may take.
CALL_MAX = 60.0

# The client's classes whose methods are its interface; the asynchronous face has each with "Async" before its name.
INTERFACE = frozenset(
    {
        "Capsule",
        "CapsulesResource",
        "Commands",
        "EventsResource",
        "Files",
        "Git",
        "PtySession",
        "SnapshotsResource",
        "WrennClient",
    }
)

# (face, class, method) of everything that was called.
called: set[tuple[str, str, str]] = set()


def plain_name(cls: type) -> str:
    """A class's name, the same in both faces."""
    return cls.__name__.removeprefix("Async")


class OneTask:
    """Awaits everything in one task of a thread of its own: what the client opens in a task must be closed in that task."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked: asyncio.Queue[tuple[Awaitable[Any], Future[Any]] | None] | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        self._ready.wait()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._asked = asyncio.Queue()
        self._ready.set()
        while (asked := await self._asked.get()) is not None:
            awaitable, answer = asked
            try:
                answer.set_result(await awaitable)
            except BaseException as error:
                answer.set_exception(error)

    def _put(self, asked: tuple[Awaitable[Any], Future[Any]] | None) -> None:
        assert self._loop is not None and self._asked is not None
        self._loop.call_soon_threadsafe(self._asked.put_nowait, asked)

    def run(self, awaitable: Awaitable[Any]) -> Any:
        answer: Future[Any] = Future()
        self._put((awaitable, answer))
        return answer.result(timeout=CALL_MAX)

    def close(self) -> None:
        self._put(None)
        self._thread.join(CALL_MAX)


class Faced:
    """An object (or a class) of the client. What it answers is awaited where it has to be, and faced where it is the client's."""

    def __init__(self, target: Any, task: OneTask | None) -> None:
        self._target = target
        self._task = task

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        owner = self._target if inspect.isclass(self._target) else type(self._target)
        face = "sync" if self._task is None else "async"
        called.update((face, plain_name(base), name) for base in owner.__mro__ if plain_name(base) in INTERFACE)
        if not callable(value) or inspect.isclass(value):
            return self._face(value)
        return lambda *args, **options: self._face(value(*args, **options))

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self._face(self._target(*args, **options))

    def __enter__(self) -> Any:
        if hasattr(self._target, "__aenter__"):
            return self._face(self._target.__aenter__())
        return self._face(self._target.__enter__())

    def __exit__(self, *raised: Any) -> Any:
        if hasattr(self._target, "__aexit__"):
            return self._face(self._target.__aexit__(*raised))
        return self._target.__exit__(*raised)

    def __iter__(self) -> Iterator[Any]:
        if not hasattr(self._target, "__anext__"):
            yield from self._target
            return
        while True:
            try:
                yield self._face(self._target.__anext__())
            except StopAsyncIteration:
                return

    def _face(self, value: Any) -> Any:
        if inspect.isawaitable(value):
            assert self._task is not None
            value = self._task.run(value)
        if inspect.isasyncgen(value):
            return self._each(value)
        is_context = hasattr(type(value), "__aenter__") or hasattr(type(value), "__enter__")
        if is_context or plain_name(type(value)) in INTERFACE:
            return Faced(value, self._task)
        return value

    def _each(self, values: Any) -> Iterator[Any]:
        assert self._task is not None
        try:
            while True:
                try:
                    yield self._task.run(anext(values))
                except StopAsyncIteration:
                    return
        finally:
            self._task.run(values.aclose())


class Client:
    """One face of the client."""

    def __init__(self, face: str) -> None:
        self.face = face
        self._task = OneTask() if face == "async" else None
        prefix = "Async" if face == "async" else ""
        self.Capsule = Faced(getattr(wrenn, f"{prefix}Capsule"), self._task)
        self.CodeCapsule = Faced(getattr(wrenn.code_runner, f"{prefix}Capsule"), self._task)
        self.WrennClient = Faced(getattr(wrenn, f"{prefix}WrennClient"), self._task)

    def stream(self, chunks: list[bytes]) -> Any:
        """Chunks to upload, as this face takes them."""
        if self._task is None:
            return iter(chunks)

        async def each() -> Any:
            for chunk in chunks:
                yield chunk

        return each()

    def close(self) -> None:
        if self._task is not None:
            self._task.close()
