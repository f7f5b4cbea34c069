import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import { call, errorOf, expectCall } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { agentPid } from "../harness/host.ts";
import type { Internet } from "../harness/internet.ts";
import { createInternet, MOVING, PLACES } from "../harness/internet.ts";
import { probeSource } from "../harness/probe.ts";
import { endServer, startServer } from "../harness/server-process.ts";
import { readState, writeState } from "../harness/state.ts";
import { waitUntil } from "../harness/wait.ts";

/** curl's codes: it connected; nobody answers the name; refused at once (a packet that vanishes would be 28). */
const [OK, NO_NAME, REFUSED] = [0, 6, 7] as const;

const dir = mkdtempSync(join(tmpdir(), "capsuled-internet-"));
const first = readState();
let internet: Internet;

/** Runs the server under test on the host that is in its own network namespace. */
async function startThere(env: Readonly<Record<string, string>> = {}): Promise<void> {
  const { dataDir, logFile } = first;
  const settings = { CAPSULED_HOST: "0.0.0.0", CAPSULED_NETWORK_DNS: PLACES.dns, ...env };
  const { pid, url } = await startServer({ dataDir, logFile, port: 0, env: settings, netns: internet.host }, 60_000);
  writeState({ ...first, pid, url: url.replace("0.0.0.0", internet.management) });
}

before(async () => {
  internet = await createInternet(dir);
  await endServer(first.pid, "SIGTERM");
  await startThere();
});

after(async () => {
  const { pid, dataDir, logFile } = readState();
  await endServer(pid, "SIGTERM");
  await internet.close();
  rmSync(dir, { recursive: true, force: true });
  writeState({ ...first, ...(await startServer({ dataDir, logFile, port: Number(new URL(first.url).port) }, 60_000)) });
});

/** curl's exit code and what it printed. */
async function get(capsule: TestCapsule, host: string, port = 80): Promise<readonly [number, string]> {
  const { exit_code, stdout } = await capsule.exec({
    cmd: "curl",
    args: ["-s", "-m", "5", `http://${host.includes(":") ? `[${host}]` : host}:${port}/`],
  });
  return [exit_code, stdout];
}

const code = async (capsule: TestCapsule, host: string, port = 80): Promise<number> => (await get(capsule, host, port))[0];
const set = (capsule: TestCapsule, egress: unknown): Promise<unknown> =>
  expectCall("setCapsuleNetwork", 200, { params: { id: capsule.id }, body: { egress } });
const report = (capsule: TestCapsule, log = false) =>
  expectCall("getCapsuleNetwork", 200, { params: { id: capsule.id }, query: { log: String(log) } });

test("left out, the network is `allow`: a capsule reaches the internet by address, by name and over IPv6, and is seen as its host", async () => {
  await using capsule = await newCapsule();
  assert.deepEqual(capsule.created.network, { egress: "allow" });
  assert.deepEqual(await get(capsule, PLACES.one), [OK, `${PLACES.one} from ${internet.uplink}\n`]);
  assert.deepEqual(await get(capsule, "two.test.example"), [OK, `${PLACES.two} from ${internet.uplink}\n`]);
  assert.deepEqual(await get(capsule, PLACES.six), [OK, `${PLACES.six} from 2001:db8::1\n`]);
  const echo = `import socket;s=socket.socket(2,2);s.settimeout(5);s.sendto(b"x",("${PLACES.one}",9000));print(s.recv(9))`;
  const echoed = await capsule.python(echo);
  assert.equal(echoed.stdout, "b'x'\n", echoed.stderr);
  const facts = await report(capsule);
  assert.ok((facts.allowed?.packets ?? 0) >= 4, JSON.stringify(facts));
  assert.equal(facts.log, null);
  const { log } = await report(capsule, true);
  const allowed = log
    ?.filter(({ decision }) => decision === "allowed")
    .map(({ address, protocol, port }) => `${protocol} ${address} ${port}`);
  for (const line of [`tcp ${PLACES.one} 80`, `tcp ${PLACES.two} 80`, `tcp ${PLACES.six} 80`, `udp ${PLACES.one} 9000`])
    assert.ok(allowed?.includes(line), `${line} in ${JSON.stringify(log)}`);
});

