"""A capsule: an isolated machine, from its creation to its end."""

from __future__ import annotations

import builtins
import logging
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Literal

from .._contract.models import CapsuleInfo, CapsuleMetrics, Egress, Forks, NetworkReport, Template
from .._core.decode import decode
from .._core.failures import CapsuledError
from .._core.request import make_request
from .abandoned import make_capsules
from .capsule_calls import READY_TIMEOUT_S, WAIT_MS, Action, InfoOf, act, get_capsule, until_running
from .client import AsyncClient
from .commands import AsyncCommands
from .create_capsule import create_capsule
from .files import AsyncFiles
from .paging import listed
from .ports import AsyncPorts
from .terminal import AsyncTerminal, connect_terminal, open_terminal

log = logging.getLogger("capsuled")

# Seconds that forking may take.
FORK_S = 300.0

Status = Literal["pending", "starting", "running", "paused", "stopped", "error"]


class AsyncCapsule:
    """An isolated machine.

    As a context it is created on the way in, and destroyed on the way out, whatever happened within:

        async with AsyncCapsule(wait=True) as capsule:
            result = await capsule.commands.run("echo hello")
            print(result.stdout)

    Args:
        template: What its file system starts from; `minimal` by default.
        vcpus: Cores, 1 by default; at most what the host has.
        memory_mb: Memory in MiB, 512 by default.
        disk_mb: What it may write to disk, in MiB; 5 120 by default.
        timeout: The inactivity TTL: seconds after which it is paused; never by default.
        envs: Variables of every process that is started through the API.
        metadata: Your own labels, text to text.
        name: Unique among the team's capsules that are not destroyed.
        egress: Where it may connect to: "allow", "none" or `{"allow": [...]}`.
        on_conflict: What to do when the team has a capsule of that `name`: fail, or give it back ("return").
        idempotency_key: Your name for this creation, or the one that an error carries whose answer never came: by the same
            name the capsule that was made is given back. It is not destroyed when its creation is interrupted.
        wait: Wait until it runs (at most 2 min), also where the boot takes longer than the server waits.
        client: A client to use; otherwise it has one of its own, by `url` and `api_key`.
        url: The server; `CAPSULED_URL` or http://127.0.0.1:8080 by default.
        api_key: The key; `CAPSULED_API_KEY` by default.
    """

    def __init__(
        self,
        template: str | None = None,
        *,
        vcpus: int | None = None,
        memory_mb: int | None = None,
        disk_mb: int | None = None,
        timeout: int | None = None,
        envs: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
        name: str | None = None,
        egress: Egress | None = None,
        on_conflict: Literal["fail", "return"] | None = None,
        idempotency_key: str | None = None,
        wait: bool = False,
        client: AsyncClient | None = None,
        url: str | None = None,
        api_key: str | None = None,
    ) -> None:
        self._body = {
            "template": template,
            "vcpus": vcpus,
            "memory_mb": memory_mb,
            "disk_mb": disk_mb,
            "timeout_sec": timeout,
            "envs": envs,
            "metadata": metadata,
            "name": name,
            "network": None if egress is None else {"egress": egress},
            "wait_ms": WAIT_MS if wait else None,
        }
        self._on_conflict = on_conflict
        self._idempotency_key = idempotency_key
        self._wait = wait
        self._bind(client if client is not None else AsyncClient(url=url, api_key=api_key), owns_client=client is None)
        # sync: self._create()

    def _bind(self, client: AsyncClient, *, owns_client: bool, info: CapsuleInfo | None = None) -> None:
        self.client = client
        self._owns_client = owns_client
        self._transport = client.transport
        self._known = info

    @classmethod
    async def create(
        cls,
        template: str | None = None,
        *,
        vcpus: int | None = None,
        memory_mb: int | None = None,
        disk_mb: int | None = None,
        timeout: int | None = None,
        envs: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
        name: str | None = None,
        egress: Egress | None = None,
        on_conflict: Literal["fail", "return"] | None = None,
        idempotency_key: str | None = None,
        wait: bool = True,
        client: AsyncClient | None = None,
        url: str | None = None,
        api_key: str | None = None,
    ) -> AsyncCapsule:
        """Creates a capsule, by the arguments of the class; `wait` is on."""
        capsule = cls(
            template,
            vcpus=vcpus,
            memory_mb=memory_mb,
            disk_mb=disk_mb,
            timeout=timeout,
            envs=envs,
            metadata=metadata,
            name=name,
            egress=egress,
            on_conflict=on_conflict,
            idempotency_key=idempotency_key,
            wait=wait,
            client=client,
            url=url,
            api_key=api_key,
        )
        await capsule._create()
        return capsule

    @classmethod
    async def connect(
        cls,
        id: str,
        *,
        client: AsyncClient | None = None,
        url: str | None = None,
        api_key: str | None = None,
    ) -> AsyncCapsule:
        """Reaches a capsule that is there; a paused one is resumed.

        Raises:
            NotFoundError: The team has no such capsule.
        """
        used = client if client is not None else AsyncClient(url=url, api_key=api_key)
        try:
            info = await get_capsule(used, id)
            if info.status == "paused":
                info = await act(used, "resumeCapsule", id)
        except BaseException:
            if client is None:
                await used.aclose()
            raise
        capsule = cls.__new__(cls)
        capsule._bind(used, owns_client=client is None, info=info)
        return capsule

    get_info = InfoOf()
    """`Capsule.get_info(id)` reads a capsule's facts by its id alone; `capsule.get_info()` reads those of the object anew."""

    @classmethod
    async def list(
        cls,
        *,
        status: Status | None = None,
        metadata: Mapping[str, str] | None = None,
        client: AsyncClient | None = None,
        url: str | None = None,
        api_key: str | None = None,
    ) -> AsyncIterator[CapsuleInfo]:
        """Every capsule of the team, newest first, read page by page while it is iterated over.

        Args:
            status: Only those of this status.
            metadata: Only those with these labels.
        """
        used = client if client is not None else AsyncClient(url=url, api_key=api_key)
        query = {"status": status, **{f"metadata.{key}": value for key, value in (metadata or {}).items()}}
        try:
            async for info in listed(used.transport, "listCapsules", query, lambda item: decode(CapsuleInfo, item, "a capsule")):
                yield info
        finally:
            if client is None:
                await used.aclose()

    @property
    def id(self) -> str:
        """Its id, `cl-…`."""
        return self.info.id

    @property
    def info(self) -> CapsuleInfo:
        """What was last heard of it; `get_info` asks anew."""
        if self._known is None:
            raise CapsuledError("this capsule is not created yet: use `async with`, or `await AsyncCapsule.create()`")
        return self._known

    @property
    def commands(self) -> AsyncCommands:
        """Its commands and processes."""
        return AsyncCommands(self._transport, self.id)

    @property
    def files(self) -> AsyncFiles:
        """Its files."""
        return AsyncFiles(self._transport, self.id)

    @property
    def ports(self) -> AsyncPorts:
        """The ports that its programs listen on."""
        return AsyncPorts(self._transport, self.id)

    async def is_running(self) -> bool:
        """Whether it runs now."""
        return (await self._refresh()).status == "running"

    async def wait_ready(self, timeout: float = READY_TIMEOUT_S) -> CapsuleInfo:
        """Waits until it runs.

        Raises:
            InvalidStateError: It has failed, or was stopped; the message says why.
            ClientTimeoutError: It does not run yet.
        """
        self._known = await until_running(self.client, self.info, timeout)
        return self._known

    async def pause(self) -> CapsuleInfo:
        """Freezes every process; memory and files are kept."""
        return await self._change("pauseCapsule")

    async def resume(self) -> CapsuleInfo:
        """Goes on after a pause."""
        return await self._change("resumeCapsule")

    async def stop(self) -> CapsuleInfo:
        """Ends every process and keeps the disk."""
        return await self._change("stopCapsule")

    async def start(self) -> CapsuleInfo:
        """Boots it again from its disk, and waits until it runs."""
        await self._change("startCapsule")
        return await self.wait_ready()

    async def ping(self) -> None:
        """Counts as activity, so that the inactivity TTL begins anew."""
        await self._transport.call(make_request("pingCapsule", params={"id": self.id}))

    async def destroy(self) -> None:
        """Ends it with its processes and its disk. One that is destroyed already stays so."""
        await self._transport.call(make_request("destroyCapsule", params={"id": self.id}))

    async def network(self, *, log: bool = False) -> NetworkReport:
        """Where it may connect to and what it tried; with `log`, the latest decisions."""
        request = make_request("getCapsuleNetwork", params={"id": self.id}, query={"log": log})
        return await self._transport.get(request, NetworkReport)

    async def set_network(self, egress: Egress) -> CapsuleInfo:
        """Changes where it may connect to; holds from the answer on, for open connections too."""
        request = make_request("setCapsuleNetwork", params={"id": self.id}, body={"egress": egress})
        self._known = await self._transport.get(request, CapsuleInfo)
        return self._known

    async def metrics(self, range: Literal["5m", "10m", "1h", "2h", "6h", "12h", "24h"] | None = None) -> CapsuleMetrics:
        """What it has used of processor, memory and disk, from now back; 10 minutes by default."""
        request = make_request("getCapsuleMetrics", params={"id": self.id}, query={"range": range})
        return await self._transport.get(request, CapsuleMetrics)

    async def snapshot(self, name: str | None = None, *, overwrite: bool = False) -> Template:
        """Makes a template of its disk: files, not memory. It goes on as it was."""
        return await self.client.snapshots.create(self.id, name, overwrite=overwrite)

    async def fork(self, count: int = 1, *, name: str | None = None) -> builtins.list[AsyncCapsule]:
        """Makes capsules whose disks begin as this one's is now: all of them, or none. Each is destroyed by itself.

        Args:
            name: Name of the fork; of several, this with `-1`, `-2` and so on.
        """
        body = {"count": count, "name": name, "wait_ms": WAIT_MS}
        request = make_request("forkCapsule", params={"id": self.id}, body=body, waits=FORK_S)
        forks = await make_capsules(self._transport, request, Forks, lambda made: [one.id for one in made.capsules])
        return [self._sibling(info) for info in forks.capsules]

    def _sibling(self, info: CapsuleInfo) -> AsyncCapsule:
        """Another capsule over the same connections, which stay this one's to close."""
        capsule = type(self).__new__(type(self))
        capsule._bind(self.client, owns_client=False, info=info)
        return capsule

    def pty(
        self,
        cmd: str = "/bin/bash",
        args: builtins.list[str] | None = None,
        *,
        cols: int = 80,
        rows: int = 24,
        envs: Mapping[str, str] | None = None,
        cwd: str | None = None,
        user: str | None = None,
        tag: str | None = None,
    ) -> AsyncTerminal:
        """Opens a terminal with a program in it. It outlives its connections: `pty_connect` comes back by its tag."""
        return open_terminal(
            self._transport,
            self.id,
            {"cmd": cmd, "args": args, "cols": cols, "rows": rows, "envs": envs, "cwd": cwd, "user": user, "tag": tag},
        )

    def pty_connect(self, tag: str, *, begin: Literal["now", "start"] | int | None = None) -> AsyncTerminal:
        """Connects to a terminal that is there; its latest output comes first, unless `begin` says otherwise."""
        return connect_terminal(self._transport, self.id, tag, begin)

    async def aclose(self) -> None:
        """Lets its connections go; the capsule stays."""
        if self._owns_client:
            await self.client.aclose()

    async def __aenter__(self) -> AsyncCapsule:
        await self._create()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            await self.destroy()
        except CapsuledError as failure:
            if getattr(failure, "code", "") == "not_found":
                return
            if error is None:
                raise
            log.warning("capsule %s could not be destroyed: %s", self.id, failure)
        finally:
            await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'not created' if self._known is None else self._known.id})"

    async def _create(self) -> None:
        if self._known is not None:
            return
        try:
            self._known = await create_capsule(
                self.client, self._body, self._on_conflict, wait=self._wait, idempotency_key=self._idempotency_key
            )
        except BaseException:
            await self.aclose()
            raise

    async def _refresh(self) -> CapsuleInfo:
        self._known = await get_capsule(self.client, self.id)
        return self._known

    async def _change(self, operation: Action) -> CapsuleInfo:
        self._known = await act(self.client, operation, self.id)
        return self._known
