# Made by `npm run generate` from contract/. Do not change it by hand.
"""The closed catalogue of errors: a class for each code, and whether a repeat can help."""

from __future__ import annotations

from typing import Literal

from .._core.failures import ApiError

Retry = Literal["never", "immediately", "after_delay", "indeterminate"]


class InvalidRequestError(ApiError):
    """`invalid_request`: The request is not valid."""


class InvalidOffsetError(ApiError):
    """`invalid_offset`: The position lies beyond what exists."""


class UnauthorizedError(ApiError):
    """`unauthorized`: A valid API key is needed in the X-API-Key header."""


class InvalidSignatureError(ApiError):
    """`invalid_signature`: The webhook's signature is missing, wrong or too old."""


class ForbiddenError(ApiError):
    """`forbidden`: This key's role does not allow it."""


class NotFoundError(ApiError):
    """`not_found`: There is no such thing here."""


class MethodNotAllowedError(ApiError):
    """`method_not_allowed`: This path does not take that method."""


class RequestTimeoutError(ApiError):
    """`request_timeout`: The request took too long to arrive."""


class InvalidStateError(ApiError):
    """`invalid_state`: The capsule's state does not allow it."""


class TagInUseError(ApiError):
    """`tag_in_use`: A running process has that tag."""


class ConflictError(ApiError):
    """`conflict`: It exists already."""


class NameReservedError(ApiError):
    """`name_reserved`: A template that every team has is named so."""


class TemplateNameTakenError(ApiError):
    """`template_name_taken`: The team has a template of that name."""


class IdempotencyInProgressError(ApiError):
    """`idempotency_in_progress`: The first request with this Idempotency-Key is still under way."""


class CapsuleGoneError(ApiError):
    """`capsule_gone`: The endpoint's capsule does not exist any more."""


class ResultExpiredError(ApiError):
    """`result_expired`: It was done, and its output is not kept any more."""


class TooLargeError(ApiError):
    """`too_large`: The request is too large."""


class UnsupportedMediaTypeError(ApiError):
    """`unsupported_media_type`: Send the body as application/json."""


class RangeNotSatisfiableError(ApiError):
    """`range_not_satisfiable`: The file has no such range of bytes."""


class IdempotencyConflictError(ApiError):
    """`idempotency_conflict`: This Idempotency-Key was used for another request."""


class UpgradeRequiredError(ApiError):
    """`upgrade_required`: This operation is a WebSocket: connect with an upgrade."""


class QuotaExceededError(ApiError):
    """`quota_exceeded`: The team's limit is reached."""


class RateLimitedError(ApiError):
    """`rate_limited`: Too many calls; wait for as long as Retry-After says."""


class QueueFullError(ApiError):
    """`queue_full`: The endpoint's runs and its queue are full."""


class QueueTimeoutError(ApiError):
    """`queue_timeout`: The endpoint's other runs took so long that this one's turn did not come."""


class InternalError(ApiError):
    """`internal_error`: Something went wrong on the server."""


class TransformFailedError(ApiError):
    """`transform_failed`: The transformer could not read the command's output."""


class RunFailedError(ApiError):
    """`run_failed`: The run came to no process, or its end was not seen."""


class AgentError(ApiError):
    """`agent_error`: The capsule's agent did not answer as it should."""


class PortUnavailableError(ApiError):
    """`port_unavailable`: Nothing listens on this port of the capsule."""


class HostFullError(ApiError):
    """`host_full`: The host has no room for another capsule."""


class ProcessLimitError(ApiError):
    """`process_limit`: The capsule has reached its limit of processes."""


class ConnectionLimitError(ApiError):
    """`connection_limit`: As many connections to ports of capsules are open as the server takes."""


class UnavailableError(ApiError):
    """`unavailable`: The server cannot reach its database at the moment."""


class ShuttingDownError(ApiError):
    """`shutting_down`: The server is shutting down."""


class DiskFullError(ApiError):
    """`disk_full`: The capsule's disk has no room for it; nothing was written."""


class CommandTimeoutError(ApiError):
    """`timeout`: The command ran into its timeout and was killed."""


class SpawnFailedError(ApiError):
    """`spawn_failed`: A stream's error `spawn_failed`."""


class CwdNotFoundError(ApiError):
    """`cwd_not_found`: A stream's error `cwd_not_found`."""


class BadMessageError(ApiError):
    """`bad_message`: A stream's error `bad_message`."""


class BadFirstMessageError(ApiError):
    """`bad_first_message`: A stream's error `bad_first_message`."""


class FirstMessageLateError(ApiError):
    """`first_message_late`: A stream's error `first_message_late`."""


class StdinFullError(ApiError):
    """`stdin_full`: A stream's error `stdin_full`."""


class StdinGapError(ApiError):
    """`stdin_gap`: A stream's error `stdin_gap`."""


class SlowConsumerError(ApiError):
    """`slow_consumer`: A stream's error `slow_consumer`."""


class TerminalNotFoundError(ApiError):
    """`terminal_not_found`: A stream's error `terminal_not_found`."""


class OutputGapError(ApiError):
    """`output_gap`: A stream's error `output_gap`."""


class UserNotFoundError(ApiError):
    """`user_not_found`: A stream's error `user_not_found`."""


class ServerStoppingError(ApiError):
    """`server_stopping`: A stream's error `server_stopping`."""


