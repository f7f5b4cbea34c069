import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { optional, timestamp } from "./text.ts";

/** A domain name of at least two labels, or `*.` and one: lowercase letters, digits and hyphens. */
const DOMAIN = /^(?=.{1,253}$)(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/;
const ADDRESS = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]);

const to = z
  .string()
  .max(LIMITS.egressTargetCharsMax)
  .transform((text) => text.toLowerCase())
  .refine((text) => ADDRESS.safeParse(text).success || DOMAIN.test(text), {
    error: "must be an address, a CIDR, a domain name or *. and a domain name",
  });

const PORTS = /^(\d{1,5})(?:-(\d{1,5}))?$/;

/** A port, or a range as text; put out as text in both cases. */
const port = z
  .union([z.int().min(1).max(65_535), z.string().max(11)])
  .transform(String)
  .refine(
    (text) => {
      const [, first = "0", last = first] = PORTS.exec(text) ?? [];
      return Number(first) >= 1 && Number(first) <= Number(last) && Number(last) <= 65_535;
    },
    { error: 'must be a port, or a range of ports like "8000-8100"' },
  )
  .describe('A port, or a range like "8000-8100".');

const rule = z.union([
  to.transform((text): { to: string; ports: string[] } => ({ to: text, ports: [] })),
  z.strictObject({ to, ports: optional(z.array(port).max(LIMITS.egressPortsMax)).transform((ports) => ports ?? []) }),
]);

const refusedByDefault =
  "Private, link-local, loopback, shared and multicast ranges and cloud metadata are refused whatever a name resolves to, unless a CIDR or address that lies within such a range is listed; the host itself and other capsules always are.";

export const egress = z
  .union([
    z.literal("none"),
    z.literal("allow"),
    z.strictObject({
      allow: z
        .array(rule)
        .max(LIMITS.egressRulesMax)
        .describe("Addresses, CIDRs, domain names and `*.domain`, each with its ports if not all."),
    }),
  ])
  .describe(`Where the capsule may connect to: nowhere, the internet, or what is listed. ${refusedByDefault}`)
  .meta({ id: "Egress" });

/** What a capsule is created with, and what changes it. */
export const networkPolicy = z.strictObject({ egress }).meta({ id: "NetworkPolicy" });

const ruleAnswer = z.object({ to: z.string(), ports: z.array(z.string()).describe("None: all ports and protocols.") });

/** A policy as it is answered: each entry in its long form. */
export const networkAnswer = z
  .object({ egress: z.union([z.enum(["none", "allow"]), z.object({ allow: z.array(ruleAnswer) })]) })
  .meta({ id: "Network" });

const counter = z.object({
  packets: z.int().describe("First packets of connections where allowed, every packet where refused."),
  bytes: z.int(),
});

export const networkQuery = z.object({
  log: z.enum(["true", "false"]).default("false").describe("`true` adds the latest decisions: a line for each address, protocol and port."),
});

export const networkDecision = z
  .object({
    decision: z.enum(["allowed", "refused"]),
    address: z.string(),
    protocol: z.string().describe("`tcp`, `udp`, `icmp`, …"),
    port: z.int().describe("0 for protocols without ports."),
    packets: z.int(),
    last_at: timestamp.describe("When it was last decided so, to the second."),
  })
  .meta({ id: "NetworkDecision" });

export const networkReport = z
  .object({
    egress: networkAnswer.shape.egress,
    address: z.string().nullable().describe("The capsule's own address on its host; null while it has no machine, or no network."),
    allowed: counter.nullable().describe("Null while it has no machine, or no network."),
    refused: counter.nullable(),
    log: z
      .array(networkDecision)
      .nullable()
      .describe(`Latest first, at most ${LIMITS.networkLogMax} of each decision; null unless asked for.`),
  })
  .meta({ id: "NetworkReport" });
