import type { AgentLink, ProcessUser } from "../ports/agent-link.ts";
import type { Ids } from "../ports/clock.ts";
import { refusalToError } from "./refusal.ts";
import { StartRefused } from "./service.ts";
import { startSpec } from "./spec.ts";

/** A user of a capsule. */
export interface CapsuleUser extends ProcessUser {
  readonly name: string;
  /** Absolute. */
  readonly home: string;
}

/** Seconds that the capsule may take to say who a user is. */
const LOOK_TIMEOUT_SEC = 5;
/** Bytes of its answer that are read. */
const ANSWER_BYTES_MAX = 16 * 1024;
/** The largest id of a user or group in a capsule. */
const ID_MAX = 65_535;
/** Groups that one user may be in. */
const GROUPS_MAX = 64;

/** Its entry in the capsule's own user database, then the numbers of its groups. Small images have the database and nothing that asks it. */
const SCRIPT = `
entry() {
  if command -v getent > /dev/null; then getent passwd -- "$1"; return; fi
  while IFS=: read -r name password uid rest; do
    if [ "$name" = "$1" ] || [ "$uid" = "$1" ]; then printf '%s:%s:%s:%s\\n' "$name" "$password" "$uid" "$rest"; return; fi
  done < /etc/passwd
  return 1
}
entry "$1" && id -G -- "$1"`;

/** Asks the capsule who a user is, by name or number. Whatever it answers holds inside the capsule only. Throws `StartRefused`. */
export async function findUser(deps: { readonly ids: Ids }, link: AgentLink, user: string, by: string): Promise<CapsuleUser> {
  const spec = startSpec(
    { cmd: "/bin/sh", args: ["-c", SCRIPT, "sh", user] },
    {},
    {
      id: deps.ids.next("pr"),
      tag: "",
      stdin: false,
      foreground: true,
      busy: false,
      timeoutSec: LOOK_TIMEOUT_SEC,
      onDisconnect: "kill",
      by,
    },
  );
  let answer: string;
  try {
    const { end, stdout } = await link.run(spec, null, ANSWER_BYTES_MAX, new AbortController().signal);
    answer = end.exitCode === 0 ? new TextDecoder().decode(stdout) : "";
  } catch (error) {
    throw refusalToError(error);
  }
  const found = readAnswer(answer);
  if (found === undefined) throw new StartRefused("user_not_found", `The capsule has no user ${JSON.stringify(user)}.`);
  return found;
}

/** `name:x:uid:gid:about:home:shell`, then group numbers on a line of their own. */
export function readAnswer(answer: string): CapsuleUser | undefined {
  const [entry = "", numbers = ""] = answer.split("\n");
  const [name = "", , uidText = "", gidText = "", , home = ""] = entry.split(":");
  const uid = idOf(uidText);
  const gid = idOf(gidText);
  const groups = numbers
    .split(" ")
    .filter((text) => text !== "")
    .map(idOf);
  if (name === "" || name.includes("\0") || uid === undefined || gid === undefined || groups.length > GROUPS_MAX) return undefined;
  return {
    name,
    uid,
    gid,
    groups: groups.filter((group) => group !== undefined),
    home: home.startsWith("/") && !home.includes("\0") ? home : "/",
  };
}

function idOf(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) <= ID_MAX ? Number(text) : undefined;
}
