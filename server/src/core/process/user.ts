import type { AgentLink, ProcessUser } from "../ports/agent-link.ts";
import { AgentRefusal } from "../ports/agent-link.ts";
import type { Ids } from "../ports/clock.ts";
import { notStartable, refusalToError } from "./refusal.ts";
import { StartRefused } from "./service.ts";
import { startSpec } from "./spec.ts";
import type { UserDatabase, UserEntry } from "./user-database.ts";
import { idOf, readUser, readUserDatabase } from "./user-database.ts";

/** A user of a capsule. */
export interface CapsuleUser extends ProcessUser {
  /** The number itself where no name belongs to it. */
  readonly name: string;
  /** Absolute. */
  readonly home: string;
  /** Where a process begins that is told nothing else: the home, or the root where that is no directory. */
  readonly directory: string;
}

/** Seconds that the capsule's own program may take to say who a user is. */
const LOOK_TIMEOUT_SEC = 5;
/** Bytes of its answer that are read. */
const ANSWER_BYTES_MAX = 16 * 1024;
/** Groups that one user may be in. */
const GROUPS_MAX = 64;

/** Refusals of a path that say that there is no directory. */
const NO_DIRECTORY: readonly string[] = ["not_found", "not_directory", "symlink_loop", "name_too_long", "bad_request"];

/** For users that no file names, but something that the capsule asks: its entry, then the numbers of its groups. */
const SCRIPT = `getent passwd -- "$1" && id -G -- "$1"`;

interface Wanted {
  readonly user: string;
  readonly group: string | null;
}

/**
 * Who a user of the capsule is: `user` or `user:group`, each by name or number, as images say it. Its own files are read for that, so
 * that an image needs no programs; a number needs no entry in them. Whatever the capsule answers holds inside it only. Throws
 * `StartRefused`.
 */
export async function findUser(deps: { readonly ids: Ids }, link: AgentLink, named: string, by: string): Promise<CapsuleUser> {
  const wanted = readWanted(named);
  try {
    const database = await readUserDatabase(link);
    const found = inFiles(database, wanted) ?? (await asked(deps, link, wanted, by)) ?? byNumber(wanted);
    if (found === undefined) throw noUser(`The capsule has no user ${JSON.stringify(wanted.user)}.`);
    const user = wanted.group === null ? found : { ...found, gid: groupOf(database, wanted.group), groups: [] };
    if (user.groups.length > GROUPS_MAX) throw noUser(`${JSON.stringify(wanted.user)} is in more than ${GROUPS_MAX} groups.`);
    return { ...user, directory: (await isDirectory(link, user.home)) ? user.home : "/" };
  } catch (error) {
    throw refusalToError(error);
  }
}

type Found = Omit<CapsuleUser, "directory">;

function readWanted(named: string): Wanted {
  const colon = named.indexOf(":");
  const group = colon < 0 ? "" : named.slice(colon + 1);
  return { user: (colon < 0 ? named : named.slice(0, colon)) || "0", group: group === "" ? null : group };
}

/** By name before by number: a name may look like one. */
function inFiles({ users, groups }: UserDatabase, { user }: Wanted): Found | undefined {
  const entry = users.find(({ name }) => name === user) ?? users.find(({ uid }) => String(uid) === user);
  if (entry === undefined) return undefined;
  const more = groups.filter(({ members }) => members.includes(entry.name)).map(({ gid }) => gid);
  return { ...entry, groups: [...new Set([entry.gid, ...more])] };
}

/** As Docker and Kubernetes have it: in the group 0, where none is named. */
function byNumber({ user }: Wanted): Found | undefined {
  const uid = idOf(user);
  return uid === undefined ? undefined : { name: String(uid), uid, gid: 0, groups: [], home: "/" };
}

function groupOf({ groups }: UserDatabase, group: string): number {
  const gid = groups.find(({ name }) => name === group)?.gid ?? idOf(group);
  if (gid === undefined) throw noUser(`The capsule has no group ${JSON.stringify(group)}.`);
  return gid;
}

/** `undefined` too where the capsule has nothing to ask. */
async function asked(deps: { readonly ids: Ids }, link: AgentLink, { user }: Wanted, by: string): Promise<Found | undefined> {
  if (idOf(user) !== undefined) return undefined;
  const cmd = "/bin/sh";
  const how = { tag: "", stdin: false, foreground: true, busy: false, timeoutSec: LOOK_TIMEOUT_SEC, onDisconnect: "kill", by } as const;
  const spec = startSpec({ cmd, args: ["-c", SCRIPT, "sh", user] }, {}, { ...how, id: deps.ids.next("pr") });
  try {
    const { end, stdout } = await link.run(spec, null, ANSWER_BYTES_MAX, new AbortController().signal);
    return end.exitCode === 0 ? readAnswer(new TextDecoder().decode(stdout)) : undefined;
  } catch (error) {
    if (notStartable(cmd, error) !== undefined) return undefined;
    throw error;
  }
}

/** An entry as in the file, then group numbers on a line of their own. */
export function readAnswer(answer: string): Found | undefined {
  const [line = "", numbers = ""] = answer.split("\n");
  const [entry]: readonly UserEntry[] = readUser(line);
  if (entry === undefined) return undefined;
  const groups = numbers.split(" ").map(idOf);
  return { ...entry, groups: groups.filter((group) => group !== undefined) };
}

async function isDirectory(link: AgentLink, path: string): Promise<boolean> {
  try {
    const { type, targetType } = await link.files.stat({ path });
    return (type === "symlink" ? targetType : type) === "directory";
  } catch (error) {
    if (error instanceof AgentRefusal && NO_DIRECTORY.includes(error.code)) return false;
    throw error;
  }
}

function noUser(message: string): StartRefused {
  return new StartRefused("user_not_found", message);
}
