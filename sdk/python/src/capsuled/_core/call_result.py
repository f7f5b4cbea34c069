"""Results of calls, from what the server sends."""

from __future__ import annotations

import base64

from .._contract.models import CallResult, RunWithOutput
from .answer import api_error


def result_of_run(run: RunWithOutput) -> CallResult:
    """A run's end as a call would have answered it."""
    if run.exit_code is None:
        raise api_error("run_failed", run.error or f"The run ended as {run.status}.", details={"run_id": run.id})
    return CallResult(
        output=run.output,
        output_encoding="base64" if run.output_encoding == "base64" else None,
        output_truncated=run.output_truncated or None,
        exit_code=run.exit_code,
        run_id=run.id,
        duration_ms=run.duration_ms or 0,
        reason=run.reason or "exited",
        signal=run.signal,
    )


def raw_output(result: CallResult) -> bytes:
    """The output's bytes."""
    output = result.output or ""
    return base64.b64decode(output) if result.output_encoding == "base64" else output.encode()