test("private ranges, cloud metadata and link-local are refused at once, whatever name they have, and the refusals are told", async () => {
  await using capsule = await newCapsule();
  for (const place of [PLACES.private, PLACES.metadata, PLACES.shared, PLACES.private6, `::ffff:${PLACES.private}`, "rebound.test.example"])
    assert.equal(await code(capsule, place), REFUSED, place);
  const udp = `import socket,errno
s=socket.socket(2,2);s.connect(("${PLACES.private}",9000));s.settimeout(5)
try:
  s.send(b"x");s.recv(9);print("ok")
except OSError as e: print(errno.errorcode.get(e.errno, str(e)))`;
  assert.match((await capsule.python(udp)).stdout, /^(EHOSTUNREACH|EACCES|EPERM|ECONNREFUSED)\n$/);
  const facts = await report(capsule, true);
  assert.ok((facts.refused?.packets ?? 0) >= 6);
  const refused = facts.log
    ?.filter(({ decision }) => decision === "refused")
    .map(({ address, protocol, port }) => `${protocol} ${address} ${port}`);
  for (const line of [`tcp ${PLACES.private} 80`, `tcp ${PLACES.metadata} 80`, `tcp ${PLACES.private6} 80`, `udp ${PLACES.private} 9000`])
    assert.ok(refused?.includes(line), `${line} in ${JSON.stringify(refused)}`);
});

