import assert from "node:assert/strict";
import test from "node:test";
import type { EgressRule } from "../../../core/ports/driver.ts";
import { readFacts, staleSets } from "./facts.ts";
import { networkNames } from "./names.ts";
import { ownConfig } from "./resolver.ts";
import { learnedSet, policyRules, PRIVATE } from "./ruleset.ts";
import { subnetOf, within } from "./subnet.ts";

const subnet = subnetOf("10.200.0.0/20", "test");
const rule = (to: string, ...ports: string[]): EgressRule => ({ to, ports });
const egressRules = (...allow: EgressRule[]): string[] =>
  policyRules({ allow }, subnet)
    .split("\n")
    .filter((line) => line.startsWith("add rule inet capsule egress"))
    .map((line) => line.replace("add rule inet capsule egress ", ""));

test("a policy is one transaction that begins with nothing and ends with a refusal", () => {
  for (const egress of ["none", { allow: [] }, { allow: [rule("203.0.113.1"), rule("one.example")] }] as const) {
    const lines = policyRules(egress, subnet).trim().split("\n");
    assert.deepEqual(
      lines.slice(0, 3),
      ["egress", "names", "resolve"].map((chain) => `flush chain inet capsule ${chain}`),
    );
    assert.equal(lines.at(-1), "add rule inet capsule egress goto refuse");
  }
});

test("an entry opens a private range only where all of it lies within one", () => {
  assert.deepEqual(egressRules(rule("10.1.0.0/16"), rule("0.0.0.0/0"), rule("8.0.0.0/6"), rule("fd00::/8"), rule("169.254.169.254")), [
    "ip daddr 10.1.0.0/16 goto admit",
    "ip daddr 0.0.0.0/0 goto public",
    "ip daddr 8.0.0.0/6 goto public",
    "ip6 daddr fd00::/8 goto admit",
    "ip daddr 169.254.169.254 goto admit",
    "goto refuse",
  ]);
});

test("ports hold for TCP and UDP; a name's addresses are those in its own sets, and never open a private range", () => {
  const name = rule("one.example", "443", "8000-8100");
  assert.deepEqual(egressRules(rule("203.0.113.0/24", "53"), name), [
    "ip daddr 203.0.113.0/24 meta l4proto { tcp, udp } th dport { 53 } goto public",
    `ip daddr @${learnedSet("one.example", 4)} meta l4proto { tcp, udp } th dport { 443, 8000-8100 } goto public`,
    `ip6 daddr @${learnedSet("one.example", 6)} meta l4proto { tcp, udp } th dport { 443, 8000-8100 } goto public`,
    "goto refuse",
  ]);
});

test("addresses of a name are known once, of both families, and to each entry that it is listed by", () => {
  const allow = [
    rule("one.example", "80"),
    rule("one.example", "443"),
    rule("*.example", "22"),
    rule("*.one.example"),
    rule("done.example"),
  ];
  const lines = ownConfig({ allow }, subnet).split("\n");
  assert.deepEqual(
    lines.filter((line) => line.startsWith("nftset=")),
    ["one.example", "example", "done.example"].map(
      (name) => `nftset=/${name}/4#inet#capsule#${learnedSet(name, 4)},6#inet#capsule#${learnedSet(name, 6)}`,
    ),
  );
  const ofName = (name: string): readonly string[] =>
    egressRules(...allow).flatMap((line) =>
      line.startsWith(`ip6 daddr @${learnedSet(name, 6)} `) ? [/dport \{ (.+) \}/.exec(line)?.[1] ?? "all"] : [],
    );
  assert.deepEqual([ofName("one.example"), ofName("example"), ofName("done.example")], [["80", "443", "22", "all"], ["22"], ["22", "all"]]);
  const long = `${"a".repeat(60)}.`.repeat(4);
  for (const line of ownConfig({ allow: [rule(`${long}example`)] }, subnet).split("\n"))
    assert.ok(line.length < 1000, "the resolver reads 1024 characters");
});

