from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from capsuled import Capsule, Client
from capsuled._contract.operations import OPERATIONS
from capsuled.errors import CapsuledError

from .fake_server import FakeServer, Reply, answer, whole

LISTED = Path(__file__).parent.parent.parent / "operations-without-method.json"
ID = "cl-" + "0" * 25
NOW = "2026-11-01T10:00:00.000Z"
RUNNING = {
    "id": ID,
    "status": "running",
    "template": "minimal",
    "vcpus": 1,
    "memory_mb": 512,
    "disk_mb": 5120,
    "timeout_sec": 0,
    "created_at": NOW,
    "started_at": NOW,
    "last_active_at": None,
    "last_updated": NOW,
    "ended_at": None,
    "name": None,
    "metadata": {},
    "env_names": [],
    "reason": None,
    "message": None,
    "evidence": None,
    "network": {"egress": "none"},
    "startable": False,
    "public_ports": [],
    "auto_resume": False,
}

# For each operation the method that a user calls for it.
METHODS: dict[str, Callable[[Client, Capsule], object]] = {
    "createCapsule": lambda client, _: Capsule.create(client=client),
    "destroyCapsule": lambda _, capsule: capsule.destroy(),
    "forkCapsule": lambda _, capsule: capsule.fork(),
    "getCapsule": lambda _, capsule: capsule.get_info(),
    "getCapsuleNetwork": lambda _, capsule: capsule.network(),
    "listCapsules": lambda client, _: Capsule.list(client=client),
    "pauseCapsule": lambda _, capsule: capsule.pause(),
    "pingCapsule": lambda _, capsule: capsule.ping(),
    "resumeCapsule": lambda _, capsule: capsule.resume(),
    "setCapsuleNetwork": lambda _, capsule: capsule.set_network("none"),
    "startCapsule": lambda _, capsule: capsule.start(),
    "stopCapsule": lambda _, capsule: capsule.stop(),
    "exec": lambda _, capsule: capsule.commands.run("true"),
    "execStream": lambda _, capsule: capsule.commands.stream("true"),
    "getProcess": lambda _, capsule: capsule.commands.get("server"),
    "getProcessOutput": lambda _, capsule: capsule.commands.output("server"),
    "killProcess": lambda _, capsule: capsule.commands.kill("server"),
    "listProcesses": lambda _, capsule: capsule.commands.list(),
    "streamProcess": lambda _, capsule: capsule.commands.connect("server"),
    "openTerminal": lambda _, capsule: capsule.pty(),
    "changeFileMode": lambda _, capsule: capsule.files.chmod("/a", mode="600"),
    "copyFile": lambda _, capsule: capsule.files.copy("/a", "/b"),
    "downloadArchive": lambda _, capsule: capsule.files.archive_url("/a"),
    "downloadFile": lambda _, capsule: capsule.files.download_url("/a"),
    "listFiles": lambda _, capsule: capsule.files.list("/a"),
    "makeDirectory": lambda _, capsule: capsule.files.make_dir("/a"),
    "moveFile": lambda _, capsule: capsule.files.move("/a", "/b"),
    "readArchive": lambda _, capsule: capsule.files.read_archive("/a"),
    "readFile": lambda _, capsule: capsule.files.read("/a"),
    "removeFile": lambda _, capsule: capsule.files.remove("/a"),
    "statFile": lambda _, capsule: capsule.files.stat("/a"),
    "streamFileChanges": lambda _, capsule: capsule.files.watch("/a"),
    "streamReadFile": lambda _, capsule: capsule.files.read_stream("/a"),
    "streamWriteFile": lambda _, capsule: capsule.files.write("/a", io.BytesIO(b"x")),
    "watchFiles": lambda _, capsule: capsule.files.watch_url("/a"),
    "writeArchive": lambda _, capsule: capsule.files.write_archive("/a", bytes(1024)),
    "writeFile": lambda _, capsule: capsule.files.write("/a", "x"),
    "createPortUrl": lambda _, capsule: capsule.ports.url(3000),
    "listPorts": lambda _, capsule: capsule.ports.list(),
    "setPortAccess": lambda _, capsule: capsule.ports.set_access(3000, public=True),
    "listEvents": lambda client, _: client.events.list(),
    "streamEvents": lambda client, _: client.events.stream(),
    "deleteEndpoint": lambda client, _: client.endpoints.delete("deploy"),
    "getEndpoint": lambda client, _: client.endpoints.get("deploy"),
    "getEndpointBadge": lambda client, _: client.endpoints.badge("first", "deploy"),
    "getTeamBadge": lambda client, _: client.endpoints.badge("first"),
    "importEndpoints": lambda client, _: client.endpoints.apply("version: 1"),
    "listEndpoints": lambda client, _: client.endpoints.list(),
    "pauseEndpointSchedule": lambda client, _: client.endpoints.pause_schedule("deploy"),
    "putEndpoint": lambda client, _: client.endpoints.define("deploy", {"command": "true"}),
    "resumeEndpointSchedule": lambda client, _: client.endpoints.resume_schedule("deploy"),
    "callEndpoint": lambda client, _: client.endpoints.call("first/deploy"),
    "createTicket": lambda client, _: client.create_ticket("/v1/events"),
    "cancelRun": lambda client, _: client.runs.cancel("run-a"),
    "getRun": lambda client, _: client.runs.get("run-a"),
    "getRunOutput": lambda client, _: client.runs.output("run-a"),
    "listRuns": lambda client, _: client.runs.list(),
    "streamRun": lambda client, _: client.runs.stream("run-a"),
    "getCapsuleMetrics": lambda _, capsule: capsule.metrics(),
    "getCapsuleStats": lambda client, _: client.stats(),
    "getUsage": lambda client, _: client.usage(),
    "createSnapshot": lambda _, capsule: capsule.snapshot(),
    "deleteSnapshot": lambda client, _: client.snapshots.delete("mine"),
    "listSnapshots": lambda client, _: client.snapshots.list(),
    "cancelTemplateBuild": lambda client, _: client.templates.cancel_build("bd-a"),
    "createTemplate": lambda client, _: client.templates.build({"name": "mine"}),
    "getTemplateBuild": lambda client, _: client.templates.get_build("bd-a"),
    "listTemplateBuilds": lambda client, _: client.templates.builds(),
    "streamTemplateBuild": lambda client, _: client.templates.build_log("bd-a"),
    "deleteImage": lambda client, _: client.images.delete("im-a"),
    "uploadImage": lambda client, _: client.images.upload(bytes(1024)),
    "createKey": lambda client, _: client.keys.create(),
    "createTeam": lambda client, _: client.teams.create("Other"),
    "listKeys": lambda client, _: client.keys.list(),
    "listTeams": lambda client, _: client.teams.list(),
    "revokeKey": lambda client, _: client.keys.revoke("key-a"),
    "getDocs": lambda client, _: client.docs(),
    "getHealth": lambda client, _: client.health(),
    "getMetrics": lambda client, _: client.metrics(),
    "getOpenapi": lambda client, _: client.openapi(),
}


