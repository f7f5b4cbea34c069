import assert from "node:assert/strict";
import { createServer, get, request } from "node:http";
import type { IncomingMessage } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { after, before, test } from "node:test";
import type { Capsule } from "capsuled";
import { cli, startCli } from "../harness/cli.ts";
import type { CliRun } from "../harness/cli.ts";
import { sdkCapsule } from "../harness/sdk.ts";

const PORT = 3000;
/** Tells what it was asked, echoes bodies and upgraded connections, and says so once it listens. */
const SERVER = `
import http.server,json,socketserver
class Handler(http.server.BaseHTTPRequestHandler):
  protocol_version="HTTP/1.1"
  def log_message(self,*a): pass
  def do_GET(self):
    if self.headers.get("Upgrade")=="websocket":
      self.send_response(101); self.send_header("Upgrade","websocket"); self.send_header("Connection","Upgrade"); self.end_headers(); self.wfile.flush()
      while data:=self.rfile.read1(65536):
        self.wfile.write(data); self.wfile.flush()
      self.close_connection=True; return
    if self.path=="/events":
      self.send_response(200); self.send_header("Content-Type","text/event-stream"); self.send_header("Connection","close"); self.end_headers()
      self.wfile.write(b"data: first\\n\\n"); self.wfile.flush(); self.rfile.read(); return
    if self.path.startswith("/go"):
      to="http://"+self.headers["Host"]+"/there" if self.path=="/go" else "https://elsewhere.example/"
      self.send_response(302); self.send_header("Location",to); self.send_header("Content-Length","0"); self.end_headers(); return
    self.tell(json.dumps({"path":self.path,"headers":{k.lower():v for k,v in self.headers.items()}}).encode())
  def do_POST(self):
    self.tell(self.rfile.read(int(self.headers["Content-Length"])))
  def tell(self,text):
    self.send_response(200); self.send_header("Content-Length",str(len(text))); self.send_header("Set-Cookie","a=1"); self.end_headers(); self.wfile.write(text)
class Server(socketserver.ThreadingMixIn,http.server.HTTPServer): daemon_threads=True
server=Server(("127.0.0.1",${PORT}),Handler)
print("listens",flush=True)
server.serve_forever()`;

let capsule: Capsule;
let run: CliRun;
let url: string;

before(async () => {
  capsule = await sdkCapsule();
  const { id } = await capsule.commands.exec("python3", ["-c", SERVER], { background: true });
  for await (const event of capsule.commands.connect(id)) if (event.type === "stdout") break;
  run = startCli(["forward", "--json", capsule.id, `0:${PORT}`]);
  const first = await new Promise<string>((done) => run.child.stdout.once("data", done));
  url = (JSON.parse(first) as { url: string }).url;
});
after(async () => {
  run.child.kill("SIGKILL");
  await run.ended;
  await capsule.destroy();
});

interface Told {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

test("what is asked of the local port is asked of the capsule's, without the key and without the link", async () => {
  const headers = { cookie: "mine=1", origin: new URL(url).origin, referer: `${url}page` };
  const answer = await fetch(`${url}a%20b?x=1`, { headers });
  assert.equal(answer.headers.get("set-cookie"), "a=1");
  const told = JSON.parse(await answer.text()) as Told;
  const host = told.headers["host"] ?? "";
  assert.match(host, new RegExp(`^${PORT}-${capsule.id}\\.`));
  assert.equal(told.path, "/a%20b?x=1");
  assert.deepEqual(
    [told.headers["cookie"], told.headers["origin"], told.headers["referer"]],
    ["mine=1", `http://${host}`, `http://${host}/page`],
  );
  assert.ok(!/capsuled_|wrn_/.test(JSON.stringify(told)));
});

test("many requests at once, each with a large body, come back as they went", async () => {
  const bodies = Array.from({ length: 8 }, (_, index) => Buffer.alloc(1_000_000 + index, index));
  const answers = await Promise.all(
    bodies.map(async (body) => Buffer.from(await (await fetch(url, { method: "POST", body })).arrayBuffer())),
  );
  assert.ok(answers.every((answer, index) => answer.equals(bodies[index] ?? Buffer.alloc(0))));
});

test("an event stream's first event comes before its end", async () => {
  const abort = new AbortController();
  const answer = await fetch(`${url}events`, { signal: abort.signal });
  const first = await answer.body?.getReader().read();
  assert.equal(Buffer.from(first?.value ?? []).toString(), "data: first\n\n");
  abort.abort();
});

test("a WebSocket's bytes go both ways", async () => {
  // What follows the upgrade is passed on as it is, so it need not be in frames.
  const key = Buffer.alloc(16).toString("base64");
  const headers = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-key": key, "sec-websocket-version": "13" };
  const asked = request(url, { headers });
  asked.end();
  const [answer, socket] = await new Promise<[IncomingMessage, Socket]>((done, failed) => {
    asked.on("upgrade", (message, upgraded) => done([message, upgraded]));
    asked.on("response", ({ statusCode }) => failed(new Error(`no upgrade: ${statusCode}`)));
    asked.on("error", failed);
  });
  assert.deepEqual([answer.statusCode, answer.headers.upgrade], [101, "websocket"]);
  const echoed = new Promise<string>((done) => socket.once("data", (data: Buffer) => done(data.toString())));
  socket.write("ping");
  assert.equal(await echoed, "ping");
  socket.destroy();
});

test("a request for another upgrade is answered as if it asked for none, its body included", async () => {
  const body = "x".repeat(1000);
  const headers = { connection: "Upgrade, HTTP2-Settings", upgrade: "h2c", "http2-settings": "AAMAAABkAAQAAP__" };
  const asked = request(url, { method: "POST", headers: { ...headers, "content-length": body.length } });
  asked.end(body);
  const text = await new Promise<string>((done, failed) => {
    asked.on("error", failed);
    asked.on("response", (answer) => {
      let got = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => (got += chunk));
      answer.on("end", () => done(got));
    });
  });
  assert.equal(text, body);
});

