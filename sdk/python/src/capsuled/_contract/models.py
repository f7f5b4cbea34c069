# Made by `npm run generate` from contract/. Do not change it by hand.
"""What the server answers, as frozen dataclasses, and what it is sent, as TypedDicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypedDict, Union

__all__ = [
    "Actor",
    "Allowed",
    "ApiKey",
    "ApiKeyActor",
    "ApiKeyCreate",
    "ApiKeyCreated",
    "BuildFailure",
    "CallAccepted",
    "CallIgnored",
    "CallResult",
    "CapsuleCreate",
    "CapsuleCreatedEvent",
    "CapsuleCreatedEventData",
    "CapsuleDestroyedEvent",
    "CapsuleErrorEvent",
    "CapsuleInfo",
    "CapsuleMetrics",
    "CapsulePage",
    "CapsulePausedEvent",
    "CapsulePort",
    "CapsuleResumedEvent",
    "CapsuleRunningEvent",
    "CapsuleRunningEventData",
    "CapsuleStats",
    "CapsuleStoppedEvent",
    "CapsuleStoppedEventData",
    "Current",
    "Egress",
    "EgressAllow",
    "EgressAllowAllowItem1",
    "Endpoint",
    "EndpointArg",
    "EndpointDefinition",
    "EndpointList",
    "Event",
    "EventPage",
    "ExecRequest",
    "ExecResult",
    "ExecStarted",
    "FileEntry",
    "FilePage",
    "FileUpload",
    "ForkCreate",
    "Forks",
    "ImportResult",
    "ImportResultChangesItem",
    "ImportResultWarningsItem",
    "JsonSetTransformer",
    "JsonataSetTransformer",
    "LinesSetTransformer",
    "ListeningPort",
    "MemoryEvidence",
    "MetricsPoint",
    "Network",
    "NetworkDecision",
    "NetworkEgressAllow",
    "NetworkEgressAllowAllowItem",
    "NetworkPolicy",
    "NetworkReport",
    "Notification",
    "OutputPage",
    "Peaks",
    "PortAccess",
    "PortList",
    "PortUrl",
    "ProcessEndedEvent",
    "ProcessEndedEventData",
    "ProcessFacts",
    "ProcessInfo",
    "ProcessStartedEvent",
    "ProcessStartedEventData",
    "PutResult",
    "PutResultWarningsItem",
    "ReadyCheck",
    "Refused",
    "RegexSetTransformer",
    "Requested",
    "Run",
    "RunList",
    "RunWithOutput",
    "Series",
    "SetArg",
    "SetTransformer",
    "SnapshotCreate",
    "StartCommand",
    "SystemActor",
    "Team",
    "TeamCreate",
    "TeamCreated",
    "Template",
    "TemplateBuild",
    "TemplateCreate",
    "TemplateCreateFilesItem",
    "TemplateCreateFromImage",
    "TemplateCreateFromImageImage",
    "TemplateCreateFromImageImage1",
    "TemplateCreateFromTemplate",
    "TemplateCreateReadyCheck",
    "TemplateCreateReadyCheck1",
    "TemplateCreateStartCommand",
    "TemplateCreateStepsItem",
    "TicketCreate",
    "TicketCreated",
    "Transformer",
    "TransformerJson",
    "TransformerJsonata",
    "TransformerLines",
    "TransformerRegex",
    "UploadedImage",
    "Usage",
    "UsagePoint",
    "Wait",
]

@dataclass(frozen=True, kw_only=True)
class ApiKeyActor:
    type: Literal["api_key"]
    id: str
    """The API key."""


@dataclass(frozen=True, kw_only=True)
class SystemActor:
    type: Literal["system"]
    id: Literal["expire", "reconcile", "recover", "driver", "endpoint", "port"]


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    id: str
    team_id: str
    name: str
    role: Literal["admin", "member"]
    key_prefix: str
    """The first ten characters of the key."""
    created_at: datetime
    """ISO 8601, with zone."""
    last_used: datetime | None
    """Precise to about a minute."""


class ApiKeyCreate(TypedDict, total=False):
    name: str | None
    """`Unnamed API key` by default."""
    role: Literal["admin", "member"]


@dataclass(frozen=True, kw_only=True)
class ApiKeyCreated:
    id: str
    team_id: str
    name: str
    role: Literal["admin", "member"]
    key_prefix: str
    """The first ten characters of the key."""
    created_at: datetime
    """ISO 8601, with zone."""
    last_used: datetime | None
    """Precise to about a minute."""
    key: str
    """The key itself: shown this once."""


@dataclass(frozen=True, kw_only=True)
class BuildFailure:
    step: int
    """Index of the step, as in the log."""
    command: str
    """What it was to do."""
    exit_code: int | None
    """null where it did not come to an exit."""
    last_lines: str
    """What it printed last."""


@dataclass(frozen=True, kw_only=True)
class CallAccepted:
    run_id: str
    status: Literal["queued", "running", "succeeded", "failed", "timed_out", "cancelled", "missed", "error"]


@dataclass(frozen=True, kw_only=True)
class CallIgnored:
    ignored: Literal[True]
    event: str | None


@dataclass(frozen=True, kw_only=True)
class CallResult:
    output: str | None = None
    """Both streams, without a transformer."""
    data: Any | None = None
    """What the transformer made of standard output."""
    exit_code: int
    run_id: str
    duration_ms: int
    reason: Literal["exited", "signaled", "oom_killed", "timed_out", "killed", "stopped", "client_gone", "server_lost", "spawn_failed", "capsule_stopped", "capsule_destroyed", "agent_lost", "host_restarted", "cancelled", "capsule_gone", "boot_failed", "host_full", "not_started", "overlapped", "missed", "queue_timeout", "unavailable"]
    signal: str | None
    output_encoding: Literal["utf-8", "base64"] | None = None
    """Set to `base64` where the output is no text."""
    output_truncated: bool | None = None
    """Set where there is more than the answer holds: `/v1/runs/{id}` has it."""


@dataclass(frozen=True, kw_only=True)
class CapsuleInfo:
    id: str
    status: Literal["pending", "starting", "running", "paused", "stopped", "error"]
    template: str
    vcpus: int
    memory_mb: int
    disk_mb: int
    timeout_sec: int
    """Inactivity TTL in seconds; 0 means that it is never paused."""
    created_at: datetime
    """ISO 8601, with zone."""
    started_at: datetime | None
    """When it last reached `running`; null if it never booted."""
    last_active_at: datetime | None
    last_updated: datetime
    """The most recent change of status."""
    ended_at: datetime | None
    """When it last ceased to run; null while it runs."""
    name: str | None
    metadata: Mapping[str, str]
    env_names: tuple[str, ...]
    """Names of the capsule's own variables; values are never returned."""
    reason: Literal["destroyed", "stopped", "host_restarted", "agent_lost", "boot_failed"] | None
    """Why it is `stopped` or `error`."""
    message: str | None
    """The reason in words, with what is known about it; while it is `pending`, how far the build is that it waits for."""
    evidence: MemoryEvidence | None
    """What its memory was like when it last ended; null while it runs."""
    network: Network
    public_ports: tuple[int, ...]
    """Ports that anybody may reach."""
    auto_resume: bool
    """Whether a request to one of its ports wakes it when it is paused."""
    startable: bool
    """Whether `POST …/start` can boot it again from its disk."""


