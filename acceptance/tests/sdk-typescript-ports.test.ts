import assert from "node:assert/strict";
import { InvalidRequestError, NotFoundError } from "capsuled";
import type { Capsule } from "capsuled";
import { behaviour } from "../../sdk/testing/behaviour.ts";
import { sdkCapsule } from "../harness/sdk.ts";
import { readState } from "../harness/state.ts";

const PORT = 3456;
/** Says so once it listens. */
const SERVER = `
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
  def do_GET(self):
    self.send_response(200); self.end_headers(); self.wfile.write(b"hello")
  def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", ${PORT}), Handler)
print("listens", flush=True)
server.serve_forever()`;

/** A capsule in which something listens. */
async function listeningCapsule(): Promise<Capsule> {
  const capsule = await sdkCapsule();
  const { id } = await capsule.commands.exec("python3", ["-c", SERVER], { background: true });
  for await (const event of capsule.commands.connect(id)) {
    if (event.type === "stdout") return capsule;
    assert.equal(event.type, "start", JSON.stringify(event));
  }
  throw new Error("nothing listens");
}

/** A request below the port's path, without a key. */
function ask(capsule: Capsule, query = "", port = PORT): Promise<Response> {
  return fetch(`${readState().url}/v1/capsules/${capsule.id}/ports/${port}/${query}`);
}

behaviour("port.list", async () => {
  await using capsule = await listeningCapsule();
  const found = await capsule.ports.list();
  assert.deepEqual(
    found.map(({ port, address, public: isPublic }) => ({ port, address, isPublic })),
    [{ port: PORT, address: "127.0.0.1", isPublic: false }],
  );
  assert.ok(new URL(found[0]?.url ?? "").hostname.startsWith(`${PORT}-${capsule.id}.`));
});

behaviour("port.link", async () => {
  await using capsule = await listeningCapsule();
  const { url, token } = await capsule.ports.url(PORT, { ttlSec: 60 });
  assert.ok(url.endsWith(`?capsuled_token=${token}`));
  assert.equal(await (await ask(capsule, `?capsuled_token=${token}`)).text(), "hello");
  assert.equal((await ask(capsule)).status, 401);
  assert.equal((await ask(capsule, `?capsuled_token=${token}`, PORT + 1)).status, 401);
  await assert.rejects(capsule.ports.url(PORT, { ttlSec: 0 }), InvalidRequestError);
  await assert.rejects(capsule.ports.url(0), NotFoundError);
});

behaviour("port.access", async () => {
  await using capsule = await listeningCapsule();
  assert.equal((await capsule.ports.setAccess(PORT, { public: true })).public, true);
  assert.equal(await (await ask(capsule)).text(), "hello");
  assert.equal((await capsule.ports.setAccess(PORT, { public: false })).public, false);
  assert.equal((await ask(capsule)).status, 401);
});