test("redirects to the port's own name lead to the local port, others lead where they lead", async () => {
  const to = async (path: string): Promise<string | null> => (await fetch(`${url}${path}`, { redirect: "manual" })).headers.get("location");
  assert.equal(await to("go"), `${url}there`);
  assert.equal(await to("go/away"), "https://elsewhere.example/");
});

test("pages of other sites and names that lead here get nothing", async () => {
  const statusOf = (headers: Readonly<Record<string, string>>): Promise<number> =>
    new Promise((done, failed) => {
      get(url, { headers }, (answer) => {
        answer.resume();
        done(answer.statusCode ?? 0);
      }).on("error", failed);
    });
  assert.equal(await statusOf({ host: "evil.example" }), 403);
  assert.equal(await statusOf({ host: "127.0.0.1.evil.example" }), 403);
  assert.equal(await statusOf({ origin: "http://evil.example" }), 401);
  assert.equal(await statusOf({ "sec-fetch-site": "cross-site" }), 401);
  assert.equal(await statusOf({}), 200);
});

test("a port that is taken is an error that says so", async () => {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  try {
    const { code, stdout, stderr } = await cli(["forward", capsule.id, `${port}:${PORT}`]);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, new RegExp(`Port ${port} of this machine is in use`));
  } finally {
    server.close();
  }
  assert.equal((await cli(["forward", capsule.id, "70000"])).code, 64);
  assert.equal((await cli(["forward", "cl-none", "80"])).code, 1);
});

test("it ends with a line when a request finds its capsule destroyed", async () => {
  const own = await sdkCapsule();
  const forwarding = startCli(["forward", "--json", own.id, `0:${PORT}`]);
  const first = await new Promise<string>((done) => forwarding.child.stdout.once("data", done));
  const at = (JSON.parse(first) as { url: string }).url;
  // Nothing listens, and the capsule is there: it goes on.
  assert.ok((await fetch(at)).status >= 500);
  await own.destroy();
  // It may end before the answer is there.
  await fetch(at).catch(() => {});
  const { code, stderr } = await forwarding.ended;
  const said = `The capsule ${own.id} was destroyed: nothing is forwarded any more.`;
  const error = { code: "failed", message: said, request_id: null, exit_code: 1 };
  assert.deepEqual([code, stderr], [1, `${JSON.stringify({ error })}\n`]);
});

test("Ctrl-C ends it, and what is open with it", async () => {
  const own = startCli(["forward", "--json", capsule.id, `0:${PORT}`, `0:${PORT + 1}`]);
  await own.printed(`"port":${PORT + 1}`);
  const ended = own.ended;
  own.child.kill("SIGINT");
  const { code, stdout, stderr } = await ended;
  assert.deepEqual([code, stderr], [130, ""]);
  const told = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { capsule: string; port: number; local: number; url: string });
  assert.deepEqual(
    told,
    told.map(({ local }, index) => ({ capsule: capsule.id, port: PORT + index, local, url: `http://127.0.0.1:${local}/` })),
    "a line for each port, with all that is told to people",
  );
  const urls = told.map((one) => one.url);
  assert.equal(new Set(urls).size, 2);
  for (const gone of urls) await assert.rejects(fetch(gone));
});
