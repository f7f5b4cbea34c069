import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { get, request } from "node:http";
import { after, before, test } from "node:test";
import { expectCall } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { askPort, hostOf, keyed } from "../harness/port-request.ts";
import { readState } from "../harness/state.ts";
import { newTeam } from "../harness/team.ts";
import { waitUntil } from "../harness/wait.ts";

/** Tells what it was asked, takes bodies, streams events and speaks just enough of WebSockets to echo one message. */
const SERVER = `
import base64,hashlib,http.server,json,socketserver,sys,time
class Handler(http.server.BaseHTTPRequestHandler):
  protocol_version="HTTP/1.1"
  def log_message(self,*a): pass
  def do_GET(self):
    if self.headers.get("Upgrade"): return self.socket()
    if self.path=="/events":
      self.send_response(200); self.send_header("Content-Type","text/event-stream"); self.send_header("Connection","close"); self.end_headers()
      for n in range(3):
        self.wfile.write(b"data: %d\\n\\n"%n); self.wfile.flush(); time.sleep(0.3)
      self.close_connection=True; return
    if self.path.startswith("/away"):
      self.send_response(302); self.send_header("Location",self.path[6:] or "/elsewhere"); self.send_header("Set-Cookie","a=1"); self.send_header("Content-Length","0"); self.end_headers(); return
    if self.path=="/broken":
      self.send_response(200); self.send_header("Content-Length","1000"); self.end_headers(); self.wfile.write(b"half"); self.wfile.flush(); self.close_connection=True; self.connection.close(); return
    self.tell({"path":self.path,"method":self.command,"headers":[[k,v] for k,v in self.headers.items()],"peer":self.client_address[1]})
  do_DELETE=do_GET
  def do_POST(self):
    digest=hashlib.sha256(); got=0
    if self.headers.get("Transfer-Encoding")=="chunked":
      while True:
        size=int(self.rfile.readline(),16)
        data=self.rfile.read(size); self.rfile.readline()
        if not size: break
        digest.update(data); got+=size
    else:
      left=int(self.headers.get("Content-Length",0))
      while left:
        data=self.rfile.read(min(left,65536)); digest.update(data); got+=len(data); left-=len(data)
    self.tell({"bytes":got,"sha256":digest.hexdigest()})
  def tell(self,what):
    text=json.dumps(what).encode()
    self.send_response(200); self.send_header("Content-Type","application/json"); self.send_header("Content-Length",str(len(text)))
    self.send_header("Set-Cookie","one=1"); self.send_header("Set-Cookie","two=2"); self.end_headers()
    if self.command!="HEAD": self.wfile.write(text)
  def socket(self):
    accept=base64.b64encode(hashlib.sha1((self.headers["Sec-WebSocket-Key"]+"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
    self.send_response(101); self.send_header("Upgrade","websocket"); self.send_header("Connection","Upgrade"); self.send_header("Sec-WebSocket-Accept",accept); self.end_headers()
    head=self.rfile.read(2); size=head[1]&127; mask=self.rfile.read(4); data=bytes(b^mask[i%4] for i,b in enumerate(self.rfile.read(size)))
    self.wfile.write(bytes([0x81,len(data)])+data); self.wfile.flush(); self.rfile.read(2); self.close_connection=True
class Server(socketserver.ThreadingMixIn,http.server.HTTPServer): daemon_threads=True
Server(("127.0.0.1",int(sys.argv[1])),Handler).serve_forever()`;

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule();
  await capsule.background({ cmd: "python3", args: ["-c", SERVER, "3000"] });
  await waitUntil(async () => ((await askPort(capsule.id, 3000, { headers: keyed() })).status === 200 ? true : undefined), {
    what: "the server",
  });
});
after(() => capsule[Symbol.asyncDispose]());

interface Told {
  readonly path: string;
  readonly method: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly peer: number;
}
const told = (body: string): Told => JSON.parse(body) as Told; // what SERVER tells
const headerOf = ({ headers }: Told, name: string): readonly string[] =>
  headers.flatMap(([key, value]) => (key.toLowerCase() === name ? [value] : []));

