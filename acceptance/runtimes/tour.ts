import type * as SDK from "capsuled";
import type { Capsule, Client } from "capsuled";

const NOWHERE = `cl-${"0".repeat(25)}`;

export interface TourSettings {
  readonly url: string;
  /** Leads to the same server by a way that breaks connections. */
  readonly cutUrl: string;
  readonly apiKey: string;
}

export function settingsIn(text: string): TourSettings {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || !("url" in value && "cutUrl" in value && "apiKey" in value))
    throw new Error("these are no settings");
  return { url: String(value.url), cutUrl: String(value.cutUrl), apiKey: String(value.apiKey) };
}

/**
 * A tour through the SDK in what every runtime knows, types left out: what each part gave, for whoever asked to compare. Only types are
 * imported here: each runtime brings the SDK that it found.
 */
export async function tour(sdk: typeof SDK, { url, cutUrl, apiKey }: TourSettings): Promise<Readonly<Record<string, unknown>>> {
  const client = new sdk.Client({ url, apiKey });
  const capsule = await sdk.Capsule.create({ url, apiKey, memory_mb: 256 });
  const seen: Record<string, unknown> = { created: (await capsule.getInfo()).status };
  try {
    const cut = await sdk.Capsule.connect(capsule.id, { url: cutUrl, apiKey, retryForMs: 60_000 });
    Object.assign(seen, await commands(capsule), await stream(cut), await files(capsule), await endpoints(client, capsule.id));
  } finally {
    await capsule.destroy();
  }
  const codeOf = (error: unknown): unknown => error instanceof sdk.ApiError && error.code;
  seen["gone"] = await sdk.Capsule.connect(NOWHERE, { url, apiKey }).catch(
    (error: unknown) => error instanceof sdk.NotFoundError && codeOf(error),
  );
  seen["wrongKey"] = await new sdk.Client({ url, apiKey: "wrn_wrong" }).keys.list().catch(codeOf);
  return seen;
}

async function commands(capsule: Capsule): Promise<object> {
  const { stdout, stderr, exit_code: code } = await capsule.commands.run("echo out; echo err >&2; exit 3");
  const missing = await capsule.commands.exec("no-such-program");
  const shouted = await capsule.commands.exec("tr", ["a-z", "A-Z"], { stdin: "hello" });
  return { run: [stdout, stderr, code], missing: missing.exit_code, stdin: shouted.stdout };
}

/** Lines enough that every cut falls among them. */
async function stream(capsule: Capsule): Promise<object> {
  const decoder = new TextDecoder();
  let text = "";
  let end: unknown = null;
  for await (const event of capsule.commands.stream("seq 1 60000; exit 4")) {
    if (event.type === "stdout") text += decoder.decode(event.bytes, { stream: true });
    if (event.type === "exit") end = [event.exit_code, event.verified];
  }
  const lines = text.trimEnd().split("\n");
  return { end, streamed: lines.length, inOrder: lines.every((line, index) => line === String(index + 1)) };
}

async function files(capsule: Capsule): Promise<object> {
  const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7 + (index >> 8)) % 256);
  await capsule.files.write("/root/bytes", bytes);
  const read = await capsule.files.read("/root/bytes");
  return { read: read.length, same: read.every((byte, index) => byte === bytes[index]) };
}

async function endpoints(client: Client, capsule: string): Promise<object> {
  const name = `tour-${Math.random().toString(36).slice(2, 10)}`;
  await client.endpoints.define(name, { command: "sh -c 'echo one; echo two; exit 2'", capsule });
  try {
    const events: string[] = [];
    for await (const event of client.endpoints.stream(name)) events.push(event.type === "output" ? event.data : event.type);
    return { events, called: (await client.endpoints.call(name)).exit_code };
  } finally {
    await client.endpoints.delete(name);
  }
}