CLASSES: dict[str, type[ApiError]] = {
    "invalid_request": InvalidRequestError,
    "invalid_offset": InvalidOffsetError,
    "unauthorized": UnauthorizedError,
    "invalid_signature": InvalidSignatureError,
    "forbidden": ForbiddenError,
    "not_found": NotFoundError,
    "method_not_allowed": MethodNotAllowedError,
    "request_timeout": RequestTimeoutError,
    "invalid_state": InvalidStateError,
    "tag_in_use": TagInUseError,
    "conflict": ConflictError,
    "name_reserved": NameReservedError,
    "template_name_taken": TemplateNameTakenError,
    "idempotency_in_progress": IdempotencyInProgressError,
    "capsule_gone": CapsuleGoneError,
    "result_expired": ResultExpiredError,
    "too_large": TooLargeError,
    "unsupported_media_type": UnsupportedMediaTypeError,
    "range_not_satisfiable": RangeNotSatisfiableError,
    "idempotency_conflict": IdempotencyConflictError,
    "upgrade_required": UpgradeRequiredError,
    "quota_exceeded": QuotaExceededError,
    "rate_limited": RateLimitedError,
    "queue_full": QueueFullError,
    "queue_timeout": QueueTimeoutError,
    "internal_error": InternalError,
    "transform_failed": TransformFailedError,
    "run_failed": RunFailedError,
    "agent_error": AgentError,
    "port_unavailable": PortUnavailableError,
    "host_full": HostFullError,
    "process_limit": ProcessLimitError,
    "connection_limit": ConnectionLimitError,
    "unavailable": UnavailableError,
    "shutting_down": ShuttingDownError,
    "disk_full": DiskFullError,
    "timeout": CommandTimeoutError,
    "spawn_failed": SpawnFailedError,
    "cwd_not_found": CwdNotFoundError,
    "bad_message": BadMessageError,
    "bad_first_message": BadFirstMessageError,
    "first_message_late": FirstMessageLateError,
    "stdin_full": StdinFullError,
    "stdin_gap": StdinGapError,
    "slow_consumer": SlowConsumerError,
    "terminal_not_found": TerminalNotFoundError,
    "output_gap": OutputGapError,
    "user_not_found": UserNotFoundError,
    "server_stopping": ServerStoppingError,
}

RETRY: dict[str, Retry] = {
    "invalid_request": "never",
    "invalid_offset": "never",
    "unauthorized": "never",
    "invalid_signature": "never",
    "forbidden": "never",
    "not_found": "never",
    "method_not_allowed": "never",
    "request_timeout": "immediately",
    "invalid_state": "never",
    "tag_in_use": "never",
    "conflict": "never",
    "name_reserved": "never",
    "template_name_taken": "never",
    "idempotency_in_progress": "after_delay",
    "capsule_gone": "never",
    "result_expired": "never",
    "too_large": "never",
    "unsupported_media_type": "never",
    "range_not_satisfiable": "never",
    "idempotency_conflict": "never",
    "upgrade_required": "never",
    "quota_exceeded": "after_delay",
    "rate_limited": "after_delay",
    "queue_full": "after_delay",
    "queue_timeout": "after_delay",
    "internal_error": "indeterminate",
    "transform_failed": "never",
    "run_failed": "indeterminate",
    "agent_error": "indeterminate",
    "port_unavailable": "after_delay",
    "host_full": "after_delay",
    "process_limit": "after_delay",
    "connection_limit": "after_delay",
    "unavailable": "after_delay",
    "shutting_down": "after_delay",
    "disk_full": "never",
    "timeout": "never",
}

CLOSE_CODES: dict[int, str] = {
    1000: "done",
    1001: "server_stopping",
    1008: "key_revoked",
    1009: "too_big",
    1011: "internal",
    4000: "slow_consumer",
    4001: "capsule_gone",
    4002: "bad_first_message",
    4003: "first_message_late",
}

__all__ = [
    "AgentError",
    "BadFirstMessageError",
    "BadMessageError",
    "CapsuleGoneError",
    "CommandTimeoutError",
    "ConflictError",
    "ConnectionLimitError",
    "CwdNotFoundError",
    "DiskFullError",
    "FirstMessageLateError",
    "ForbiddenError",
    "HostFullError",
    "IdempotencyConflictError",
    "IdempotencyInProgressError",
    "InternalError",
    "InvalidOffsetError",
    "InvalidRequestError",
    "InvalidSignatureError",
    "InvalidStateError",
    "MethodNotAllowedError",
    "NameReservedError",
    "NotFoundError",
    "OutputGapError",
    "PortUnavailableError",
    "ProcessLimitError",
    "QueueFullError",
    "QueueTimeoutError",
    "QuotaExceededError",
    "RangeNotSatisfiableError",
    "RateLimitedError",
    "RequestTimeoutError",
    "ResultExpiredError",
    "RunFailedError",
    "ServerStoppingError",
    "ShuttingDownError",
    "SlowConsumerError",
    "SpawnFailedError",
    "StdinFullError",
    "StdinGapError",
    "TagInUseError",
    "TemplateNameTakenError",
    "TerminalNotFoundError",
    "TooLargeError",
    "TransformFailedError",
    "UnauthorizedError",
    "UnavailableError",
    "UnsupportedMediaTypeError",
    "UpgradeRequiredError",
    "UserNotFoundError",
]