test("a port answers by its host name and below its path, with the method, path and query as they were sent", async () => {
  for (const path of ["/", "/a/b%20c?x=1&y=%2F&y=2", "/v1/capsules"]) {
    const byHost = await askPort(capsule.id, 3000, { path, headers: keyed(), method: "DELETE" });
    assert.equal(byHost.status, 200, byHost.body);
    assert.deepEqual([told(byHost.body).method, told(byHost.body).path], ["DELETE", path]);
    for (const prefix of ["", "/api"]) {
      const below = await askPort(capsule.id, 3000, {
        host: "x",
        path: `${prefix}/v1/capsules/${capsule.id}/ports/3000${path}`,
        headers: keyed(),
      });
      assert.equal(told(below.body).path, path);
    }
  }
});

test("the capsule gets neither keys nor our cookies, the truth about where a request comes from, and the name it was sent to", async () => {
  const headers = keyed({
    cookie: "a=1; capsuled_port=secret; b=2",
    "x-forwarded-host": "lie.example",
    forwarded: "for=lie",
    "x-custom": "kept",
    connection: "x-hop",
    "x-hop": "1",
  });
  const answer = told((await askPort(capsule.id, 3000, { headers })).body);
  assert.ok(!JSON.stringify(answer).includes(readState().adminKey), "the key is not among the headers");
  const below = await askPort(capsule.id, 3000, { host: "x", path: `/v1/capsules/${capsule.id}/ports/3000/`, headers });
  assert.ok(!below.body.includes(readState().adminKey) && !below.body.includes("secret"), below.body);
  assert.deepEqual(headerOf(answer, "cookie"), ["a=1; b=2"]);
  assert.deepEqual(headerOf(answer, "host"), [hostOf(capsule.id, 3000)]);
  assert.deepEqual(headerOf(answer, "x-custom"), ["kept"]);
  assert.deepEqual(headerOf(answer, "x-hop"), []);
  assert.deepEqual(headerOf(answer, "forwarded"), []);
  assert.deepEqual(headerOf(answer, "x-forwarded-for"), ["127.0.0.1"]);
  assert.deepEqual(headerOf(answer, "x-forwarded-proto"), ["http"]);
});

test("answers come with all their headers; below a path without cookies, sandboxed, and with redirects that lead back", async () => {
  const byHost = await askPort(capsule.id, 3000, { headers: keyed() });
  assert.deepEqual(byHost.headers["set-cookie"], ["one=1", "two=2"]);
  assert.equal(byHost.headers["content-security-policy"], undefined);
  const prefix = `/v1/capsules/${capsule.id}/ports/3000`;
  const below = await askPort(capsule.id, 3000, { host: "x", path: `${prefix}/away`, headers: keyed() });
  assert.deepEqual([below.status, below.headers["location"], below.headers["set-cookie"]], [302, `${prefix}/elsewhere`, undefined]);
  assert.equal(below.headers["content-security-policy"], "sandbox");
  const list = await askPort(capsule.id, 3000, { host: "x", path: prefix, headers: keyed() });
  assert.equal(told(list.body).path, "/", "without a slash at its end too");
  const page = await askPort(capsule.id, 3000, { host: "x", path: `${prefix}/`, headers: keyed({ "sec-fetch-dest": "document" }) });
  assert.equal(page.status, 403);
});

test("a redirect takes no key away from the port", async () => {
  const path = "/away?http://evil.example/";
  const refused = await askPort(capsule.id, 3000, { path, headers: keyed() });
  assert.deepEqual([refused.status, refused.headers["location"]], [502, undefined]);
  const { token } = await expectCall("createPortUrl", 201, { params: { id: capsule.id, port: "3000" }, body: {} });
  const without = await askPort(capsule.id, 3000, { path, headers: { cookie: `capsuled_port=${token}` } });
  assert.deepEqual([without.status, without.headers["location"]], [302, "http://evil.example/"]);
});