def test_each_operation_of_the_contract_has_a_method_that_asks_for_exactly_it_or_is_listed_not_to() -> None:
    listed: list[str] = json.loads(LISTED.read_text())["python"]
    without = sorted(set(OPERATIONS) - set(METHODS))
    assert without == sorted(listed), (
        f"write a method in src/capsuled/_async/ and a line in METHODS, or list it in sdk/{LISTED.name}"
    )

    def reply(_index: int, request: bytes) -> Reply:
        line = request.split(b"\r\n", 1)[0].decode()
        if line.startswith(f"GET /v1/capsules/{ID} ") and not is_there:
            is_there.append(line)
            return whole(200, RUNNING)
        if line.startswith("POST /v1/tickets "):
            return whole(201, {"ticket": "tk", "expires_at": NOW})
        # What has no length is not read to its end, so nothing can follow it: said, lest the next request goes there.
        stays = b"chunked" not in request
        return answer(404, {"error": {"code": "not_found", "message": "None."}}, {} if stays else {"connection": "close"}), stays

    is_there: list[str] = []
    server = FakeServer(reply)
    try:
        with Client(url=server.url, api_key="wrn_" + "0" * 40, retries=0, reconnect_timeout=0.1) as client:
            capsule = Capsule.connect(ID, client=client)
            for name, method in METHODS.items():
                server.requests.clear()
                told: object = None
                with suppress(CapsuledError):  # there is no such thing, says the server: it was asked
                    told = method(client, capsule)
                    if isinstance(told, Iterator) or hasattr(told, "__iter__"):
                        next(iter(told), None)
                asked = [" ".join(request.split(b"\r\n", 1)[0].decode().split(" ")[:2]) for request in server.requests]
                if isinstance(told, str) and "://" in told:  # what is made for a browser is not asked for here
                    asked.append(f"GET {urlsplit(told).path}")
                operation = OPERATIONS[name]  # type: ignore[index]
                verb = "POST" if operation.method == "ANY" else operation.method
                path = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(operation.path))
                assert any(re.fullmatch(rf"{verb} {path}(\?.*)?", one) for one in asked), f"{name}: {verb} {path} of {asked}"
    finally:
        server.close()