class CapsuleCreate(TypedDict, total=False):
    template: str | None
    """What the file system starts from."""
    vcpus: int | None
    """Cores; at most what the host has. Left out: what a template of yours was made with, else 1."""
    memory_mb: int | None
    """Memory in MiB; at most what the host has. Left out: what a template of yours was made with, else 512."""
    disk_mb: int | None
    """What the capsule may write to disk, in MiB. Left out: what a template of yours was made with, else 5120."""
    timeout_sec: int | None
    """Inactivity TTL in seconds after which it is paused; 0, the default, is never."""
    timeout: int | None
    """The same as `timeout_sec`."""
    envs: Mapping[str, str] | None
    """Variables of every process started through the API. Kept encrypted; only names are returned."""
    metadata: Mapping[str, str] | None
    name: str | None
    """Unique among the team's capsules that are not destroyed. Without control characters, `/` and `:`; not beginning with `cl-`, `.` or `-`; no space at its ends; not `stats` or `usage`."""
    network: NetworkPolicy | None
    """Where it may connect to; left out, the internet (`allow`) where this host can give capsules a network, else nowhere (`none`)."""
    public_ports: Sequence[int] | None
    auto_resume: bool | None
    """Whether a request to one of its ports wakes it when it is paused; else such a request is a 409."""
    wait_ms: int | None
    """Milliseconds to wait for `running` before answering with the status so far."""


@dataclass(frozen=True, kw_only=True)
class CapsuleMetrics:
    sandbox_id: str
    """The capsule's id."""
    range: Literal["5m", "10m", "1h", "2h", "6h", "12h", "24h"]
    points: tuple[MetricsPoint, ...]


