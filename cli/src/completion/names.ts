import { Client } from "capsuled";
import { configurationPath, connectionFrom, readConfiguration } from "../servers.ts";
import type { Candidate, Names } from "./candidates.ts";

/** Milliseconds that a server has, so that nobody waits long for a key. */
const ASK_MS = 2_000;
/** Names that are told at most. */
export const NAMES_MAX = 200;

/** What the server that is meant has; nothing of it where that does not answer. `server`: the one that the command line names. */
export function namesFrom(process: NodeJS.Process, server: string | undefined): Names {
  const client = (): Client =>
    new Client({ ...connectionFrom(process.env, server), requestTimeoutMs: ASK_MS, retryForMs: 0, warn: () => {} });
  return {
    capsules: () =>
      orNone(() =>
        found(client().capsules.list(), ({ id, name, status }) =>
          // What a shell would have to quote is told by its id.
          name !== null && isPlainWord(name)
            ? { word: name, about: `${id} ${status}` }
            : { word: id, about: `${name ?? ""} ${status}`.trim() },
        ),
      ),
    entries: async (capsule, directory) => {
      const entries = await orNone(async () => {
        const { files } = await client().capsules.connect(capsule);
        return found(files.list(directory, { requestTimeoutMs: ASK_MS }), ({ name, type }) => ({
          word: type === "directory" ? `${name}/` : name,
          about: "",
        }));
      });
      return entries.map(({ word }) => word);
    },
    processes: (capsule) =>
      orNone(async () =>
        found(await (await client().capsules.connect(capsule)).commands.list(), ({ pid, tag, cmd, args }) => ({
          word: tag === "" ? String(pid) : tag,
          about: [cmd, ...args].join(" "),
        })),
      ),
    templates: () => orNone(async () => found(await client().templates.list(), ({ name, type }) => ({ word: name, about: type }))),
    endpoints: () => orNone(() => found(client().endpoints.list(), ({ name, command }) => ({ word: name, about: command }))),
    callArguments: (endpoint) =>
      orNone(async () =>
        found((await client().endpoints.get(endpoint)).args, ({ name, description }) => ({ word: `${name}=`, about: description ?? "" })),
      ),
    runs: () => orNone(() => found(client().runs.list(), ({ id, endpoint, status }) => ({ word: id, about: `${endpoint} ${status}` }))),
    keys: () => orNone(async () => found(await client().keys.list(), ({ id, name, role }) => ({ word: id, about: `${name} ${role}` }))),
    servers: () =>
      orNone(() =>
        found(Object.entries(readConfiguration(configurationPath(process.env)).servers), ([word, { url }]) => ({ word, about: url })),
      ),
  };
}

/** Who presses a key is not told of errors. */
async function orNone(ask: () => Promise<Candidate[]>): Promise<Candidate[]> {
  try {
    return await ask();
  } catch {
    return [];
  }
}

/** As many as are told, without those that a shell would have to quote. */
async function found<T>(items: Iterable<T> | AsyncIterable<T>, tell: (item: T) => Candidate): Promise<Candidate[]> {
  const told: Candidate[] = [];
  for await (const item of items) {
    if (told.length >= NAMES_MAX) break;
    const candidate = tell(item);
    if (isPlainWord(candidate.word)) told.push(candidate);
  }
  return told;
}

const isPlainWord = (text: string): boolean => /^[\w.,+@%/=-]+$/.test(text) && !text.startsWith("-");
