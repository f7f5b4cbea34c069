import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isPublicAddress } from "./address.ts";

const NOT_PUBLIC = [
  ["this network", "0.0.0.0", "0.1.2.3"],
  ["loopback", "127.0.0.1", "127.255.255.254", "::1", "0:0:0:0:0:0:0:1"],
  ["private", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12:3456::1", "fec0::1"],
  ["shared by a provider", "100.64.0.1", "100.100.100.200", "100.127.255.255"],
  ["link-local", "169.254.0.1", "169.254.169.254", "169.254.170.2", "fe80::1", "febf::1", "fe80::1%eth0", "fe80::1%1"],
  ["metadata", "169.254.169.254", "fd00:ec2::254", "168.63.129.16", "192.0.0.192"],
  ["multicast", "224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
  [
    "broadcast and reserved",
    "255.255.255.255",
    "240.0.0.1",
    "192.0.0.1",
    "198.18.0.1",
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "192.88.99.1",
  ],
  ["unspecified", "::", "0::0"],
  ["IPv4-mapped", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "0:0:0:0:0:ffff:192.168.0.1"],
  ["IPv4-compatible", "::127.0.0.1", "::a00:1", "::8.8.8.8"],
  [
    "translated",
    "::ffff:0:127.0.0.1",
    "::ffff:0:808:808",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::8.8.8.8",
  ],
  ["tunnelled", "2002:7f00:1::", "2002:a00:1::1", "2002:c0a8:101::1", "2001::1", "2001:0:7f00:1::"],
  ["not for the internet", "2001:db8::1", "100::1", "3fff::1", "5f00::1", "2001:2::1", "2001:10::1", "4000::1", "::2"],
  [
    "no address",
    "",
    "localhost",
    "127.1",
    "0177.0.0.1",
    "2130706433",
    "0x7f000001",
    "127.0.0.1 ",
    " 8.8.8.8",
    "8.8.8.8:80",
    "[::1]",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "::g",
  ],
] as const;

for (const [name, ...addresses] of NOT_PUBLIC)
  test(`not public: ${name}`, () => {
    for (const address of addresses) assert.equal(isPublicAddress(address), false, address);
  });

test("addresses of the internet are public, also where an IPv6 one carries them", () => {
  for (const address of [
    "1.1.1.1",
    "8.8.8.8",
    "172.15.0.1",
    "172.32.0.1",
    "100.63.0.1",
    "100.128.0.1",
    "169.253.1.1",
    "11.0.0.1",
    "223.255.255.254",
  ])
    assert.equal(isPublicAddress(address), true, address);
  for (const address of ["2606:4700:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"])
    assert.equal(isPublicAddress(address), true, address);
});

test("an IPv6 address that carries an IPv4 one is as public as that one", () => {
  const part = fc.integer({ min: 0, max: 255 });
  fc.assert(
    fc.property(part, part, part, part, (a, b, c, d) => {
      const four = `${a}.${b}.${c}.${d}`;
      const hex = [(a << 8) | b, (c << 8) | d].map((group) => group.toString(16)).join(":");
      const expected = isPublicAddress(four);
      for (const six of [`::ffff:${four}`, `::ffff:${hex}`, `64:ff9b::${hex}`, `2002:${hex}::1`])
        assert.equal(isPublicAddress(six), expected, `${six} and ${four}`);
    }),
    { numRuns: 500 },
  );
});