@dataclass(frozen=True, kw_only=True)
class CapsulePage:
    items: tuple[CapsuleInfo, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class CapsulePort:
    port: int
    public: bool
    url: str
    """Where it is reached: its own host name, or a path of the API where no domain is set for ports."""


@dataclass(frozen=True, kw_only=True)
class Current:
    running_count: int
    vcpus_reserved: int
    """Of running capsules together."""
    memory_mb_reserved: int


@dataclass(frozen=True, kw_only=True)
class Peaks:
    """Of the last 30 days, or since the server's start."""

    running_count: int
    vcpus: int
    memory_mb: int


@dataclass(frozen=True, kw_only=True)
class Series:
    """Arrays of one length, oldest first; the most since the label before."""

    labels: tuple[datetime, ...]
    running: tuple[int, ...]
    vcpus: tuple[int, ...]
    memory_mb: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class CapsuleStats:
    range: Literal["5m", "1h", "6h", "24h", "30d"]
    current: Current
    peaks: Peaks
    """Of the last 30 days, or since the server's start."""
    series: Series
    """Arrays of one length, oldest first; the most since the label before."""


class _EgressAllowAllowItem1Required(TypedDict):
    to: str


class EgressAllowAllowItem1(_EgressAllowAllowItem1Required, total=False):
    ports: Sequence[Union[int, str]] | None


class EgressAllow(TypedDict):
    allow: Sequence[Union[str, EgressAllowAllowItem1]]
    """Addresses, CIDRs, domain names and `*.domain`, each with its ports if not all."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    id: str
    name: str
    url: str
    """Path of the call, `/v1/{owner}/{name}`."""
    method: tuple[Literal["GET", "POST", "PUT", "PATCH", "DELETE"], ...]
    description: str | None = None
    command: str
    """Split once, by POSIX quoting; `{{name}}` within a word is replaced by that argument. No shell."""
    shell: bool
    """Give `command` to `sh -c`; arguments are environment variables then, never text of the command."""
    args: tuple[SetArg, ...]
    timeout: int
    """Seconds until the process tree is killed; at most the server's own bound."""
    working_dir: str | None = None
    public: bool
    """Anyone may call it, without a key."""
    trigger: Literal["http", "webhook"]
    async_: bool
    unsigned: bool
    """A public webhook without a secret: anyone who knows the URL runs it."""
    webhook_source: Literal["github", "stripe", "shopify", "generic"]
    webhook_events: tuple[str, ...] | None = None
    """Events that run it; all when empty."""
    transformer: SetTransformer | None = None
    schedule: str | None = None
    """Five fields of cron."""
    timezone: str
    """IANA time zone of `schedule`."""
    overlap: bool
    """Start a scheduled run while the one before still runs."""
    notify_url: str | None = None
    """Gets a signed POST after each run."""
    notify_on: Literal["always", "success", "failure"]
    sensitive: bool
    """Keep arguments out of the run's record, and output out of notifications."""
    template: str | None = None
    """A fresh capsule from it for each run, destroyed after it; `minimal` by default."""
    capsule: str | None = None
    """Run in this capsule instead; a paused one is resumed."""
    vcpus: float | None = None
    """Of a fresh capsule."""
    memory_mb: int | None = None
    """Of a fresh capsule."""
    stdin: Literal["none", "body"]
    """`body`: the request's body; arguments come from the query then."""
    max_concurrency: int | None = None
    """Runs at once; more wait in a bounded queue, and beyond it get 429."""
    on_disconnect: Literal["continue", "kill"]
    """What becomes of the run when its caller leaves."""
    has_secret: bool
    env_names: tuple[str, ...]
    schedule_paused: bool
    next_run_at: datetime | None
    """When the schedule runs it next."""
    created_at: datetime
    """ISO 8601, with zone."""
    updated_at: datetime
    """ISO 8601, with zone."""
    version: int
    """Goes up with each change."""
    notify_secret: str | None = None
    """What notifications are signed with, by Standard Webhooks; for an admin's key."""


class _EndpointArgRequired(TypedDict):
    name: str


class EndpointArg(_EndpointArgRequired, total=False):
    required: bool | None
    default: Union[str, float, bool] | None
    """Used when the caller leaves it out."""
    description: str | None
    type: Literal["string", "integer", "number", "boolean"] | None
    enum: Sequence[Union[str, float, bool]] | None
    """The only values taken."""
    pattern: str | None
    """A regular expression that the whole value must match; for strings."""
    max_length: int | None
    """Characters; for strings."""
    flag: str | None
    """Passed before the value: `--count` gives two arguments, `--count=` one. A boolean gives the flag alone, when true."""


@dataclass(frozen=True, kw_only=True)
class EndpointList:
    items: tuple[Endpoint, ...]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null at the end."""


_EndpointDefinitionRequired = TypedDict("_EndpointDefinitionRequired", {
    "command": "str",
})

_EndpointDefinitionOptional = TypedDict("_EndpointDefinitionOptional", {
    "method": "Union[Literal['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], Sequence[Literal['GET', 'POST', 'PUT', 'PATCH', 'DELETE']]] | None",
    "description": "str | None",
    "shell": "bool | None",
    "args": "Sequence[EndpointArg] | None",
    "timeout": "int | None",
    "working_dir": "str | None",
    "public": "bool | None",
    "trigger": "Literal['http', 'webhook'] | None",
    "async": "bool | None",
    "secret": "Union[str, Sequence[str]] | None",
    "unsigned": "bool | None",
    "webhook_source": "Literal['github', 'stripe', 'shopify', 'generic'] | None",
    "webhook_events": "Sequence[str] | None",
    "transformer": "Transformer | None",
    "schedule": "str | None",
    "timezone": "str | None",
    "overlap": "bool | None",
    "notify_url": "str | None",
    "notify_on": "Literal['always', 'success', 'failure'] | None",
    "sensitive": "bool | None",
    "template": "str | None",
    "capsule": "str | None",
    "vcpus": "float | None",
    "memory_mb": "int | None",
    "envs": "Mapping[str, str] | None",
    "stdin": "Literal['none', 'body'] | None",
    "max_concurrency": "int | None",
    "on_disconnect": "Literal['continue', 'kill'] | None",
    "has_secret": "bool | None",
    "env_names": "Sequence[str] | None",
    "name": "str | None",
    "id": "Any",
    "url": "Any",
    "schedule_paused": "Any",
    "next_run_at": "Any",
    "created_at": "Any",
    "updated_at": "Any",
    "version": "Any",
    "notify_secret": "Any",
    "warnings": "Any",
}, total=False)

class EndpointDefinition(_EndpointDefinitionRequired, _EndpointDefinitionOptional):
    """What `EndpointDefinition` holds."""


@dataclass(frozen=True, kw_only=True)
class CapsuleCreatedEventData:
    template: str
    vcpus: int
    memory_mb: int
    disk_mb: int
    timeout_sec: int
    name: str | None


@dataclass(frozen=True, kw_only=True)
class CapsuleCreatedEvent:
    id: int
    """Goes up with each event of the installation; the position to resume from."""
    time: datetime
    """ISO 8601, with zone."""
    capsule_id: str
    process_id: str | None
    actor: Actor
    """Who caused it: a key, or a part of the server."""
    type: Literal["capsule.created"]
    data: CapsuleCreatedEventData


@dataclass(frozen=True, kw_only=True)
class CapsuleRunningEventData:
    pass


@dataclass(frozen=True, kw_only=True)
class CapsuleRunningEvent:
    id: int
    """Goes up with each event of the installation; the position to resume from."""
    time: datetime
    """ISO 8601, with zone."""
    capsule_id: str
    process_id: str | None
    actor: Actor
    """Who caused it: a key, or a part of the server."""
    type: Literal["capsule.running"]
    data: CapsuleRunningEventData


@dataclass(frozen=True, kw_only=True)
class CapsulePausedEvent:
    id: int
    """Goes up with each event of the installation; the position to resume from."""
    time: datetime
    """ISO 8601, with zone."""
    capsule_id: str
    process_id: str | None
    actor: Actor
    """Who caused it: a key, or a part of the server."""
    type: Literal["capsule.paused"]
    data: CapsuleRunningEventData


@dataclass(frozen=True, kw_only=True)
class CapsuleResumedEvent:
    id: int
    """Goes up with each event of the installation; the position to resume from."""
    time: datetime
    """ISO 8601, with zone."""
    capsule_id: str
    process_id: str | None
    actor: Actor
    """Who caused it: a key, or a part of the server."""
    type: Literal["capsule.resumed"]
    data: CapsuleRunningEventData


@dataclass(frozen=True, kw_only=True)
class CapsuleStoppedEventData:
    reason: Literal["destroyed", "stopped", "host_restarted", "agent_lost", "boot_failed"]
    message: str | None
    """The reason in words."""
    evidence: MemoryEvidence | None
    """What its memory was like; null where nobody could look any more."""


@dataclass(frozen=True, kw_only=True)
class CapsuleStoppedEvent:
    id: int
    """Goes up with each event of the installation; the position to resume from."""
    time: datetime
    """ISO 8601, with zone."""
    capsule_id: str
    process_id: str | None
    actor: Actor
    """Who caused it: a key, or a part of the server."""
    type: Literal["capsule.stopped"]
    data: CapsuleStoppedEventData


@dataclass(frozen=True, kw_only=True)
class CapsuleErrorEvent:
    id: int
    """Goes up with each event of the installation; the position to resume from."""
    time: datetime
    """ISO 8601, with zone."""
    capsule_id: str
    process_id: str | None
    actor: Actor
    """Who caused it: a key, or a part of the server."""
    type: Literal["capsule.error"]
    data: CapsuleStoppedEventData


@dataclass(frozen=True, kw_only=True)
class CapsuleDestroyedEvent:
    id: int
    """Goes up with each event of the installation; the position to resume from."""
    time: datetime
    """ISO 8601, with zone."""
    capsule_id: str
    process_id: str | None
    actor: Actor
    """Who caused it: a key, or a part of the server."""
    type: Literal["capsule.destroyed"]
    data: CapsuleStoppedEventData


@dataclass(frozen=True, kw_only=True)
class ProcessStartedEventData:
    pid: int
    tag: str
    cmd: str
    args: tuple[str, ...]
    started_at: datetime
    """ISO 8601, with zone."""


@dataclass(frozen=True, kw_only=True)
class ProcessStartedEvent:
    id: int
    """Goes up with each event of the installation; the position to resume from."""
    time: datetime
    """ISO 8601, with zone."""
    capsule_id: str
    process_id: str | None
    actor: Actor
    """Who caused it: a key, or a part of the server."""
    type: Literal["process.started"]
    data: ProcessStartedEventData


@dataclass(frozen=True, kw_only=True)
class Requested:
    by: str
    signal: str


@dataclass(frozen=True, kw_only=True)
class ProcessEndedEventData:
    pid: int
    tag: str
    cmd: str
    args: tuple[str, ...]
    started_at: datetime
    """ISO 8601, with zone."""
    ended_at: datetime
    """ISO 8601, with zone."""
    reason: Literal["exited", "signaled", "oom_killed", "timed_out", "killed", "stopped", "client_gone", "server_lost", "spawn_failed", "capsule_stopped", "capsule_destroyed", "agent_lost", "host_restarted"]
    """Why it ended."""
    exit_code: int | None
    """128 + the signal's number for a death by signal; null when nobody saw the end (`agent_lost`, `host_restarted`)."""
    signal: str | None
    requested: Requested | None
    """Who asked for its end: a key's id, `timeout`, `client`, or a part of the server."""
    oom_kills: int | None
    """Processes of the capsule that ran out of memory while it ran."""
    duration_ms: int | None
    stdout_bytes: int | None
    """null when nobody saw the end (`agent_lost`, `host_restarted`)."""
    stderr_bytes: int | None
    late_bytes: int | None
    stdout_sha256: str | None
    """Of all bytes of the stream, in hex."""
    stderr_sha256: str | None
    evidence: MemoryEvidence | None
    """The capsule's memory, where it was its end."""


@dataclass(frozen=True, kw_only=True)
class ProcessEndedEvent:
    id: int
    """Goes up with each event of the installation; the position to resume from."""
    time: datetime
    """ISO 8601, with zone."""
    capsule_id: str
    process_id: str | None
    actor: Actor
    """Who caused it: a key, or a part of the server."""
    type: Literal["process.ended"]
    data: ProcessEndedEventData


@dataclass(frozen=True, kw_only=True)
class EventPage:
    items: tuple[Event, ...]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null at the end."""


class _ExecRequestRequired(TypedDict):
    cmd: str
    """The program: a path, or a name looked up in PATH. No shell is added."""


class ExecRequest(_ExecRequestRequired, total=False):
    args: Sequence[str] | None
    """Its arguments, passed as they are."""
    envs: Mapping[str, str] | None
    """Variables on top of the capsule's own; these win."""
    cwd: str | None
    """Working directory; relative and `~` mean the home directory. `/root` by default."""
    tag: str | None
    """Your name for the process, unique among the capsule's live ones."""
    encoding: Literal["utf-8", "base64"] | None
    """`base64` asks for lossless output whatever the bytes."""
    timeout: int | None
    timeout_sec: int | None
    """Seconds until the process tree is killed; 0 is never."""
    background: bool | None
    """Answer 202 at once and leave the process running."""
    busy: bool | None
    """Background only: the process counts as activity while it runs."""
    stdin: str | None
    """Foreground only: what the process reads from its standard input."""
    stdin_encoding: Literal["utf-8", "base64"] | None
    """How `stdin` is written here; `utf-8` by default."""


@dataclass(frozen=True, kw_only=True)
class ExecResult:
    stdout: str
    stderr: str
    exit_code: int
    duration_ms: int
    encoding: Literal["utf-8", "base64"]
    """Of stdout and stderr both."""
    id: str
    pid: int | None
    """null when it could not start."""
    reason: Literal["exited", "signaled", "oom_killed", "timed_out", "killed", "stopped", "client_gone", "server_lost", "spawn_failed", "capsule_stopped", "capsule_destroyed", "agent_lost", "host_restarted"]
    """Why it ended."""
    signal: str | None
    """The signal it died by, e.g. `SIGKILL`; the exit code is then 128 + its number."""
    oom_kills: int
    """How many processes of the capsule ran out of memory while it ran."""
    requested: Requested | None
    """Who asked for its end."""
    stdout_bytes: int
    stderr_bytes: int
    late_bytes: int
    """Bytes that descendants printed after its end; not kept."""
    stdout_sha256: str | None
    """Of all `stdout_bytes` of the stream, in hex; null where that is not known any more."""
    stderr_sha256: str | None
    evidence: MemoryEvidence | None
    """The capsule's memory, where it was the end of the command."""
    stdout_truncated: bool
    stderr_truncated: bool


@dataclass(frozen=True, kw_only=True)
class ExecStarted:
    pid: int
    tag: str
    id: str


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    name: str
    path: str
    type: Literal["file", "directory", "symlink"]
    """Of the path itself. What is none of these counts as a file, see `special`."""
    special: Literal["fifo", "socket", "character_device", "block_device"] | None = None
    """Set where it is no file with bytes."""
    size: int
    mode: int
    """Permission bits, e.g. 420 for octal 644."""
    permissions: str
    """As `ls -l` has them, e.g. `-rw-r--r--`."""
    uid: int
    gid: int
    owner: str
    group: str
    modified_at: int
    """Unix seconds."""
    modified_at_ms: int
    """Unix milliseconds."""
    symlink_target: str | None = None
    target_type: Literal["file", "directory", "symlink"] | None = None
    """What a link leads to in the end; null where that does not exist."""
    unreadable: bool | None = None
    """A directory whose entries could not be read."""
    name_base64: str | None = None
    """The name itself where it is no UTF-8; `name` then has U+FFFD in it."""
    path_base64: str | None = None
    symlink_target_base64: str | None = None


@dataclass(frozen=True, kw_only=True)
class FilePage:
    entries: tuple[FileEntry, ...]
    """What is in a directory by its bytes; what is below a directory right behind it."""
    next_cursor: str | None
    """null: there are no more."""


class _FileUploadRequired(TypedDict):
    file: str
    """The file's bytes. Parts may come in any order."""


class FileUpload(_FileUploadRequired, total=False):
    path: str | None


class ForkCreate(TypedDict, total=False):
    count: int | None
    """Capsules to make."""
    name: str | None
    """Name of the fork; of several, this with `-1`, `-2` and so on. As with create, unique among the team's capsules."""
    wait_ms: int | None
    """Milliseconds to wait for `running` before answering with the status so far."""


@dataclass(frozen=True, kw_only=True)
class Forks:
    capsules: tuple[CapsuleInfo, ...]


@dataclass(frozen=True, kw_only=True)
class ImportResultChangesItem:
    name: str
    change: Literal["create", "update", "unchanged", "delete"]
    fields: tuple[str, ...]
    """The fields that differ, for `update`."""


@dataclass(frozen=True, kw_only=True)
class ImportResultWarningsItem:
    line: int
    column: int
    path: str
    message: str


@dataclass(frozen=True, kw_only=True)
class ImportResult:
    applied: bool
    changes: tuple[ImportResultChangesItem, ...]
    warnings: tuple[ImportResultWarningsItem, ...]


@dataclass(frozen=True, kw_only=True)
class ListeningPort:
    port: int
    address: str
    """What it listens on, like `127.0.0.1`, `0.0.0.0` or `::`."""
    pid: int | None
    """The process that listens; null where that cannot be seen."""
    public: bool
    url: str
    """Where it is reached: its own host name, or a path of the API where no domain is set for ports."""


@dataclass(frozen=True, kw_only=True)
class MemoryEvidence:
    memory_limit_bytes: int
    memory_peak_bytes: int
    """The most it ever used."""
    oom_kills: int
    """Processes that its kernel limit has killed since it booted."""


@dataclass(frozen=True, kw_only=True)
class MetricsPoint:
    timestamp_unix: int
    """Seconds."""
    cpu_pct: float
    """Of all its cores together, 0 to 100; the average since the point before."""
    mem_bytes: int
    """What its processes use, and what they have read and written as far as it is kept in memory; the most since the point before."""
    disk_bytes: int | None
    """What it has on disk beside what it shares; null where disks have no limit."""


@dataclass(frozen=True, kw_only=True)
class NetworkEgressAllowAllowItem:
    to: str
    ports: tuple[str, ...]
    """None: all ports and protocols."""


@dataclass(frozen=True, kw_only=True)
class NetworkEgressAllow:
    allow: tuple[NetworkEgressAllowAllowItem, ...]


@dataclass(frozen=True, kw_only=True)
class Network:
    egress: Union[Literal["none", "allow"], NetworkEgressAllow]


@dataclass(frozen=True, kw_only=True)
class NetworkDecision:
    decision: Literal["allowed", "refused"]
    address: str
    protocol: str
    """`tcp`, `udp`, `icmp`, …"""
    port: int
    """0 for protocols without ports."""
    packets: int
    last_at: datetime
    """When it was last decided so, to the second."""


class NetworkPolicy(TypedDict):
    egress: Egress


@dataclass(frozen=True, kw_only=True)
class Allowed:
    packets: int
    """First packets of connections where allowed, every packet where refused."""
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Refused:
    packets: int
    """First packets of connections where allowed, every packet where refused."""
    bytes: int


@dataclass(frozen=True, kw_only=True)
class NetworkReport:
    egress: Union[Literal["none", "allow"], NetworkEgressAllow]
    address: str | None
    """The capsule's own address on its host; null while it has no machine, or no network."""
    allowed: Allowed | None
    """Null while it has no machine, or no network."""
    refused: Refused | None
    log: tuple[NetworkDecision, ...] | None
    """Latest first, at most 256 of each decision; null unless asked for."""


@dataclass(frozen=True, kw_only=True)
class Notification:
    status: Literal["pending", "delivered", "failed"]
    attempts: int
    last_status: int | None
    """HTTP status of the last attempt."""
    last_error: str | None
    next_attempt_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class OutputPage:
    data: str
    encoding: Literal["utf-8", "base64"]
    """`base64` when the bytes are no whole UTF-8 text."""
    from_: int
    """Offset of the first byte; later than asked for when the earlier ones are not kept any more."""
    next: int
    """Offset to go on from."""
    gap_bytes: int
    """Bytes that were asked for and are not kept any more."""
    total: int
    """Bytes of the stream so far."""
    ended: bool
    """Whether the process has ended: nothing comes after `total`."""


class PortAccess(TypedDict):
    public: bool
    """`true`: anybody may reach it. `false`: a key of the team or a link is needed."""


@dataclass(frozen=True, kw_only=True)
class PortList:
    ports: tuple[ListeningPort, ...]


@dataclass(frozen=True, kw_only=True)
class PortUrl:
    url: str
    """On the port's own host name; opening it leaves a cookie there and goes on without the token."""
    token: str
    """For the parameter `capsuled_token` of any request to this port."""
    expires_at: datetime
    """ISO 8601, with zone."""


@dataclass(frozen=True, kw_only=True)
class ProcessInfo:
    pid: int
    tag: str
    """`""` when it has none."""
    cmd: str
    args: tuple[str, ...]
    id: str | None
    """null when it was not started through the API."""
    ppid: int
    started_at: datetime


@dataclass(frozen=True, kw_only=True)
class ProcessFacts:
    id: str
    capsule_id: str
    pid: int
    tag: str
    cmd: str
    args: tuple[str, ...]
    running: bool
    started_at: datetime
    """ISO 8601, with zone."""
    ended_at: datetime | None
    reason: Literal["exited", "signaled", "oom_killed", "timed_out", "killed", "stopped", "client_gone", "server_lost", "spawn_failed", "capsule_stopped", "capsule_destroyed", "agent_lost", "host_restarted"] | None
    """Why it ended; null while it runs."""
    exit_code: int | None
    """128 + the signal's number for a death by signal; null when nobody saw the end (`agent_lost`, `host_restarted`)."""
    signal: str | None
    requested: Requested | None
    """Who asked for its end: a key's id, `timeout`, `client`, or a part of the server."""
    oom_kills: int | None
    """Processes of the capsule that ran out of memory while it ran."""
    duration_ms: int | None
    stdout_bytes: int | None
    """null when nobody saw the end (`agent_lost`, `host_restarted`)."""
    stderr_bytes: int | None
    late_bytes: int | None
    stdout_sha256: str | None
    """Of all bytes of the stream, in hex."""
    stderr_sha256: str | None
    evidence: MemoryEvidence | None
    """The capsule's memory, where it was its end."""


@dataclass(frozen=True, kw_only=True)
class PutResultWarningsItem:
    field: str
    message: str


@dataclass(frozen=True, kw_only=True)
class PutResult:
    id: str
    name: str
    url: str
    """Path of the call, `/v1/{owner}/{name}`."""
    method: tuple[Literal["GET", "POST", "PUT", "PATCH", "DELETE"], ...]
    description: str | None = None
    command: str
    """Split once, by POSIX quoting; `{{name}}` within a word is replaced by that argument. No shell."""
    shell: bool
    """Give `command` to `sh -c`; arguments are environment variables then, never text of the command."""
    args: tuple[SetArg, ...]
    timeout: int
    """Seconds until the process tree is killed; at most the server's own bound."""
    working_dir: str | None = None
    public: bool
    """Anyone may call it, without a key."""
    trigger: Literal["http", "webhook"]
    async_: bool
    unsigned: bool
    """A public webhook without a secret: anyone who knows the URL runs it."""
    webhook_source: Literal["github", "stripe", "shopify", "generic"]
    webhook_events: tuple[str, ...] | None = None
    """Events that run it; all when empty."""
    transformer: SetTransformer | None = None
    schedule: str | None = None
    """Five fields of cron."""
    timezone: str
    """IANA time zone of `schedule`."""
    overlap: bool
    """Start a scheduled run while the one before still runs."""
    notify_url: str | None = None
    """Gets a signed POST after each run."""
    notify_on: Literal["always", "success", "failure"]
    sensitive: bool
    """Keep arguments out of the run's record, and output out of notifications."""
    template: str | None = None
    """A fresh capsule from it for each run, destroyed after it; `minimal` by default."""
    capsule: str | None = None
    """Run in this capsule instead; a paused one is resumed."""
    vcpus: float | None = None
    """Of a fresh capsule."""
    memory_mb: int | None = None
    """Of a fresh capsule."""
    stdin: Literal["none", "body"]
    """`body`: the request's body; arguments come from the query then."""
    max_concurrency: int | None = None
    """Runs at once; more wait in a bounded queue, and beyond it get 429."""
    on_disconnect: Literal["continue", "kill"]
    """What becomes of the run when its caller leaves."""
    has_secret: bool
    env_names: tuple[str, ...]
    schedule_paused: bool
    next_run_at: datetime | None
    """When the schedule runs it next."""
    created_at: datetime
    """ISO 8601, with zone."""
    updated_at: datetime
    """ISO 8601, with zone."""
    version: int
    """Goes up with each change."""
    notify_secret: str | None = None
    """What notifications are signed with, by Standard Webhooks; for an admin's key."""
    warnings: tuple[PutResultWarningsItem, ...]
    """What may not be meant; nothing is refused for it."""


@dataclass(frozen=True, kw_only=True)
class Run:
    id: str
    endpoint: str
    status: Literal["queued", "running", "succeeded", "failed", "timed_out", "cancelled", "missed", "error"]
    reason: Literal["exited", "signaled", "oom_killed", "timed_out", "killed", "stopped", "client_gone", "server_lost", "spawn_failed", "capsule_stopped", "capsule_destroyed", "agent_lost", "host_restarted", "cancelled", "capsule_gone", "boot_failed", "host_full", "not_started", "overlapped", "missed", "queue_timeout", "unavailable"] | None
    error: str | None
    """The reason in words, where it did not end by itself."""
    exit_code: int | None
    signal: str | None
    source: Literal["api", "public", "webhook", "schedule"]
    key_id: str | None
    args: Mapping[str, Union[str, float, bool]] | None
    """null for a sensitive endpoint."""
    delivery_id: str | None
    """Of the webhook that it answers."""
    created_at: datetime
    """ISO 8601, with zone."""
    started_at: datetime | None
    ended_at: datetime | None
    duration_ms: int | None
    """Of the process."""
    stdout_bytes: int
    stderr_bytes: int
    capsule_id: str | None
    process_id: str | None
    notification: Notification | None


@dataclass(frozen=True, kw_only=True)
class RunList:
    items: tuple[Run, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class RunWithOutput:
    id: str
    endpoint: str
    status: Literal["queued", "running", "succeeded", "failed", "timed_out", "cancelled", "missed", "error"]
    reason: Literal["exited", "signaled", "oom_killed", "timed_out", "killed", "stopped", "client_gone", "server_lost", "spawn_failed", "capsule_stopped", "capsule_destroyed", "agent_lost", "host_restarted", "cancelled", "capsule_gone", "boot_failed", "host_full", "not_started", "overlapped", "missed", "queue_timeout", "unavailable"] | None
    error: str | None
    """The reason in words, where it did not end by itself."""
    exit_code: int | None
    signal: str | None
    source: Literal["api", "public", "webhook", "schedule"]
    key_id: str | None
    args: Mapping[str, Union[str, float, bool]] | None
    """null for a sensitive endpoint."""
    delivery_id: str | None
    """Of the webhook that it answers."""
    created_at: datetime
    """ISO 8601, with zone."""
    started_at: datetime | None
    ended_at: datetime | None
    duration_ms: int | None
    """Of the process."""
    stdout_bytes: int
    stderr_bytes: int
    capsule_id: str | None
    process_id: str | None
    notification: Notification | None
    output: str | None
    """Both streams in the order in which they were printed; null where it is not kept any more."""
    output_encoding: Literal["utf-8", "base64"]
    output_truncated: bool
    """There is more: read it through `/stream`."""


@dataclass(frozen=True, kw_only=True)
class SetArg:
    name: str
    required: bool
    default: Union[str, float, bool] | None = None
    """Used when the caller leaves it out."""
    description: str | None = None
    type: Literal["string", "integer", "number", "boolean"]
    enum: tuple[Union[str, float, bool], ...] | None = None
    """The only values taken."""
    pattern: str | None = None
    """A regular expression that the whole value must match; for strings."""
    max_length: int | None = None
    """Characters; for strings."""
    flag: str | None = None
    """Passed before the value: `--count` gives two arguments, `--count=` one. A boolean gives the flag alone, when true."""


@dataclass(frozen=True, kw_only=True)
class JsonSetTransformer:
    type: Literal["json"]


@dataclass(frozen=True, kw_only=True)
class LinesSetTransformer:
    type: Literal["lines"]


@dataclass(frozen=True, kw_only=True)
class RegexSetTransformer:
    type: Literal["regex"]
    pattern: str
    flags: str | None = None
    all: bool
    """An array of all matches instead of the first."""


@dataclass(frozen=True, kw_only=True)
class JsonataSetTransformer:
    type: Literal["jsonata"]
    expression: str


class SnapshotCreate(TypedDict, total=False):
    capsule_id: str | None
    """The capsule whose disk is kept; running or paused."""
    sandbox_id: str | None
    """The same as `capsule_id`."""
    name: str | None
    """Left out, `template-` and 8 hex digits."""
    overwrite: bool | None
    """Whether it takes the place of the team's template of that name; capsules of that one go on."""


@dataclass(frozen=True, kw_only=True)
class Team:
    id: str
    name: str
    slug: str
    created_at: datetime
    """ISO 8601, with zone."""


class _TeamCreateRequired(TypedDict):
    name: str


class TeamCreate(_TeamCreateRequired, total=False):
    slug: str | None
    """Made from the name by default."""


@dataclass(frozen=True, kw_only=True)
class TeamCreated:
    team: Team
    key: ApiKeyCreated


@dataclass(frozen=True, kw_only=True)
class StartCommand:
    """What begins whenever a capsule of it boots."""

    cmd: str
    args: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ReadyCheck:
    """When a capsule of it is ready: this command exits with 0, or this port is listened on."""

    cmd: str | None = None
    args: tuple[str, ...] | None = None
    port: int | None = None
    timeout_sec: int


@dataclass(frozen=True, kw_only=True)
class Template:
    name: str
    type: Literal["base", "snapshot"]
    """`snapshot`: made of a capsule's disk, by a snapshot or a build."""
    vcpus: int | None = None
    """What a capsule of it gets unless it says otherwise."""
    memory_mb: int | None = None
    disk_mb: int | None = None
    size_bytes: int
    """What it takes on disk; of a snapshot, beside the template that it goes back to."""
    created_at: datetime
    """ISO 8601, with zone."""
    platform: bool
    """Whether every team has it; those cannot be deleted."""
    env_names: tuple[str, ...] | None = None
    """Names of the variables that processes in capsules of it have; values are never returned."""
    user: str | None = None
    """Who processes in capsules of it run as where nobody says otherwise."""
    cwd: str | None = None
    """Where they begin."""
    start_command: StartCommand | None = None
    """What begins whenever a capsule of it boots."""
    ready_check: ReadyCheck | None = None
    """When a capsule of it is ready: this command exits with 0, or this port is listened on."""


@dataclass(frozen=True, kw_only=True)
class TemplateBuild:
    id: str
    name: str
    """Of the template."""
    state: Literal["queued", "building", "ready", "failed", "cancelled"]
    step: int | None
    """The step under way, or the one it ended in; 0 is the base. null while it waits for its turn."""
    steps: int
    """Steps in all, the base not counted."""
    cached_steps: int
    """Steps that were taken from the cache."""
    reason: Literal["step_failed", "step_timed_out", "timed_out", "cancelled", "server_lost", "disk_full", "host_full", "base_failed", "capsule_lost", "user_not_found", "name_taken", "quota_exceeded", "internal_error"] | None
    """Why it made no template."""
    message: str | None
    """The reason in words."""
    error: BuildFailure | None
    """The step that failed; null where it was none."""
    created_at: datetime
    """ISO 8601, with zone."""
    started_at: datetime | None
    ended_at: datetime | None


_TemplateCreateRequired = TypedDict("_TemplateCreateRequired", {
    "name": "str",
})

class TemplateCreateFromTemplate(TypedDict):
    template: str


class _TemplateCreateFromImageImageRequired(TypedDict):
    reference: str
    """As with Docker: `alpine:3.20`, `ghcr.io/owner/name@sha256:…`. Registries are spoken to over TLS, on this machine without."""


class TemplateCreateFromImageImage(_TemplateCreateFromImageImageRequired, total=False):
    username: str | None
    """For registries that want one; kept no longer than the build."""
    password: str | None
    use_entrypoint: bool | None
    """Whether the image's entry point and command are the template's start command, where the recipe has none."""


class _TemplateCreateFromImageImage1Required(TypedDict):
    archive: str
    """An image archive that was uploaded, by its id."""


class TemplateCreateFromImageImage1(_TemplateCreateFromImageImage1Required, total=False):
    use_entrypoint: bool | None
    """Whether the image's entry point and command are the template's start command, where the recipe has none."""


class TemplateCreateFromImage(TypedDict):
    image: Union[TemplateCreateFromImageImage, TemplateCreateFromImageImage1]
    """An image of a registry, or an image archive that was uploaded."""


class _TemplateCreateFilesItemRequired(TypedDict):
    path: str
    """Absolute; directories on the way are made."""
    content: str


class TemplateCreateFilesItem(_TemplateCreateFilesItemRequired, total=False):
    encoding: Literal["utf-8", "base64"] | None
    """How `content` is written here."""
    mode: str | None
    """Octal permission bits as text; `644` by default."""


class _TemplateCreateStepsItemRequired(TypedDict):
    run: str
    """A line for `/bin/sh -c`. It fails when that exits with anything but 0."""


class TemplateCreateStepsItem(_TemplateCreateStepsItemRequired, total=False):
    envs: Mapping[str, str] | None
    """Variables of this step alone, on top of the recipe's."""
    cwd: str | None
    """The recipe's, when left out; `/` where that has none."""
    user: str | None
    """Who runs it; root, when left out."""
    timeout_sec: int | None
    """Seconds until it is killed and the build fails."""


class _TemplateCreateStartCommandRequired(TypedDict):
    cmd: str
    """The program: a path, or a name looked up in PATH. No shell is added."""


class TemplateCreateStartCommand(_TemplateCreateStartCommandRequired, total=False):
    args: Sequence[str] | None
    """Its arguments, passed as they are."""


class _TemplateCreateReadyCheckRequired(TypedDict):
    cmd: str
    """The program: a path, or a name looked up in PATH. No shell is added."""


class TemplateCreateReadyCheck(_TemplateCreateReadyCheckRequired, total=False):
    args: Sequence[str] | None
    """Its arguments, passed as they are."""
    timeout_sec: int | None
    """Seconds within which it must pass."""


class _TemplateCreateReadyCheck1Required(TypedDict):
    port: int


class TemplateCreateReadyCheck1(_TemplateCreateReadyCheck1Required, total=False):
    timeout_sec: int | None
    """Seconds within which it must pass."""


_TemplateCreateOptional = TypedDict("_TemplateCreateOptional", {
    "overwrite": "bool | None",
    "from": "Union[TemplateCreateFromTemplate, TemplateCreateFromImage] | None",
    "packages": "Sequence[str] | None",
    "files": "Sequence[TemplateCreateFilesItem] | None",
    "steps": "Sequence[TemplateCreateStepsItem] | None",
    "envs": "Mapping[str, str] | None",
    "user": "str | None",
    "cwd": "str | None",
    "start_command": "TemplateCreateStartCommand | None",
    "ready_check": "Union[TemplateCreateReadyCheck, TemplateCreateReadyCheck1] | None",
    "vcpus": "int | None",
    "memory_mb": "int | None",
    "disk_mb": "int | None",
    "network": "NetworkPolicy | None",
    "timeout_sec": "int | None",
    "use_cache": "bool | None",
    "wait_ms": "int | None",
}, total=False)

class TemplateCreate(_TemplateCreateRequired, _TemplateCreateOptional):
    """What `TemplateCreate` holds."""


class _TicketCreateRequired(TypedDict):
    path: str
    """Path and query of the one request that it is for, e.g. `/v1/alice/deploy`."""


class TicketCreate(_TicketCreateRequired, total=False):
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, kw_only=True)
class TicketCreated:
    ticket: str
    """Give it as `?ticket=`; good for one use."""
    expires_at: datetime
    """ISO 8601, with zone."""


class TransformerJson(TypedDict):
    type: Literal["json"]


class TransformerLines(TypedDict):
    type: Literal["lines"]


class _TransformerRegexRequired(TypedDict):
    type: Literal["regex"]
    pattern: str


class TransformerRegex(_TransformerRegexRequired, total=False):
    flags: str | None
    all: bool | None
    """An array of all matches instead of the first."""


class TransformerJsonata(TypedDict):
    type: Literal["jsonata"]
    expression: str


@dataclass(frozen=True, kw_only=True)
class UploadedImage:
    id: str
    """Follows from the archive's content: the same archive has the same id."""
    digest: str
    """Of the image in it, for this server's platform."""
    size_bytes: int
    expires_at: datetime
    """When it is removed; each use puts that off."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    from_: str
    to: str
    points: tuple[UsagePoint, ...]
    """One a day, oldest first; 0 where nothing ran."""


@dataclass(frozen=True, kw_only=True)
class UsagePoint:
    date: str
    """A day in UTC."""
    cpu_minutes: float
    """The minutes of running capsules, each times its `vcpus`."""
    ram_mb_minutes: float
    """The minutes of running capsules, each times its `memory_mb`."""


class Wait(TypedDict, total=False):
    wait_ms: int | None
    """Milliseconds to wait for `running` before answering with the status so far."""


Actor = Union[ApiKeyActor, SystemActor]

Egress = Union[Literal["none"], Literal["allow"], EgressAllow]
"""Where the capsule may connect to: nowhere, the internet, or what is listed. Private, link-local, loopback, shared and multicast ranges and cloud metadata are refused whatever a name resolves to, unless a CIDR or address that lies within such a range is listed; the host itself and other capsules always are."""

Event = Union[CapsuleCreatedEvent, CapsuleRunningEvent, CapsulePausedEvent, CapsuleResumedEvent, CapsuleStoppedEvent, CapsuleErrorEvent, CapsuleDestroyedEvent, ProcessStartedEvent, ProcessEndedEvent]

SetTransformer = Union[JsonSetTransformer, LinesSetTransformer, RegexSetTransformer, JsonataSetTransformer]

Transformer = Union[TransformerJson, TransformerLines, TransformerRegex, TransformerJsonata]