test("names are asked for where a policy has a use for them, and by a capsule's own resolver where it lists some", () => {
  const asks = (egress: Parameters<typeof policyRules>[0]): number =>
    policyRules(egress, subnet).split("inet capsule names ip daddr").length - 1;
  assert.deepEqual(
    [asks("allow"), asks("none"), asks({ allow: [rule("203.0.113.1")] }), asks({ allow: [rule("one.example")] })],
    [1, 0, 0, 0],
  );
  assert.match(policyRules({ allow: [rule("one.example")] }, subnet), /names meta skuid 65534 ip daddr 10\.200\.0\.1 /);
});

test("a capsule's resolver answers for the listed names alone: a name without those below it, or those below without the name", () => {
  const lines = ownConfig(
    { allow: [rule("one.example"), rule("*.two.example"), rule("a.three.example"), rule("*.three.example")] },
    subnet,
  ).split("\n");
  assert.ok(lines.includes("no-resolv") && lines.includes("cache-size=0"));
  assert.deepEqual(
    lines.filter((line) => line.startsWith("server=")),
    [
      "server=/one.example/10.200.0.1",
      "server=/*.one.example/",
      "server=/a.three.example/10.200.0.1",
      "server=/*.two.example/10.200.0.1",
      "server=/*.three.example/10.200.0.1",
    ],
  );
});

test("what is never the internet holds every way to write an IPv4 address in an IPv6 one", () => {
  for (const address of ["::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "::10.0.0.1", "::1", "fe80::1", "fd00::1", "ff02::1"])
    assert.ok(
      PRIVATE.some((range) => within(address, range)),
      address,
    );
  for (const address of ["2001:db8::1", "2606:4700::1", "203.0.113.1", "8.8.8.8"])
    assert.ok(!PRIVATE.some((range) => within(address, range)), address);
});

test("names of interfaces fit the kernel's 15 characters, and differ between installations", () => {
  const one = networkNames("one");
  assert.ok(one.bridge.length <= 15 && one.veth(65_535).length <= 15);
  assert.notEqual(one.bridge, networkNames("two").bridge);
});

test("counters and decisions are read from nft's listing, the latest first", () => {
  const element = (address: string, protocol: string, port: number, expires: number) => ({
    elem: { val: { concat: [address, protocol, port] }, expires, counter: { packets: 2, bytes: 80 } },
  });
  const listing = JSON.stringify({
    nftables: [
      { metainfo: {} },
      { counter: { family: "inet", name: "allowed", table: "capsule", packets: 5, bytes: 300 } },
      { set: { name: "refused4", elem: [element("10.0.0.1", "tcp", 22, 500), element("10.0.0.2", "icmp", 0, 600)] } },
      { set: { name: "allowed6" } },
      { set: { name: "private4", elem: [{ prefix: { addr: "10.0.0.0", len: 8 } }] } },
    ],
  });
  const facts = readFacts(listing, "10.200.0.2", true, 1_000_000_000);
  assert.deepEqual(
    [facts.allowed, facts.refused],
    [
      { packets: 5, bytes: 300 },
      { packets: 0, bytes: 0 },
    ],
  );
  assert.deepEqual(
    facts.decisions.map(({ decision, address, protocol, port, packets, lastAt }) => [decision, address, protocol, port, packets, lastAt]),
    [
      ["refused", "10.0.0.2", "icmp", 0, 2, 1_000_000_000],
      ["refused", "10.0.0.1", "tcp", 22, 2, 999_900_000],
    ],
  );
  assert.deepEqual(readFacts(listing, "10.200.0.2", false, 0).decisions, []);
});

test("a protocol has the same name on a host without /etc/protocols, where nft tells its number", () => {
  const elem = [6, 17, 1, 58, 253].map((protocol) => ({ elem: { val: { concat: ["10.0.0.1", protocol, 0] }, expires: 600 } }));
  const listing = JSON.stringify({ nftables: [{ set: { name: "refused4", elem } }] });
  assert.deepEqual(
    readFacts(listing, "10.200.0.2", true, 0).decisions.map(({ protocol }) => protocol),
    ["tcp", "udp", "icmp", "ipv6-icmp", "253"],
  );
});

test("sets of names that a policy has no more are told apart from those it keeps", () => {
  const sets = ["learned4_a", "learned6_b", "private4"].map((name) => ({ set: { name, table: "capsule" } }));
  assert.deepEqual(staleSets(JSON.stringify({ nftables: sets }), new Set(["learned6_b"])), ["learned4_a"]);
});
