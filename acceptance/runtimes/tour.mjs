const NOWHERE = `cl-${"0".repeat(25)}`;

/**
 * A tour through the SDK in JavaScript that every runtime knows: what each part gave, for whoever asked to compare. `cutUrl` leads to the
 * same server by a way that breaks connections.
 */
export async function tour({ Capsule, Client, NotFoundError }, { url, cutUrl, apiKey }) {
  const client = new Client({ url, apiKey });
  const capsule = await Capsule.create({ url, apiKey, memory_mb: 256 });
  const seen = { created: (await capsule.getInfo()).status };
  try {
    Object.assign(
      seen,
      await commands(capsule),
      await stream(await Capsule.connect(capsule.id, { url: cutUrl, apiKey, retryForMs: 60_000 })),
    );
    Object.assign(seen, await files(capsule), await endpoints(client, capsule.id));
  } finally {
    await capsule.destroy();
  }
  seen.gone = await Capsule.connect(NOWHERE, { url, apiKey }).catch((error) => error instanceof NotFoundError && error.code);
  seen.wrongKey = await new Client({ url, apiKey: "wrn_wrong" }).keys.list().catch((error) => error.code);
  return seen;
}

async function commands(capsule) {
  const { stdout, stderr, exit_code: code } = await capsule.commands.run("echo out; echo err >&2; exit 3");
  const missing = await capsule.commands.exec("no-such-program");
  const shouted = await capsule.commands.exec("tr", ["a-z", "A-Z"], { stdin: "hello" });
  return { run: [stdout, stderr, code], missing: missing.exit_code, stdin: shouted.stdout };
}

/** Lines enough that every cut falls among them. */
async function stream(capsule) {
  const decoder = new TextDecoder();
  let text = "";
  let end = null;
  for await (const event of capsule.commands.stream("seq 1 60000; exit 4")) {
    if (event.type === "stdout") text += decoder.decode(event.bytes, { stream: true });
    if (event.type === "exit") end = [event.exit_code, event.verified];
  }
  const lines = text.trimEnd().split("\n");
  return { end, streamed: lines.length, inOrder: lines.every((line, index) => line === String(index + 1)) };
}

async function files(capsule) {
  const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7 + (index >> 8)) % 256);
  await capsule.files.write("/root/bytes", bytes);
  const read = await capsule.files.read("/root/bytes");
  return { read: read.length, same: read.every((byte, index) => byte === bytes[index]) };
}

async function endpoints(client, capsule) {
  const name = `tour-${Math.random().toString(36).slice(2, 10)}`;
  await client.endpoints.define(name, { command: "sh -c 'echo one; echo two; exit 2'", capsule });
  try {
    const events = [];
    for await (const event of client.endpoints.stream(name)) events.push(event.type === "output" ? event.data : event.type);
    return { events, called: (await client.endpoints.call(name)).exit_code };
  } finally {
    await client.endpoints.delete(name);
  }
}
