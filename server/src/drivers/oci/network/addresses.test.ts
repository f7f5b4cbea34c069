import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { Slots } from "./slots.ts";
import { overlaps, releaseSubnet, reserveSubnet, subnetOf } from "./subnet.ts";

function inDirectory(check: (directory: string) => void): void {
  const directory = mkdtempSync(join(tmpdir(), "capsuled-addresses-"));
  try {
    check(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test("installations get subnets that meet neither each other nor a route, keep theirs, and give them back", () => {
  inDirectory((directory) => {
    const first = reserveSubnet(directory, "one", []);
    assert.match(first, /^10\.\d+\.\d+\.0\/20$/);
    assert.equal(reserveSubnet(directory, "one", [first]), first, "the one it has, whatever routes there are");
    const others = ["two", "three", "four"].map((id) => reserveSubnet(directory, id, []));
    assert.equal(new Set([first, ...others]).size, 4);
    releaseSubnet(directory, "one");
    const moved = reserveSubnet(directory, "one", [first]);
    assert.ok(!overlaps(moved, first), "a route took its place meanwhile");
    for (const id of ["one", "two", "three", "four"]) releaseSubnet(directory, id);
    assert.deepEqual(readdirSync(directory), []);
    assert.throws(() => reserveSubnet(directory, "five", ["10.0.0.0/8"]), /CAPSULED_NETWORK_SUBNET/);
  });
});

test("a subnet has its gateway first and as many addresses as it can hold, in IPv4 and IPv6", () => {
  const subnet = subnetOf("10.9.8.77/28", "one");
  assert.deepEqual([subnet.cidr, subnet.gateway, subnet.address(0), subnet.size], ["10.9.8.64/28", "10.9.8.65", "10.9.8.66", 13]);
  assert.equal(subnet.address(subnet.size - 1), "10.9.8.78");
  assert.match(subnet.cidr6, /^fd[0-9a-f]{2}:[0-9a-f]{4}:[0-9a-f]{4}::\/64$/);
});

test("an address is held until it is given back, rests before it is used again, and is known to the next server", () => {
  inDirectory((directory) => {
    const slots = new Slots(directory, 3, () => false);
    assert.deepEqual([slots.reserve(), slots.reserve(), slots.reserve(), slots.reserve()], [0, 1, 2, null], "3 is all there are");
    slots.give(0, "a");
    slots.give(1, "b");
    slots.free(2);
    assert.deepEqual([slots.of("a"), slots.of("b"), slots.of("c"), slots.holders()], [0, 1, null, ["a", "b"]]);
    slots.free(0);
    slots.reserve();
    const next = new Slots(directory, 3, (capsule) => capsule === "b");
    assert.deepEqual([next.holders(), next.of("b")], [["b"], 1]);
    assert.deepEqual([next.reserve(), next.reserve(), next.reserve()], [2, 0, null], "what was made ready is free again, and b's is not");
  });
});
