import { fail, invalid } from "../fail.ts";
import { AgentRefusal } from "../ports/agent-link.ts";
import { refusalToError } from "../process/refusal.ts";

/** What the agent's refusal of an operation on files is to a caller. Anything else is given back as it is. */
export function fileRefusal(error: unknown): unknown {
  if (!(error instanceof AgentRefusal)) return refusalToError(error);
  const cause = { cause: error };
  const field = FIELDS[error.field ?? ""] ?? error.field ?? "path";
  switch (error.code) {
    case "not_found":
      return fail("not_found", "There is no such file or directory in this capsule.", { details: { field }, cause: error });
    case "exists":
      return fail("conflict", "There is a file or directory of that name already, which is not replaced.", {
        details: { field },
        cause: error,
      });
    case "not_empty":
      return fail("conflict", "The directory is not empty.", { details: { field }, cause: error });
    case "busy":
      return fail("conflict", "It is in use: something is mounted there, or it changes all the time.", cause);
    case "changed":
      return fail("conflict", "The file has changed while it was read.", cause);
    case "is_directory":
      return invalid(field, "is a directory");
    case "not_directory":
      return invalid(field, "is no directory, or one of the names on the way is none");
    case "not_a_file":
      return invalid(field, "is no regular file");
    case "symlink_loop":
      return invalid(field, "leads through too many links, or through one that is not followed");
    case "name_too_long":
      return invalid(field, "has more than 4095 bytes, or a name of more than 255");
    case "too_deep":
    case "too_big":
      return invalid(field, error.message);
    case "permission_denied":
    case "read_only":
      return fail("forbidden", "The capsule's kernel does not allow it there.", cause);
    case "disk_full":
      return fail("disk_full", undefined, cause);
    case "file_limit":
      return fail("process_limit", "The capsule has as many operations on files at once as it takes.", cause);
    case "watch_limit":
      return fail("process_limit", "There are more directories than one watch takes, or the host has no more watches to give.", cause);
    case "paused":
      return fail("invalid_state", "The capsule is being paused.", cause);
    case "bad_request":
      return invalid(field, error.message);
    default:
      return refusalToError(error);
  }
}

/** Fields of the agent's requests that callers know by another name. */
const FIELDS: Readonly<Record<string, string>> = { after: "cursor", after_base64: "cursor" };
