import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { timestamp } from "./text.ts";

/** A TCP port. */
export const portNumber = z.int().min(1).max(65_535);

export const publicPorts = z
  .array(portNumber)
  .max(LIMITS.publicPortsMax)
  .refine((ports) => new Set(ports).size === ports.length, { error: "names a port twice" })
  .describe("Ports that anybody may reach, without a key; all others are private.");

export const portUrlRequest = z.strictObject({
  ttl_sec: z
    .int()
    .min(1)
    .max(LIMITS.portUrlSecMax)
    .default(LIMITS.portUrlSecDefault)
    .describe("Seconds for which the link, and the cookie that it leaves, are good. It outlives the key that made it."),
});

export const portUrl = z
  .object({
    url: z.string().describe("On the port's own host name; opening it leaves a cookie there and goes on without the token."),
    token: z.string().describe("For the parameter `capsuled_token` of any request to this port."),
    expires_at: timestamp,
  })
  .meta({ id: "PortUrl" });

export const portAccess = z
  .strictObject({ public: z.boolean().describe("`true`: anybody may reach it. `false`: a key of the team or a link is needed.") })
  .meta({ id: "PortAccess" });

const url = z.string().describe("Where it is reached: its own host name, or a path of the API where no domain is set for ports.");

export const capsulePort = z.object({ port: portNumber, public: z.boolean(), url }).meta({ id: "CapsulePort" });

export const listeningPort = z
  .object({
    port: portNumber,
    address: z.string().describe("What it listens on, like `127.0.0.1`, `0.0.0.0` or `::`."),
    pid: z.int().nullable().describe("The process that listens; null where that cannot be seen."),
    public: z.boolean(),
    url,
  })
  .meta({ id: "ListeningPort" });

export const portList = z.object({ ports: z.array(listeningPort) }).meta({ id: "PortList" });
