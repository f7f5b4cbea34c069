import type { BuildReason } from "@capsuled/contract";
import { CapsuledError } from "../fail.ts";
import { AgentLostError, AgentRefusal } from "../ports/agent-link.ts";
import { HandleGoneError, HostFullError, TemplateMissingError } from "../ports/driver.ts";
import { ImageError } from "../ports/images.ts";
import type { BuildFailure } from "./record.ts";

/** Why a build makes no template, in words for callers. */
export class BuildError extends Error {
  override readonly name = "BuildError";
  readonly reason: BuildReason;
  readonly failure: BuildFailure | null;
  constructor(reason: BuildReason, message: string, failure: BuildFailure | null = null, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
    this.failure = failure;
  }
}

/** What any failure is to the caller of a build. */
export function toBuildError(error: unknown): BuildError {
  if (error instanceof BuildError) return error;
  const because = { cause: error };
  if (error instanceof ImageError) return new BuildError("base_failed", error.message, null, because);
  if (error instanceof HostFullError) return new BuildError("host_full", error.message, null, because);
  if (error instanceof TemplateMissingError) return new BuildError("base_failed", error.message, null, because);
  if (error instanceof AgentLostError || error instanceof HandleGoneError)
    return new BuildError("capsule_lost", "The build's capsule ended while it was at work.", null, because);
  if (error instanceof AgentRefusal) return new BuildError("step_failed", error.message, null, because);
  if (error instanceof CapsuledError) return new BuildError(reasonOf(error), error.message, null, because);
  return new BuildError("internal_error", "Something went wrong on the server; its log has the cause.", null, because);
}

function reasonOf({ code }: CapsuledError): BuildReason {
  switch (code) {
    case "host_full":
    case "disk_full":
    case "quota_exceeded":
      return code;
    case "template_name_taken":
    case "conflict":
      return "name_taken";
    case "invalid_state":
    case "not_found":
    case "agent_error":
      return "capsule_lost";
    case "invalid_request":
      return "step_failed";
    default:
      return "internal_error";
  }
}