test("while nothing listens the answer is 502, and it works once something does", async () => {
  for (const path of ["/", `/v1/capsules/${capsule.id}/ports/3100/`]) {
    const none = await askPort(capsule.id, 3100, { path, headers: keyed(), ...(path === "/" ? {} : { host: "x" }) });
    assert.equal(none.status, 502);
    assert.ok(none.body.includes("port_unavailable"), none.body);
  }
  await capsule.background({ cmd: "python3", args: ["-m", "http.server", "3100", "--bind", "::1"] });
  await waitUntil(async () => ((await askPort(capsule.id, 3100, { headers: keyed() })).status === 200 ? true : undefined), { what: "::1" });
});

test("a port is private: without a key 401 whether the capsule is there or not, with another team's 404", async () => {
  const nowhere = `cl-${"0".repeat(25)}`;
  for (const id of [capsule.id, nowhere]) {
    assert.equal((await askPort(id, 3000)).status, 401);
    assert.equal((await askPort(id, 3000, { headers: { "x-api-key": `wrn_${"0".repeat(40)}` } })).status, 401);
    assert.equal((await askPort(id, 3000, { headers: { cookie: "capsuled_port=1.2" }, path: "/?capsuled_token=zzz.00" })).status, 401);
  }
  const other = await newTeam();
  assert.equal((await askPort(capsule.id, 3000, { headers: { "x-api-key": other.key } })).status, 404);
  assert.equal((await askPort(nowhere, 3000, { headers: keyed() })).status, 404);
});

test("a link works without a key for its own port until it expires, and leaves a cookie on the port's own host name", async () => {
  const at = { params: { id: capsule.id, port: "3000" } };
  const { url, token } = await expectCall("createPortUrl", 201, { ...at, body: { ttl_sec: 3 } });
  assert.equal(new URL(url).host, hostOf(capsule.id, 3000));
  const first = await askPort(capsule.id, 3000, { path: `/page?x=1&capsuled_token=${token}` });
  assert.deepEqual([first.status, first.headers["location"]], [302, "/page?x=1"]);
  const cookie = String(first.headers["set-cookie"]);
  assert.match(cookie, /^capsuled_port=[^;]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=\d+$/);
  const pair = cookie.split(";")[0] ?? "";
  const page = await askPort(capsule.id, 3000, { path: "/page", headers: { cookie: pair } });
  assert.equal(page.status, 200);
  assert.deepEqual(headerOf(told(page.body), "cookie"), [], "the capsule does not see the cookie");
  const posted = await askPort(capsule.id, 3000, { method: "POST", path: `/?capsuled_token=${token}`, body: "x" });
  assert.equal(posted.status, 200);
  for (const headers of [{ origin: "http://evil.example" }, { "sec-fetch-site": "same-site" }, { "sec-fetch-site": "cross-site" }])
    assert.equal((await askPort(capsule.id, 3000, { headers: { cookie: pair, ...headers } })).status, 401, JSON.stringify(headers));
  assert.equal((await askPort(capsule.id, 3001, { headers: { cookie: pair } })).status, 401, "not for another port");
  await waitUntil(async () => ((await askPort(capsule.id, 3000, { headers: { cookie: pair } })).status === 401 ? true : undefined), {
    what: "the end",
  });
});

test("ports that are none, hosts that lie and the agent's own channel lead nowhere", async () => {
  for (const port of ["0", "65536", "00080", "99999999999999999999", "8e1", "-1"]) {
    const below = await askPort(capsule.id, 0, { host: "x", path: `/v1/capsules/${capsule.id}/ports/${port}/`, headers: keyed() });
    assert.equal(below.status, 400, port);
  }
  for (const port of [0, 65_536]) assert.equal((await askPort(capsule.id, port, { headers: keyed() })).status, 400);
  const lies = [
    `3000-${capsule.id}.evil.example`,
    `3000-${capsule.id}.localhost.evil.example`,
    `3000-${capsule.id}`,
    "localhost",
    `x-${capsule.id}.localhost`,
  ];
  for (const host of lies) {
    const answer = await askPort(capsule.id, 3000, { host, headers: keyed(), path: "/nosuch" });
    assert.equal(answer.status, 404, host);
    assert.ok(!answer.body.includes("peer"), "it is the API's own answer");
  }
  const upper = await askPort(capsule.id, 3000, { host: hostOf(capsule.id, 3000).toUpperCase(), headers: keyed() });
  assert.equal(upper.status, 200, "names have no case");
  const listening = (await capsule.sh("cat /proc/net/tcp /proc/net/tcp6 | awk '$4==\"0A\"{print $2}'")).stdout;
  for (const line of listening.trim().split("\n")) assert.match(line, /:(?:0BB8|0C1C)$/, "only what the tests started listens");
  const { ports } = await expectCall("listPorts", 200, { params: { id: capsule.id } });
  for (const { port } of ports) assert.ok(port === 3000 || port === 3100, "nor does the list tell of more");
});

