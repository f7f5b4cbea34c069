import { AgentLostError, AgentRefusal } from "../ports/agent-link.ts";
import { fail, invalid } from "../fail.ts";

/**
 * What the agent's refusal or absence is to a caller. Anything else is given back as it is.
 * `not_found` is the selector's; a program that is not found is no error (core/process/exec.ts).
 */
export function refusalToError(error: unknown): unknown {
  if (error instanceof AgentLostError) return fail("agent_error", undefined, { cause: error });
  if (!(error instanceof AgentRefusal)) return error;
  switch (error.code) {
    case "not_found":
      return fail("not_found", "There is no such process in this capsule.", { cause: error });
    case "cwd_not_found":
      return invalid("cwd", `the working directory cannot be entered: ${error.message}`);
    case "tag_in_use":
      return fail("tag_in_use", undefined, { details: { field: "tag" }, cause: error });
    case "no_terminal":
      return fail("agent_error", `The capsule has no working /dev/ptmx: ${error.message}`, { cause: error });
    case "process_limit":
      return fail("process_limit", undefined, { cause: error });
    case "too_big":
      return invalid("args", "the arguments and the environment together are larger than the kernel takes");
    case "bad_request":
      return invalid(error.field ?? "body", error.message);
    case "invalid_offset":
      return fail("invalid_offset", undefined, { details: { field: "from" }, cause: error });
    case "shutting_down":
      return fail("invalid_state", "The capsule is stopping.", { cause: error });
    default:
      return fail("agent_error", undefined, { cause: error });
  }
}

/** What a caller may not think of: no shell splits a command line, and the kernel says of a script without its interpreter what it says of none. */
function notFoundHint(cmd: string): string {
  if (/\s/.test(cmd.trim())) return ' (it is taken as one program\'s name: put arguments into "args", or run "sh" with ["-c", "…"])';
  return cmd.includes("/") ? " (no such file, or the interpreter that its first line names is missing)" : "";
}

/** A program that cannot be found (127) or executed (126), in words; `undefined` when that is not what was refused. */
export function notStartable(cmd: string, error: unknown): { readonly exitCode: 126 | 127; readonly message: string } | undefined {
  if (!(error instanceof AgentRefusal)) return undefined;
  if (error.code === "not_found" && error.field === "cmd")
    return { exitCode: 127, message: `${cmd}: command not found${notFoundHint(cmd)}` };
  if (error.code === "not_executable") return { exitCode: 126, message: `${cmd}: cannot be executed: ${error.message}` };
  return undefined;
}
