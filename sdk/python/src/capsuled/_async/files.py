"""The files of a capsule."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from io import BytesIO
from typing import Any, BinaryIO

from .._contract.models import FileEntry, TicketCreated
from .._contract.operations import OperationId
from .._core.answer import Answer
from .._core.content_digest import check_digest
from .._core.decode import cursor_in, decode, items_in
from .._core.failures import ApiError
from .._core.request import make_request
from .._core.sse import headers_behind
from .._core.told import json_of
from ..results import FileChange, WrittenArchive
from .event_source import AsyncEventSource
from .io import leave
from .paging import Page, items_of
from .transport import AsyncTransport

PAGE_ITEMS = 1000
# What `files/write` takes; `files/stream/write` takes any size.
WRITE_BYTES_MAX = 100 * 1024 * 1024
ANY_BYTES = "application/octet-stream"


class AsyncFiles:
    """The files of one capsule: `capsule.files`. Paths are absolute, or relative to the home directory `/root`.

    All of it raises `NotFoundError` for what does not exist.
    """

    def __init__(self, transport: AsyncTransport, capsule_id: str) -> None:
        self._transport = transport
        self._capsule_id = capsule_id

    async def read(self, path: str) -> str:
        """A file as text, with U+FFFD for what is no UTF-8."""
        return (await self.read_bytes(path)).decode("utf-8", "replace")

    async def read_bytes(self, path: str) -> bytes:
        """A file's bytes, compared with their digest where the server tells it (up to 1 MiB)."""
        answer = await self._call("readFile", {"path": path}, accept=ANY_BYTES)
        check_digest(answer, path)
        return answer.content

    async def read_stream(self, path: str) -> AsyncIterator[bytes]:
        """A file of any size, piece by piece. It ends with an error where the file could not be sent to its end."""
        async for piece in self._pieces("streamReadFile", path):
            yield piece

    async def write(
        self,
        path: str,
        data: str | bytes | BinaryIO | AsyncIterable[bytes],
        *,
        mode: str | None = None,
        exclusive: bool = False,
    ) -> None:
        """Writes a file as a whole: readers see the old one or the new one. Directories on the way are made.

        Args:
            data: Text, bytes, or what has any size and is sent as it is read: an open file, or an iterable of bytes.
                That is sent once: a connection that breaks meanwhile is an error, and leaves the file as it was.
            mode: Octal permission bits, e.g. `755`; 644 for a new file by default.
            exclusive: Raise `ConflictError` where the file exists, and leave it alone.
        """
        query = {"path": path, "mode": mode, "exclusive": True if exclusive else None}
        params = {"id": self._capsule_id}
        if not isinstance(data, (str, bytes, bytearray, memoryview)):
            headers = {"Content-Type": "application/octet-stream"}
            request = make_request("streamWriteFile", params=params, query=query, headers=headers)
            await self._transport.upload(request, data)
            return
        content = data.encode() if isinstance(data, str) else bytes(data)
        operation: OperationId = "writeFile" if len(content) <= WRITE_BYTES_MAX else "streamWriteFile"
        sent = (content, "application/octet-stream")
        await self._transport.call(make_request(operation, params=params, query=query, content=sent))

    async def download_url(self, path: str) -> str:
        """A URL that reads a file once, within 30 s and without a key: for a page in a browser."""
        return await self._ticket_url("downloadFile", path)

    async def read_archive(self, path: str) -> AsyncIterator[bytes]:
        """A directory, or one file, as a tar archive of any size, piece by piece.

        Names are relative to the directory; links are kept as links; sockets, FIFOs and devices are left out. It ends with
        an error where the directory could not be read to its end.
        """
        async for piece in self._pieces("readArchive", path):
            yield piece

    async def write_archive(
        self,
        path: str,
        archive: bytes | BinaryIO | AsyncIterable[bytes],
        *,
        uid: int | None = None,
        gid: int | None = None,
    ) -> WrittenArchive:
        """Unpacks a tar archive (ustar, pax or GNU, not compressed) into a directory, beside what is there.

        A member that would leave the directory ends it with an error; what was unpacked before stays.

        Args:
            archive: Bytes, or what has any size and is sent as it is read: an open file, or an iterable of bytes.
            uid: Who owns what is unpacked; whom the archive says by default.
        """
        headers = {"Content-Type": "application/x-tar"}
        request = make_request(
            "writeArchive", params={"id": self._capsule_id}, query={"path": path, "uid": uid, "gid": gid}, headers=headers
        )
        answer = await self._transport.upload(request, BytesIO(archive) if isinstance(archive, bytes) else archive)
        return decode(WrittenArchive, answer.json(), "the answer")

    async def archive_url(self, path: str) -> str:
        """A URL that gives a directory as a tar archive once, within 30 s and without a key: for a page in a browser."""
        return await self._ticket_url("downloadArchive", path)

    def list(self, path: str, *, depth: int = 1) -> AsyncIterator[FileEntry]:
        """What is in a directory, and below it to this depth, read page by page."""

        async def page(cursor: str | None) -> Page:
            body = {"path": path, "depth": depth, "limit": PAGE_ITEMS, "cursor": cursor}
            answer = (await self._call("listFiles", body)).json()
            return {"items": items_in(answer, "entries"), "next_cursor": cursor_in(answer)}

        return items_of(page, lambda item: decode(FileEntry, item, "an entry"))

    async def watch(self, path: str, *, recursive: bool = False) -> AsyncIterator[FileChange]:
        """What changes in a directory, as it happens, over cuts, up to `ended`. Watching is no activity.

        The first is `watching`, from which on nothing is missed. `overflow` says that changes are missing, after a cut or
        where there were too many.

        Args:
            recursive: All directories below it, too, those that appear included.
        """
        source = AsyncEventSource(
            self._transport,
            lambda last_id: make_request(
                "streamFileChanges",
                params={"id": self._capsule_id},
                query={"path": path, "recursive": True if recursive else None},
                headers=headers_behind(last_id),
            ),
        )
        has_begun = False
        async for event in source.events():
            if event.event == "watching" and has_begun:
                continue
            has_begun = True
            yield decode(FileChange, json_of(event.data, "a change"), "a change")
            if event.event == "ended":
                return

    async def watch_url(self, path: str, *, recursive: bool = False) -> str:
        """A URL of a WebSocket that tells what changes in a directory: for one connection, within 30 s and without a key."""
        url = await self._ticket_url("watchFiles", path, True if recursive else None)
        return "ws" + url.removeprefix("http")

    async def stat(self, path: str) -> FileEntry:
        """The facts of a file, a directory or a link; a link is not followed."""
        return await self._entry("statFile", {"path": path})

    async def exists(self, path: str) -> bool:
        """Whether there is anything at this path."""
        try:
            await self.stat(path)
        except ApiError as error:
            if error.code == "not_found" and (await self._capsule_is_there()):
                return False
            raise
        return True

    async def make_dir(self, path: str) -> FileEntry:
        """Makes a directory, and those on the way to it."""
        return await self._entry("makeDirectory", {"path": path})

    async def remove(self, path: str, *, recursive: bool = True) -> None:
        """Removes a file, a link, or a directory; with `recursive` off only an empty one."""
        await self._call("removeFile", {"path": path, "recursive": recursive})

    async def move(self, source: str, target: str, *, overwrite: bool = False) -> FileEntry:
        """Gives a file, a link or a directory another name or place."""
        return await self._entry("moveFile", {"from": source, "to": target, "overwrite": overwrite})

    async def copy(self, source: str, target: str, *, overwrite: bool = False) -> FileEntry:
        """Copies a file, a link, or a directory with all that is in it; the copy appears whole, at the end."""
        return await self._entry("copyFile", {"from": source, "to": target, "overwrite": overwrite})

    async def chmod(
        self, path: str, mode: str | None = None, *, uid: int | None = None, gid: int | None = None, recursive: bool = False
    ) -> FileEntry:
        """Changes permissions (octal, e.g. `755`) and owner."""
        body = {"path": path, "mode": mode, "uid": uid, "gid": gid, "recursive": recursive}
        return await self._entry("changeFileMode", body)

    async def _pieces(self, operation: OperationId, path: str) -> AsyncIterator[bytes]:
        request = make_request(operation, params={"id": self._capsule_id}, body={"path": path}, headers={"Accept": ANY_BYTES})
        stream = await self._transport.stream(request)
        try:
            async for piece in stream.chunks():
                yield piece
        except GeneratorExit:
            await leave(stream.aclose)
            raise
        except BaseException:
            await stream.aclose()
            raise
        await stream.aclose()

    async def _ticket_url(self, operation: OperationId, path: str, recursive: bool | None = None) -> str:
        query = {"path": path, "recursive": recursive}
        where = make_request(operation, params={"id": self._capsule_id}, query=query).path
        request = make_request("createTicket", body={"path": where, "method": "GET"})
        ticket = (await self._transport.get(request, TicketCreated)).ticket
        return f"{self._transport.settings.url}{where}&ticket={ticket}"

    async def _capsule_is_there(self) -> bool:
        """Tells a file that is missing from a capsule that is: raises for the capsule."""
        await self._transport.call(make_request("getCapsule", params={"id": self._capsule_id}))
        return True

    async def _entry(self, operation: OperationId, body: dict[str, Any]) -> FileEntry:
        answer = (await self._call(operation, body)).json()
        return decode(FileEntry, answer.get("entry") if isinstance(answer, dict) else None, "the entry")

    async def _call(self, operation: OperationId, body: dict[str, Any], *, accept: str = "application/json") -> Answer:
        request = make_request(operation, params={"id": self._capsule_id}, body=body, headers={"Accept": accept})
        return await self._transport.call(request)
