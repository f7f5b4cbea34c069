# Made by tools/make_sync.py from _async/capsule.py. Do not change it by hand.
"""A capsule: an isolated machine, from its creation to its end."""

from __future__ import annotations

import builtins
import logging
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Literal

from .._contract.models import CapsuleInfo, CapsuleMetrics, Egress, Forks, NetworkReport, Template
from .._core.decode import decode
from .._core.failures import CapsuledError
from .._core.request import make_request
from .abandoned import make_capsules
from .capsule_calls import READY_TIMEOUT_S, WAIT_MS, Action, InfoOf, act, get_capsule, until_running
from .client import Client
from .commands import Commands
from .create_capsule import create_capsule
from .files import Files
from .paging import listed
from .ports import Ports
from .terminal import Terminal, connect_terminal, open_terminal

log = logging.getLogger("capsuled")

# Seconds that forking may take.
FORK_S = 300.0

Status = Literal["pending", "starting", "running", "paused", "stopped", "error"]


class Capsule:
    """An isolated machine.

    As a context it is created on the way in, and destroyed on the way out, whatever happened within:

        with Capsule(wait=True) as capsule:
            result = capsule.commands.run("echo hello")
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
        client: Client | None = None,
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
        self._bind(client if client is not None else Client(url=url, api_key=api_key), owns_client=client is None)
        self._create()

    def _bind(self, client: Client, *, owns_client: bool, info: CapsuleInfo | None = None) -> None:
        self.client = client
        self._owns_client = owns_client
        self._transport = client.transport
        self._known = info

    @classmethod
    def create(
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
        client: Client | None = None,
        url: str | None = None,
        api_key: str | None = None,
    ) -> Capsule:
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
        capsule._create()
        return capsule

    @classmethod
    def connect(
        cls,
        id: str,
        *,
        client: Client | None = None,
        url: str | None = None,
        api_key: str | None = None,
    ) -> Capsule:
        """Reaches a capsule that is there; a paused one is resumed.

        Raises:
            NotFoundError: The team has no such capsule.
        """
        used = client if client is not None else Client(url=url, api_key=api_key)
        try:
            info = get_capsule(used, id)
            if info.status == "paused":
                info = act(used, "resumeCapsule", id)
        except BaseException:
            if client is None:
                used.close()
            raise
        capsule = cls.__new__(cls)
        capsule._bind(used, owns_client=client is None, info=info)
        return capsule

    get_info = InfoOf()
    """`Capsule.get_info(id)` reads a capsule's facts by its id alone; `capsule.get_info()` reads those of the object anew."""

    @classmethod
    def list(
        cls,
        *,
        status: Status | None = None,
        metadata: Mapping[str, str] | None = None,
        client: Client | None = None,
        url: str | None = None,
        api_key: str | None = None,
    ) -> Iterator[CapsuleInfo]:
        """Every capsule of the team, newest first, read page by page while it is iterated over.

        Args:
            status: Only those of this status.
            metadata: Only those with these labels.
        """
        used = client if client is not None else Client(url=url, api_key=api_key)
        query = {"status": status, **{f"metadata.{key}": value for key, value in (metadata or {}).items()}}
        try:
            for info in listed(used.transport, "listCapsules", query, lambda item: decode(CapsuleInfo, item, "a capsule")):
                yield info
        finally:
            if client is None:
                used.close()

    @property
    def id(self) -> str:
        """Its id, `cl-…`."""
        return self.info.id

    @property
    def info(self) -> CapsuleInfo:
        """What was last heard of it; `get_info` asks anew."""
        if self._known is None:
            raise CapsuledError("this capsule is not created yet: use `with`, or `Capsule.create()`")
        return self._known

    @property
    def commands(self) -> Commands:
        """Its commands and processes."""
        return Commands(self._transport, self.id)

    @property
    def files(self) -> Files:
        """Its files."""
        return Files(self._transport, self.id)

    @property
    def ports(self) -> Ports:
        """The ports that its programs listen on."""
        return Ports(self._transport, self.id)

    def is_running(self) -> bool:
        """Whether it runs now."""
        return (self._refresh()).status == "running"

    def wait_ready(self, timeout: float = READY_TIMEOUT_S) -> CapsuleInfo:
        """Waits until it runs.

        Raises:
            InvalidStateError: It has failed, or was stopped; the message says why.
            ClientTimeoutError: It does not run yet.
        """
        self._known = until_running(self.client, self.info, timeout)
        return self._known

    def pause(self) -> CapsuleInfo:
        """Freezes every process; memory and files are kept."""
        return self._change("pauseCapsule")

    def resume(self) -> CapsuleInfo:
        """Goes on after a pause."""
        return self._change("resumeCapsule")

    def stop(self) -> CapsuleInfo:
        """Ends every process and keeps the disk."""
        return self._change("stopCapsule")

    def start(self) -> CapsuleInfo:
        """Boots it again from its disk, and waits until it runs."""
        self._change("startCapsule")
        return self.wait_ready()

    def ping(self) -> None:
        """Counts as activity, so that the inactivity TTL begins anew."""
        self._transport.call(make_request("pingCapsule", params={"id": self.id}))

    def destroy(self) -> None:
        """Ends it with its processes and its disk. One that is destroyed already stays so."""
        self._transport.call(make_request("destroyCapsule", params={"id": self.id}))

    def network(self, *, log: bool = False) -> NetworkReport:
        """Where it may connect to and what it tried; with `log`, the latest decisions."""
        request = make_request("getCapsuleNetwork", params={"id": self.id}, query={"log": log})
        return self._transport.get(request, NetworkReport)

    def set_network(self, egress: Egress) -> CapsuleInfo:
        """Changes where it may connect to; holds from the answer on, for open connections too."""
        request = make_request("setCapsuleNetwork", params={"id": self.id}, body={"egress": egress})
        self._known = self._transport.get(request, CapsuleInfo)
        return self._known

    def metrics(self, range: Literal["5m", "10m", "1h", "2h", "6h", "12h", "24h"] | None = None) -> CapsuleMetrics:
        """What it has used of processor, memory and disk, from now back; 10 minutes by default."""
        request = make_request("getCapsuleMetrics", params={"id": self.id}, query={"range": range})
        return self._transport.get(request, CapsuleMetrics)

    def snapshot(self, name: str | None = None, *, overwrite: bool = False) -> Template:
        """Makes a template of its disk: files, not memory. It goes on as it was."""
        return self.client.snapshots.create(self.id, name, overwrite=overwrite)

    def fork(self, count: int = 1, *, name: str | None = None) -> builtins.list[Capsule]:
        """Makes capsules whose disks begin as this one's is now: all of them, or none. Each is destroyed by itself.

        Args:
            name: Name of the fork; of several, this with `-1`, `-2` and so on.
        """
        body = {"count": count, "name": name, "wait_ms": WAIT_MS}
        request = make_request("forkCapsule", params={"id": self.id}, body=body, waits=FORK_S)
        forks = make_capsules(self._transport, request, Forks, lambda made: [one.id for one in made.capsules])
        return [self._sibling(info) for info in forks.capsules]

    def _sibling(self, info: CapsuleInfo) -> Capsule:
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
    ) -> Terminal:
        """Opens a terminal with a program in it. It outlives its connections: `pty_connect` comes back by its tag."""
        return open_terminal(
            self._transport,
            self.id,
            {"cmd": cmd, "args": args, "cols": cols, "rows": rows, "envs": envs, "cwd": cwd, "user": user, "tag": tag},
        )

    def pty_connect(self, tag: str, *, begin: Literal["now", "start"] | int | None = None) -> Terminal:
        """Connects to a terminal that is there; its latest output comes first, unless `begin` says otherwise."""
        return connect_terminal(self._transport, self.id, tag, begin)

    def close(self) -> None:
        """Lets its connections go; the capsule stays."""
        if self._owns_client:
            self.client.close()

    def __enter__(self) -> Capsule:
        self._create()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self.destroy()
        except CapsuledError as failure:
            if getattr(failure, "code", "") == "not_found":
                return
            if error is None:
                raise
            log.warning("capsule %s could not be destroyed: %s", self.id, failure)
        finally:
            self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'not created' if self._known is None else self._known.id})"

    def _create(self) -> None:
        if self._known is not None:
            return
        try:
            self._known = create_capsule(
                self.client, self._body, self._on_conflict, wait=self._wait, idempotency_key=self._idempotency_key
            )
        except BaseException:
            self.close()
            raise

    def _refresh(self) -> CapsuleInfo:
        self._known = get_capsule(self.client, self.id)
        return self._known

    def _change(self, operation: Action) -> CapsuleInfo:
        self._known = act(self.client, operation, self.id)
        return self._known