test("bodies are streamed both ways, whole and unchanged, with a length or without", { timeout: 60_000 }, async () => {
  const bytes = randomBytes(20 * 1024 * 1024);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  for (const headers of [keyed(), keyed({ "transfer-encoding": "chunked" })]) {
    const answer = await askPort(capsule.id, 3000, { method: "POST", headers, body: bytes });
    assert.deepEqual(JSON.parse(answer.body), { bytes: bytes.length, sha256 });
  }
});

test("events arrive as they are sent, and an answer that breaks off does not look whole", async () => {
  const { hostname, port } = new URL(readState().url);
  const times = await new Promise<number[]>((resolve, reject) => {
    const seen: number[] = [];
    get({ hostname, port, path: "/events", headers: keyed({ host: hostOf(capsule.id, 3000) }) }, (answer) => {
      answer.on("data", () => seen.push(performance.now()));
      answer.on("end", () => resolve(seen));
    }).on("error", reject);
  });
  assert.ok(times.length === 3 && (times[2] ?? 0) - (times[0] ?? 0) > 300, JSON.stringify(times));
  await assert.rejects(askPort(capsule.id, 3000, { path: "/broken", headers: keyed() }));
});

test("a WebSocket goes through, by a key and by a cookie of the port's own page; another site's page is refused", async () => {
  const { hostname, port } = new URL(readState().url);
  const { token } = await expectCall("createPortUrl", 201, { params: { id: capsule.id, port: "3000" }, body: {} });
  const host = hostOf(capsule.id, 3000);
  const upgrade = (headers: Readonly<Record<string, string>>): Promise<string> =>
    new Promise((resolve, reject) => {
      const sent = request({
        hostname,
        port,
        path: "/socket",
        headers: {
          host,
          connection: "Upgrade",
          upgrade: "websocket",
          "sec-websocket-version": "13",
          "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
          ...headers,
        },
      });
      sent.on("upgrade", (answer, socket) => {
        assert.equal(answer.headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        socket.once("data", (data: Buffer) => {
          resolve(data.subarray(2).toString());
          socket.destroy();
        });
        socket.write(Buffer.from([0x81, 0x85, 0, 0, 0, 0, ...Buffer.from("hello")]));
      });
      sent.on("response", (answer) => {
        answer.resume();
        resolve(String(answer.statusCode));
      });
      sent.on("error", reject);
      sent.end();
    });
  assert.equal(await upgrade(keyed()), "hello");
  assert.equal(await upgrade({ cookie: `capsuled_port=${token}`, origin: `http://${host}` }), "hello");
  assert.equal(await upgrade({ cookie: `capsuled_port=${token}`, origin: "http://evil.example" }), "401");
  assert.equal(await upgrade({}), "401");
});

test("what listens is told, with its process and its address, and looking is no activity", async () => {
  await using other = await newCapsule();
  const list = async (id = other.id) => (await expectCall("listPorts", 200, { params: { id } })).ports;
  assert.deepEqual(await list(), []);
  const { pid } = await other.background({ cmd: "python3", args: ["-m", "http.server", "4000", "--bind", "127.0.0.1"] });
  const [found] = await waitUntil(async () => ((await list()).length > 0 ? list() : undefined), { what: "it to listen" });
  const { host } = new URL(readState().url);
  const url = `http://4000-${other.id}.localhost:${host.split(":")[1] ?? ""}/`;
  assert.deepEqual(found, { port: 4000, address: "127.0.0.1", pid, public: false, url });
  await using idle = await newCapsule({ timeout_sec: 2 });
  const paused = async (): Promise<true | undefined> => ((await idle.get()).status === "paused" ? true : undefined);
  await waitUntil(
    async () => {
      const isPaused = await paused();
      if (isPaused === undefined) await list(idle.id).catch(() => []);
      return isPaused;
    },
    { what: "the pause, while the list is looked at all the time", timeoutMs: 30_000 },
  );
  await expectCall("listPorts", 409, { params: { id: idle.id } });
});

test("a public port takes anybody while it is public, over stop and start too; the others stay private", { timeout: 60_000 }, async () => {
  await using open = await newCapsule({ public_ports: [4000] });
  assert.deepEqual(open.created.public_ports, [4000]);
  const at = { params: { id: open.id, port: "4001" } };
  assert.equal((await askPort(open.id, 4000)).status, 502, "nothing listens, and anybody may know");
  assert.equal((await askPort(open.id, 4001)).status, 401);
  await expectCall("setPortAccess", 200, { ...at, body: { public: true } });
  assert.equal((await askPort(open.id, 4001)).status, 502);
  await expectCall("stopCapsule", 200, { params: { id: open.id } });
  await expectCall("startCapsule", 200, { params: { id: open.id }, body: { wait_ms: 30_000 } });
  await waitUntil(async () => ((await open.get()).status === "running" ? true : undefined), { what: "it to run", timeoutMs: 30_000 });
  assert.equal((await askPort(open.id, 4001)).status, 502);
  await expectCall("setPortAccess", 200, { ...at, body: { public: false } });
  assert.equal((await askPort(open.id, 4001)).status, 401);
  assert.deepEqual((await open.get()).public_ports, [4000]);
});

test("a request wakes a paused capsule that was created so, however many come at once", { timeout: 60_000 }, async () => {
  await using asleep = await newCapsule({ auto_resume: true, public_ports: [4001] });
  assert.equal(asleep.created.auto_resume, true);
  await asleep.background({ cmd: "python3", args: ["-c", SERVER, "4000"] });
  await waitUntil(async () => ((await askPort(asleep.id, 4000, { headers: keyed() })).status === 200 ? true : undefined), { what: "it" });
  const { token } = await expectCall("createPortUrl", 201, { params: { id: asleep.id, port: "4000" }, body: {} });
  await asleep.pause();
  const stranger = await askPort(asleep.id, 4000);
  assert.deepEqual([stranger.status, (await asleep.get()).status], [401, "paused"], "who may not reach it does not wake it");
  const answers = await Promise.all([
    ...Array.from({ length: 10 }, () => askPort(asleep.id, 4000, { headers: keyed() })),
    ...Array.from({ length: 10 }, () => askPort(asleep.id, 4000, { headers: { cookie: `capsuled_port=${token}` } })),
  ]);
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  await asleep.pause();
  assert.equal((await askPort(asleep.id, 4001)).status, 502);
  assert.equal((await asleep.get()).status, "running");
});

test("a request under way keeps its capsule awake; a paused one answers 409", { timeout: 60_000 }, async () => {
  await using idle = await newCapsule({ timeout_sec: 3 });
  const slow =
    "import socket,time\ns=socket.create_server(('127.0.0.1',80))\nwhile True:\n c,_=s.accept(); c.recv(4096); time.sleep(8); c.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok'); c.close()";
  await idle.background({ cmd: "python3", args: ["-c", slow] });
  await waitUntil(async () => ((await idle.sh("grep -q :0050 /proc/net/tcp && echo up")).stdout === "up\n" ? true : undefined), {
    what: "it to listen",
  });
  const answer = await askPort(idle.id, 80, { headers: keyed() });
  assert.deepEqual([answer.status, answer.body], [200, "ok"]);
  await waitUntil(async () => ((await idle.get()).status === "paused" ? true : undefined), { what: "the pause", timeoutMs: 20_000 });
  assert.equal((await askPort(idle.id, 80, { headers: keyed() })).status, 409);
});
