# Made by `npm run generate` from contract/. Do not change it by hand.
"""The operations of the API."""

from __future__ import annotations

from typing import Literal, NamedTuple

OperationId = Literal[
    "createCapsule",
    "destroyCapsule",
    "getCapsule",
    "getCapsuleNetwork",
    "listCapsules",
    "pauseCapsule",
    "pingCapsule",
    "resumeCapsule",
    "setCapsuleNetwork",
    "startCapsule",
    "stopCapsule",
    "exec",
    "execStream",
    "getProcess",
    "getProcessOutput",
    "killProcess",
    "listProcesses",
    "streamProcess",
    "openTerminal",
    "listEvents",
    "streamEvents",
    "deleteEndpoint",
    "getEndpoint",
    "getEndpointBadge",
    "getTeamBadge",
    "importEndpoints",
    "listEndpoints",
    "pauseEndpointSchedule",
    "putEndpoint",
    "resumeEndpointSchedule",
    "callEndpoint",
    "createTicket",
    "cancelRun",
    "getRun",
    "getRunOutput",
    "listRuns",
    "streamRun",
    "createKey",
    "createTeam",
    "listKeys",
    "listTeams",
    "revokeKey",
    "getDocs",
    "getHealth",
    "getMetrics",
    "getOpenapi",
]


class Operation(NamedTuple):
    """One route."""

    id: str
    method: str
    path: str
    auth: Literal["none", "optional", "member", "admin"]
    idempotency: Literal["safe", "idempotent", "with_key"]


OPERATIONS: dict[OperationId, Operation] = {
    "createCapsule": Operation("createCapsule", "POST", "/v1/capsules", "member", "with_key"),
    "destroyCapsule": Operation("destroyCapsule", "DELETE", "/v1/capsules/{id}", "member", "idempotent"),
    "getCapsule": Operation("getCapsule", "GET", "/v1/capsules/{id}", "member", "safe"),
    "getCapsuleNetwork": Operation("getCapsuleNetwork", "GET", "/v1/capsules/{id}/network", "member", "safe"),
    "listCapsules": Operation("listCapsules", "GET", "/v1/capsules", "member", "safe"),
    "pauseCapsule": Operation("pauseCapsule", "POST", "/v1/capsules/{id}/pause", "member", "with_key"),
    "pingCapsule": Operation("pingCapsule", "POST", "/v1/capsules/{id}/ping", "member", "idempotent"),
    "resumeCapsule": Operation("resumeCapsule", "POST", "/v1/capsules/{id}/resume", "member", "with_key"),
    "setCapsuleNetwork": Operation("setCapsuleNetwork", "PATCH", "/v1/capsules/{id}/network", "member", "idempotent"),
    "startCapsule": Operation("startCapsule", "POST", "/v1/capsules/{id}/start", "member", "with_key"),
    "stopCapsule": Operation("stopCapsule", "POST", "/v1/capsules/{id}/stop", "member", "with_key"),
    "exec": Operation("exec", "POST", "/v1/capsules/{id}/exec", "member", "with_key"),
    "execStream": Operation("execStream", "GET", "/v1/capsules/{id}/exec/stream", "member", "with_key"),
    "getProcess": Operation("getProcess", "GET", "/v1/capsules/{id}/processes/{selector}", "member", "safe"),
    "getProcessOutput": Operation("getProcessOutput", "GET", "/v1/capsules/{id}/processes/{selector}/output", "member", "safe"),
    "killProcess": Operation("killProcess", "DELETE", "/v1/capsules/{id}/processes/{selector}", "member", "with_key"),
    "listProcesses": Operation("listProcesses", "GET", "/v1/capsules/{id}/processes", "member", "safe"),
    "streamProcess": Operation("streamProcess", "GET", "/v1/capsules/{id}/processes/{selector}/stream", "member", "safe"),
    "openTerminal": Operation("openTerminal", "GET", "/v1/capsules/{id}/pty", "member", "safe"),
    "listEvents": Operation("listEvents", "GET", "/v1/events", "member", "safe"),
    "streamEvents": Operation("streamEvents", "GET", "/v1/events/stream", "member", "safe"),
    "deleteEndpoint": Operation("deleteEndpoint", "DELETE", "/v1/endpoints/{name}", "member", "idempotent"),
    "getEndpoint": Operation("getEndpoint", "GET", "/v1/endpoints/{name}", "member", "safe"),
    "getEndpointBadge": Operation("getEndpointBadge", "GET", "/{owner}/{name}/badge.svg", "none", "safe"),
    "getTeamBadge": Operation("getTeamBadge", "GET", "/{owner}/badge.svg", "none", "safe"),
    "importEndpoints": Operation("importEndpoints", "POST", "/v1/endpoints/import", "member", "idempotent"),
    "listEndpoints": Operation("listEndpoints", "GET", "/v1/endpoints", "member", "safe"),
    "pauseEndpointSchedule": Operation("pauseEndpointSchedule", "POST", "/v1/endpoints/{name}/schedule/pause", "member", "idempotent"),
    "putEndpoint": Operation("putEndpoint", "PUT", "/v1/endpoints/{name}", "member", "idempotent"),
    "resumeEndpointSchedule": Operation("resumeEndpointSchedule", "POST", "/v1/endpoints/{name}/schedule/resume", "member", "idempotent"),
    "callEndpoint": Operation("callEndpoint", "POST", "/v1/{owner}/{name}", "optional", "with_key"),
    "createTicket": Operation("createTicket", "POST", "/v1/tickets", "member", "idempotent"),
    "cancelRun": Operation("cancelRun", "DELETE", "/v1/runs/{id}", "member", "idempotent"),
    "getRun": Operation("getRun", "GET", "/v1/runs/{id}", "member", "safe"),
    "getRunOutput": Operation("getRunOutput", "GET", "/v1/runs/{id}/output", "member", "safe"),
    "listRuns": Operation("listRuns", "GET", "/v1/runs", "member", "safe"),
    "streamRun": Operation("streamRun", "GET", "/v1/runs/{id}/stream", "member", "safe"),
    "createKey": Operation("createKey", "POST", "/v1/api-keys", "admin", "with_key"),
    "createTeam": Operation("createTeam", "POST", "/v1/teams", "admin", "with_key"),
    "listKeys": Operation("listKeys", "GET", "/v1/api-keys", "member", "safe"),
    "listTeams": Operation("listTeams", "GET", "/v1/teams", "member", "safe"),
    "revokeKey": Operation("revokeKey", "DELETE", "/v1/api-keys/{key_id}", "admin", "idempotent"),
    "getDocs": Operation("getDocs", "GET", "/docs", "none", "safe"),
    "getHealth": Operation("getHealth", "GET", "/healthz", "none", "safe"),
    "getMetrics": Operation("getMetrics", "GET", "/metrics", "none", "safe"),
    "getOpenapi": Operation("getOpenapi", "GET", "/openapi.json", "none", "safe"),
}