test("the host answers a capsule on none of its addresses, this API's port included, whatever is listed", async () => {
  const { port } = new URL(readState().url);
  const addresses = [...internet.onHost("ip", "-o", "addr").matchAll(/ inet6? ([0-9a-f.:]+)\//g)].map((match) => match[1] ?? "");
  const own = addresses.filter((address) => !address.startsWith("fe80:") && address !== "::1" && !address.startsWith("127."));
  assert.ok(own.length >= 4, addresses.join(" "));
  assert.equal((await fetch(`http://${internet.management}:${port}/healthz`)).status, 200, "the control: it listens on all");
  await using capsule = await newCapsule();
  await using opened = await newCapsule({ network: { egress: { allow: own } } });
  for (const address of own) {
    assert.equal(await code(capsule, address, Number(port)), REFUSED, address);
    assert.equal(await code(opened, address, Number(port)), REFUSED, `${address}, listed`);
  }
});

test("the host's link-local addresses are refused on the link that a capsule shares with it, and so are other capsules'", async () => {
  const port = 8099;
  const serve = ["-m", "http.server", String(port), "--bind", "::"];
  await using one = await newCapsule();
  await using two = await newCapsule();
  await two.background({ cmd: "python3", args: serve, tag: "serves" });
  const server = spawn("ip", ["netns", "exec", basename(internet.host), "python3", ...serve], { stdio: "ignore", cwd: dir });
  try {
    const links = [
      ...internet.onHost("ip", "-o", "-6", "addr", "show", "scope", "link").matchAll(/^\d+: (\S+)\s+inet6 (fe80:[0-9a-f:]+)\//gm),
    ];
    const shared = links.find(([, name]) => name?.startsWith("cap"));
    assert.ok(shared !== undefined, `a bridge with an address of its own: ${links.map(([line]) => line).join("; ")}`);
    const [, bridge, address] = shared;
    const onHost = `http://[${address}%25${bridge}]:${port}/`;
    const answers = (): true | undefined => {
      try {
        return internet.onHost("curl", "-s", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", onHost) === "200" ? true : undefined;
      } catch {
        return undefined;
      }
    };
    await waitUntil(answers, { what: "the control: the host's server, on that address" });
    for (const [, , own = ""] of links) assert.equal(await code(one, `${own}%25eth0`, port), REFUSED, own);
    const others = /inet6 (fe80:[0-9a-f:]+)\//.exec(
      internet.onHost("nsenter", `--net=/proc/${agentPid(two.id)}/ns/net`, "--", "ip", "-o", "-6", "addr", "show", "dev", "eth0"),
    )?.[1];
    assert.ok(others !== undefined);
    const self = await two.sh(
      `for i in $(seq 100); do curl -s -m 5 -o /dev/null 'http://[${others}%25eth0]:${port}/' && exit 0; sleep 0.1; done; exit 1`,
    );
    assert.equal(self.exit_code, 0, "the control: it serves");
    assert.notEqual(await code(one, `${others}%25eth0`, port), OK);
  } finally {
    server.kill("SIGKILL");
  }
});

test("capsules reach each other on no address, even where the list names them", async () => {
  await using one = await newCapsule();
  const address = (await report(one)).address ?? "";
  assert.match(address, /^10\./);
  await one.background({ cmd: "python3", args: ["-m", "http.server", "80", "--bind", "0.0.0.0"] });
  assert.equal(
    (await one.sh(`for i in $(seq 50); do curl -s -o /dev/null http://${address}/ && exit 0; sleep 0.1; done; exit 1`)).exit_code,
    0,
    "the control: it serves",
  );
  await using two = await newCapsule();
  await using three = await newCapsule({ network: { egress: { allow: [address, "10.0.0.0/8"] } } });
  assert.equal(await code(two, address), REFUSED);
  assert.equal(await code(three, address), REFUSED);
});

test("`none` reaches nothing and has no names", async () => {
  await using capsule = await newCapsule({ network: { egress: "none" } });
  for (const place of [PLACES.one, PLACES.six, PLACES.private]) assert.equal(await code(capsule, place), REFUSED, place);
  assert.equal(await code(capsule, "one.test.example"), NO_NAME);
});

test("a list reaches its addresses and ports and nothing else; a CIDR within a private range opens it, a wider one does not", async () => {
  const allow = [{ to: "203.0.113.8/29", ports: [80, "8081-8090"] }, `${PLACES.private}/32`, PLACES.six];
  await using capsule = await newCapsule({ network: { egress: { allow } } });
  assert.deepEqual(capsule.created.network, {
    egress: {
      allow: [
        { to: "203.0.113.8/29", ports: ["80", "8081-8090"] },
        { to: `${PLACES.private}/32`, ports: [] },
        { to: PLACES.six, ports: [] },
      ],
    },
  });
  assert.equal(await code(capsule, PLACES.one), OK);
  assert.equal(await code(capsule, PLACES.one, 8080), REFUSED, "a port that is not listed");
  assert.equal(await code(capsule, PLACES.dns), REFUSED, "an address that is not listed");
  assert.equal(await code(capsule, PLACES.private), OK);
  assert.equal(await code(capsule, PLACES.six), OK);
  assert.equal(await code(capsule, PLACES.metadata), REFUSED);
  assert.equal(await code(capsule, "one.test.example"), NO_NAME, "no name is listed");
  await set(capsule, { allow: ["0.0.0.0/0", "::/0"] });
  assert.deepEqual([await code(capsule, PLACES.two), await code(capsule, PLACES.six)], [OK, OK]);
  for (const place of [PLACES.private, PLACES.metadata, PLACES.private6]) assert.equal(await code(capsule, place), REFUSED, place);
});

test("a listed name resolves and is reached; other names do not resolve, and addresses that it was not told are refused", async () => {
  const allow = [{ to: "one.test.example", ports: [80] }, "rebound.test.example"];
  await using capsule = await newCapsule({ network: { egress: { allow } } });
  assert.equal(await code(capsule, PLACES.one), REFUSED, "before its name was asked for");
  assert.deepEqual(await get(capsule, "one.test.example"), [OK, `${PLACES.one} from ${internet.uplink}\n`]);
  assert.equal(await code(capsule, "one.test.example", 8080), REFUSED, "another port");
  for (const name of ["two.test.example", "below.one.test.example", "nothing.example"])
    assert.equal(await code(capsule, name), NO_NAME, name);
  assert.equal(await code(capsule, PLACES.two), REFUSED, "an address that no listed name has");
  assert.equal(await code(capsule, "rebound.test.example"), REFUSED, "a listed name that leads to a private address");
  const ask = `import socket;s=socket.socket(2,2);s.settimeout(5);s.sendto(b"x"*12,("${PLACES.dns}",53));print(s.recv(9))`;
  assert.notEqual((await capsule.python(ask)).exit_code, 0, "another resolver is not reached");
  await set(capsule, { allow: ["*.test.example"] });
  assert.equal(await code(capsule, "below.one.test.example"), OK, "names below");
  assert.equal(await code(capsule, "test.example"), NO_NAME, "and not the name itself");
});

test("a listed name is reached through an alias, over IPv6, and where it leads next; an alias of a private address is not", async () => {
  const allow = ["alias.test.example", "six.test.example", "astray.test.example", MOVING];
  await using capsule = await newCapsule({ network: { egress: { allow } } });
  assert.equal(await code(capsule, PLACES.two), REFUSED, "before its name was asked for");
  assert.deepEqual(await get(capsule, "alias.test.example"), [OK, `${PLACES.two} from ${internet.uplink}\n`]);
  assert.equal(await code(capsule, "two.test.example"), NO_NAME, "what it stands for is not listed itself");
  assert.equal(await code(capsule, PLACES.six), REFUSED, "before its name was asked for");
  assert.deepEqual(await get(capsule, "six.test.example"), [OK, `${PLACES.six} from 2001:db8::1\n`]);
  assert.equal(await code(capsule, "astray.test.example"), REFUSED, "an alias of a name that leads to a private address");
  assert.deepEqual(await get(capsule, MOVING), [OK, `${PLACES.one} from ${internet.uplink}\n`]);
  internet.move(PLACES.two);
  const isAt = async (address: string): Promise<true | undefined> => (await get(capsule, MOVING))[1].startsWith(address) || undefined;
  await waitUntil(() => isAt(PLACES.two), { what: "the name's next address" });
  internet.move(PLACES.private);
  await waitUntil(async () => (await code(capsule, MOVING)) === REFUSED || undefined, { what: "a private address behind the name" });
});

test("a name that several entries list is reached by the ports of each of them", async () => {
  const [one, two] = ["one.test.example", "two.test.example"];
  await using capsule = await newCapsule({ network: { egress: { allow: [80, 8080].map((port) => ({ to: one, ports: [port] })) } } });
  const codes = async (name: string): Promise<number[]> => [await code(capsule, name), await code(capsule, name, 8080)];
  assert.deepEqual(await codes(one), [OK, OK]);
  await set(capsule, { allow: [{ to: "*.test.example", ports: [8080] }, { to: one, ports: [80] }, `below.${one}`] });
  assert.deepEqual([...(await codes(one)), ...(await codes(two))], [OK, OK, REFUSED, OK]);
  assert.deepEqual(await codes(`below.${one}`), [OK, OK]);
});

test("a change holds at once: open connections that it refuses end, and what both policies allow goes on", async () => {
  await using capsule = await newCapsule();
  const drip = async (host: string, tag: string) => {
    await capsule.background({ cmd: "sh", args: ["-c", `curl -sN http://${host}/drip > /tmp/${tag}; echo $? > /tmp/${tag}.end`], tag });
    await capsule.sh(`for i in $(seq 100); do [ -s /tmp/${tag} ] && exit 0; sleep 0.05; done; exit 1`);
  };
  await drip(PLACES.one, "kept");
  await drip(PLACES.two, "cut");
  await set(capsule, { allow: [PLACES.one] });
  assert.equal(await code(capsule, PLACES.two), REFUSED);
  const ended = await capsule.sh("for i in $(seq 200); do [ -s /tmp/cut.end ] && exec cat /tmp/cut.end; sleep 0.05; done; exit 1");
  assert.equal(ended.stdout, "56\n", "curl's code for a connection that was reset");
  const grows = await capsule.sh(
    "a=$(wc -c < /tmp/kept); for i in $(seq 100); do [ $(wc -c < /tmp/kept) -gt $a ] && exit 0; sleep 0.05; done; exit 1",
  );
  assert.equal(grows.exit_code, 0);
  await set(capsule, "allow");
  assert.equal(await code(capsule, PLACES.two), OK);
});

test("a change while paused or stopped holds after resume and start; pause, stop and start keep a policy", async () => {
  await using capsule = await newCapsule({ network: { egress: { allow: [PLACES.one] } } });
  await capsule.pause();
  await capsule.resume();
  assert.deepEqual([await code(capsule, PLACES.one), await code(capsule, PLACES.two)], [OK, REFUSED]);
  await capsule.pause();
  await set(capsule, { allow: [PLACES.two] });
  await capsule.resume();
  assert.deepEqual([await code(capsule, PLACES.one), await code(capsule, PLACES.two)], [REFUSED, OK]);
  const params = { id: capsule.id };
  await expectCall("stopCapsule", 200, { params });
  assert.equal((await report(capsule)).address, null);
  await expectCall("startCapsule", 200, { params, body: { wait_ms: 30_000 } });
  assert.deepEqual([await code(capsule, PLACES.one), await code(capsule, PLACES.two)], [REFUSED, OK]);
  await expectCall("stopCapsule", 200, { params });
  await set(capsule, { allow: ["one.test.example"] });
  await expectCall("startCapsule", 200, { params, body: { wait_ms: 30_000 } });
  assert.deepEqual([await code(capsule, "one.test.example"), await code(capsule, PLACES.two)], [OK, REFUSED]);
});

test("nobody inside changes the network: no link, no route, no rule, no raw socket, no namespace of its own", async () => {
  await using capsule = await newCapsule({ network: { egress: "none" } });
  const { stdout, stderr } = await capsule.exec({ cmd: "python3", args: ["-"], stdin: probeSource("network-power") });
  assert.deepEqual(
    stdout.trim().split("\n"),
    ["link", "route", "rules", "raw", "packet", "mark", "namespace", "sysctl"].map((name) => `${name} refused`),
    stderr,
  );
  assert.equal(await code(capsule, PLACES.one), REFUSED);
});

test("a capsule serves its own low ports, and sees its own devices only", async () => {
  await using capsule = await newCapsule();
  assert.equal((await capsule.sh("ls /sys/class/net")).stdout, "eth0\nlo\n");
  assert.equal((await capsule.python("import socket;s=socket.socket();s.bind(('127.0.0.1',80));print('bound')")).stdout, "bound\n");
  assert.match((await capsule.sh("cat /etc/resolv.conf")).stdout, /^nameserver 10\.[\d.]+\n/);
});

test(
  "after SIGKILL of the server networks go on, with their policies and names, and the next server goes on with them",
  { timeout: 300_000 },
  async () => {
    await using open = await newCapsule();
    await using listed = await newCapsule({ network: { egress: { allow: ["one.test.example"] } } });
    const reached = "curl -sN http://one.test.example/drip > /tmp/log";
    for (const capsule of [open, listed]) await capsule.background({ cmd: "sh", args: ["-c", `while :; do ${reached}; sleep 0.1; done`] });
    assert.equal(await code(listed, "one.test.example"), OK);
    await endServer(readState().pid, "SIGKILL");
    const pid = agentPid(open.id);
    const alive = internet.onHost(
      "nsenter",
      `--net=/proc/${pid}/ns/net`,
      "--",
      "python3",
      "-c",
      `import socket;print(socket.gethostbyname("localhost"));s=socket.create_connection(("${PLACES.one}",80),5);s.send(b"GET / HTTP/1.0\\r\\n\\r\\n");print(s.recv(99))`,
    );
    assert.match(alive, /200 OK/, "while there is no server");
    await startThere();
    assert.deepEqual([await code(open, PLACES.two), await code(open, "two.test.example")], [OK, OK]);
    assert.deepEqual([await code(listed, "one.test.example"), await code(listed, PLACES.two)], [OK, REFUSED]);
    await set(listed, { allow: [PLACES.two] });
    assert.deepEqual([await code(listed, "one.test.example"), await code(listed, PLACES.two)], [NO_NAME, OK]);
  },
);

test("what capsules had is gone with them, and everything is gone when a server ends that has none", { timeout: 300_000 }, async () => {
  const veths = (): number => [...internet.onHost("ip", "-o", "link", "show", "type", "veth").matchAll(/ cv[0-9a-f]{8}-/g)].length;
  const resolvers = (): string[] =>
    internet
      .onHost("sh", "-c", "ps -eo args | grep '^dnsmasq.*capsuled' || true")
      .split("\n")
      .filter((line) => line.includes(first.dataDir));
  {
    await using one = await newCapsule();
    await using two = await newCapsule({ network: { egress: { allow: ["one.test.example"] } } });
    assert.ok((await report(one)).address !== (await report(two)).address);
    assert.equal(resolvers().length, 1);
  }
  await waitUntil(() => (resolvers().length === 0 && veths() <= 8 ? true : undefined), {
    what: "interfaces and resolvers to go",
    timeoutMs: 20_000,
  });
  await endServer(readState().pid, "SIGTERM");
  await waitUntil(() => (veths() === 0 ? true : undefined), { what: "interfaces to go", timeoutMs: 20_000 });
  assert.doesNotMatch(internet.onHost("ip", "-o", "link"), / cap[0-9a-f]{8}:/, "the bridge");
  assert.equal(internet.onHost("nft", "list", "ruleset").trim(), "");
  await startThere();
});

test(
  "a host whose firewall drops what is forwarded, as Docker's does, lets capsules through, and has its rules back afterwards",
  { timeout: 300_000 },
  async () => {
    await endServer(readState().pid, "SIGTERM");
    internet.onHost(
      "nft",
      "add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }; add chain ip filter DOCKER-USER; add rule ip filter FORWARD jump DOCKER-USER",
    );
    const before = internet.onHost("nft", "list", "table", "ip", "filter");
    try {
      await startThere();
      {
        await using capsule = await newCapsule();
        assert.equal(await code(capsule, PLACES.one), OK);
      }
      await endServer(readState().pid, "SIGTERM");
      assert.equal(internet.onHost("nft", "list", "table", "ip", "filter"), before);
    } finally {
      internet.onHost("nft", "delete table ip filter");
      await startThere();
    }
  },
);

test(
  "without a network on the host the default is `none`, and a create or a change that asks for more is refused and says why",
  { timeout: 300_000 },
  async () => {
    await endServer(readState().pid, "SIGTERM");
    await startThere({ CAPSULED_NETWORK: "off" });
    try {
      await using capsule = await newCapsule();
      assert.deepEqual(capsule.created.network, { egress: "none" });
      assert.equal((await capsule.sh("ls /sys/class/net")).stdout, "lo\n");
      const created = await call("createCapsule", { body: { network: { egress: "allow" } } });
      assert.deepEqual([created.status, errorOf(created.body).code], [400, "invalid_request"]);
      const changed = await call("setCapsuleNetwork", { params: { id: capsule.id }, body: { egress: { allow: [PLACES.one] } } });
      assert.equal(changed.status, 400);
      assert.match(JSON.stringify(changed.body), /network/);
    } finally {
      await endServer(readState().pid, "SIGTERM");
      await startThere();
    }
  },
);
