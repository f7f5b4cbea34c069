import type { AgentLink } from "../ports/agent-link.ts";
import { AgentRefusal } from "../ports/agent-link.ts";

/** Bytes of each file that are read: the head. */
const FILE_BYTES_MAX = 1024 * 1024;
/** The largest id of a user or group in a capsule. */
const ID_MAX = 65_535;

export interface UserEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

export interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  /** Names of those that are in it beside those whose own group it is. */
  readonly members: readonly string[];
}

/** What a capsule's own `/etc/passwd` and `/etc/group` say; nothing where it has none. */
export interface UserDatabase {
  readonly users: readonly UserEntry[];
  readonly groups: readonly GroupEntry[];
}

/** Refusals of a file that say no more than that there is none to read. */
const NO_FILE: readonly string[] = ["not_found", "not_directory", "is_directory", "not_a_file", "symlink_loop"];

/** Reads both, as links inside the capsule lead. Throws `AgentRefusal` and `AgentLostError`. */
export async function readUserDatabase(link: AgentLink): Promise<UserDatabase> {
  const [passwd, group] = [await readHead(link, "/etc/passwd"), await readHead(link, "/etc/group")];
  return { users: linesOf(passwd).flatMap(readUser), groups: linesOf(group).flatMap(readGroup) };
}

async function readHead(link: AgentLink, path: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  try {
    const download = await link.files.read({ path }, 0, FILE_BYTES_MAX);
    for (let piece = await download.next(); piece !== null; piece = await download.next()) text += decoder.decode(piece, { stream: true });
  } catch (error) {
    if (error instanceof AgentRefusal && NO_FILE.includes(error.code)) return "";
    throw error;
  }
  return text + decoder.decode();
}

const linesOf = (text: string): readonly string[] => text.split("\n");

/** `name:x:uid:gid:about:home:shell` */
export function readUser(line: string): readonly UserEntry[] {
  const [name = "", , uidText = "", gidText = "", , home = ""] = line.split(":");
  const [uid, gid] = [idOf(uidText), idOf(gidText)];
  if (name === "" || name.includes("\0") || uid === undefined || gid === undefined) return [];
  return [{ name, uid, gid, home: home.startsWith("/") && !home.includes("\0") ? home : "/" }];
}

/** `name:x:gid:member,member` */
function readGroup(line: string): readonly GroupEntry[] {
  const [name = "", , gidText = "", members = ""] = line.split(":");
  const gid = idOf(gidText);
  return name === "" || gid === undefined ? [] : [{ name, gid, members: members.split(",") }];
}

/** The number that a user or group of a capsule may have. */
export function idOf(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) <= ID_MAX ? Number(text) : undefined;
}
