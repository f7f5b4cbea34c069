import { isIP } from "node:net";
import { isAbsolute } from "node:path";
import { TEMPLATE_NAME } from "@capsuled/contract";
import { z } from "zod";
import type { Setting } from "./setting.ts";
import { defineSetting } from "./setting.ts";
import { bytes, isOrigin, list, orNull, truth, url, whole } from "./text.ts";

const MIB = 1024 * 1024;

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

/** Every setting of the server. The variable and the flag take their names from the key: `dataDir`, `CAPSULED_DATA_DIR`, `--data-dir`. */
export const SETTINGS = {
  host: defineSetting({
    schema: z.string().regex(/^[A-Za-z0-9.:_-]{1,253}$/, { error: "an address or a host name, without a port" }),
    default: "127.0.0.1",
    unit: null,
    about: "Address to listen on. Put a proxy that speaks TLS in front before opening it to a network.",
  }),
  port: defineSetting({ schema: whole(0, 65_535), default: "8080", unit: null, about: "TCP port to listen on; 0 takes any free one." }),
  dataDir: defineSetting({
    schema: z.string().refine((path) => isAbsolute(path) && !path.includes("\0"), { error: "an absolute path" }),
    default: "/var/lib/capsuled",
    unit: null,
    about:
      "Directory of the database, the keys, the templates and the capsules' disks. Only one server uses it at a time. Not root: `~/.local/share/capsuled` by default.",
  }),
  databaseUrl: defineSetting({
    schema: orNull(url(["postgres", "postgresql"])),
    default: null,
    unit: null,
    about: "PostgreSQL database to keep teams, keys and capsules in; left out, an SQLite file in the data directory.",
    isSecret: true,
  }),
  driver: defineSetting({
    schema: z.enum(["oci", "fake"], { error: "oci or fake" }),
    default: "oci",
    unit: null,
    about: "What creates capsules: `oci`, real ones through an OCI runtime; `fake`, a simulation in memory for trying out clients.",
  }),
  runtime: defineSetting({
    schema: z.string().regex(/^[A-Za-z0-9._/-]{1,255}$/, { error: "a program's name or path" }),
    default: "auto",
    unit: null,
    about:
      "OCI runtime of the `oci` driver: a name in PATH or an absolute path; `auto` is crun where it is installed and cgroup v1 has the limits, otherwise runc.",
  }),
  capsulesMax: defineSetting({
    schema: whole(1, 100_000),
    default: "1000",
    unit: "capsules",
    about: "Capsules on this host at once; beyond it, create answers `host_full`.",
  }),
  teamCapsulesMax: defineSetting({
    schema: whole(0, 100_000),
    default: "0",
    unit: "capsules",
    about: "Capsules of one team at once that are not stopped; beyond it, create answers `quota_exceeded`. 0 is no limit.",
  }),
  teamTemplatesMax: defineSetting({
    schema: whole(0, 100_000),
    default: "100",
    unit: "templates",
    about: "Templates of one team; beyond it, making another answers `quota_exceeded`. 0 is no limit.",
  }),
  teamTemplatesMb: defineSetting({
    schema: whole(0, 1_073_741_824),
    default: "51200",
    unit: "MiB",
    about: "Disk that the templates of one team take together; beyond it, making another answers `quota_exceeded`. 0 is no limit.",
  }),
  templateCacheMb: defineSetting({
    schema: whole(0, 1_073_741_824),
    default: "10240",
    unit: "MiB",
    about: "Disk for what the steps of templates' builds left, so that later builds need not do them again; 0 keeps nothing.",
  }),
  memoryFloorMb: defineSetting({
    schema: whole(0, 1_048_576),
    default: "512",
    unit: "MiB",
    about: "Available memory of the host below which no capsule is created or started.",
  }),
  diskFloorMb: defineSetting({
    schema: whole(0, 1_073_741_824),
    default: "1024",
    unit: "MiB",
    about: "Free disk space of the host below which no capsule is created or started.",
  }),
  pidsMax: defineSetting({
    schema: whole(16, 1_000_000),
    default: "512",
    unit: "processes",
    about: "Processes and threads in one capsule.",
  }),
  outputBytesMax: defineSetting({
    schema: bytes(1024, 256 * MIB),
    default: "16MiB",
    unit: null,
    about: "What a buffered exec returns of each stream at most: the head; the rest is counted and said to be cut.",
  }),
  storeMb: defineSetting({
    schema: whole(0, 1_073_741_824),
    default: "0",
    unit: "MiB",
    about:
      "Size of the file that holds templates and capsules' disks where the data directory's file system has no quotas of its own; 0 takes 80 % of the free space.",
  }),
  templates: defineSetting({
    schema: list((name) => TEMPLATE_NAME.test(name), "templates' names with commas between, or none"),
    default: "minimal,base-python",
    unit: null,
    about:
      "Templates to build at the start, the first one before the server listens, the others in the background, with those that were built later and whose recipes have changed; `none` builds none.",
  }),
  templateMirror: defineSetting({
    schema: orNull(url(["http", "https"])),
    default: null,
    unit: null,
    about: "Debian mirror to build templates from; left out, the host's own package sources where it is Debian, else Debian's default.",
  }),
  network: defineSetting({
    schema: z.enum(["auto", "off"], { error: "auto or off" }),
    default: "auto",
    unit: null,
    about: "Whether capsules can be connected: `auto`, where this host has what that needs; `off`, they have loopback only.",
  }),
  networkSubnet: defineSetting({
    schema: orNull(
      z
        .string()
        .regex(/^(?:\d{1,3}\.){3}\d{1,3}\/(?:1[6-9]|2[0-8])$/, { error: "an IPv4 CIDR of /16 to /28" })
        .pipe(z.cidrv4()),
    ),
    default: null,
    unit: null,
    about: "Addresses that capsules have on this host; left out, a /20 of 10.128.0.0/9 that meets no route of the host.",
  }),
  networkMtu: defineSetting({
    schema: whole(0, 65_535).refine((mtu) => mtu === 0 || mtu >= 1280, { error: "0, or at least 1280" }),
    default: "0",
    unit: "bytes",
    about: "Longest packet of capsules; 0 takes that of the host's default route, at most 1500.",
  }),
  networkDns: defineSetting({
    schema: list((text) => isIP(text) !== 0, "addresses with commas between, or none"),
    default: "none",
    unit: null,
    about: "Resolvers that capsules' questions are passed on to; `none` takes the host's own.",
  }),
  networkIpv6: defineSetting({
    schema: z.enum(["auto", "on", "off"], { error: "auto, on or off" }),
    default: "auto",
    unit: null,
    about: "Whether capsules have IPv6; `auto`, where the host has a default route for it.",
  }),
  corsOrigins: defineSetting({
    schema: list(isOrigin, "origins like https://app.example with commas between (no path, no *)"),
    default: "none",
    unit: null,
    about: "Origins whose pages may call the API from a browser; `none` allows none.",
  }),
  portDomains: defineSetting({
    schema: list((name) => name === "*" || /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(name), "domain names with commas between, or *"),
    default: "localhost",
    unit: null,
    about:
      "Domains below which ports of capsules have host names, like `3000-cl-….localhost`; point `*.domain` to this server. The first is used in links. `*` takes any, `none` none.",
  }),
  endpointTimeoutMax: defineSetting({
    schema: whole(1, 604_800),
    default: "120",
    unit: "s",
    about: "Longest `timeout` of an endpoint; a definition with a longer one is refused.",
  }),
  teamEndpointsMax: defineSetting({
    schema: whole(0, 100_000),
    default: "1000",
    unit: "endpoints",
    about: "Endpoints of one team; beyond it, publishing another answers `quota_exceeded`.",
  }),
  callRate: defineSetting({
    schema: whole(0, 10_000_000),
    default: "0",
    unit: "calls per minute",
    about: "Calls of endpoints by one key; beyond it, a call answers `rate_limited`. 0 is no limit.",
  }),
  publicCallRate: defineSetting({
    schema: whole(0, 10_000_000),
    default: "600",
    unit: "calls per minute",
    about:
      "Calls of public endpoints without a key from one address (one /64 of IPv6); beyond it, a call answers `rate_limited`. 0 is no limit. Behind a proxy on this machine the address is the last of `X-Forwarded-For`, which the proxy must set: without it all public callers count as one. A proxy elsewhere counts as one caller.",
  }),
  runDays: defineSetting({
    schema: whole(1, 3650),
    default: "30",
    unit: "days",
    about: "How long ended runs of endpoints are kept, with their output.",
  }),
  teamRunsMax: defineSetting({
    schema: whole(1, 10_000_000),
    default: "10000",
    unit: "runs",
    about: "Ended runs kept of one team; the oldest go first.",
  }),
  teamRunsMb: defineSetting({
    schema: whole(300, 10_000_000),
    default: "10240",
    unit: "MiB",
    about: "Output kept of all ended runs of one team; beyond it the oldest runs go first. One run keeps up to 256 MiB.",
  }),
  notifyPrivate: defineSetting({
    schema: truth,
    default: "false",
    unit: null,
    about: "Whether an endpoint's `notify_url` may lead to this machine or a private network.",
    isSwitch: true,
  }),
  imagePrivate: defineSetting({
    schema: truth,
    default: "false",
    unit: null,
    about: "Whether templates may be built of images whose registry is this machine or in a private network.",
    isSwitch: true,
  }),
  metricsPublic: defineSetting({
    schema: truth,
    default: "false",
    unit: null,
    about: "Whether `/metrics` answers callers that are not on this machine.",
    isSwitch: true,
  }),
  logLevel: defineSetting({
    schema: z.enum(LOG_LEVELS, { error: `one of ${LOG_LEVELS.join(", ")}` }),
    default: "info",
    unit: null,
    about: "Least severe log lines to write; `debug` has one for each request.",
  }),
  logFile: defineSetting({
    schema: orNull(z.string().refine((path) => isAbsolute(path) && !path.includes("\0"), { error: "an absolute path" })),
    default: null,
    unit: null,
    about:
      "File that the log goes to; left out, standard output. `capsuled start` sets it to `server.log` in the data directory. At its size it is put aside, and four older ones are kept.",
  }),
  logFileMb: defineSetting({
    schema: whole(1, 100_000),
    default: "32",
    unit: "MiB",
    about: "Size at which the log's file is put aside.",
  }),
  shutdownMs: defineSetting({
    schema: whole(0, 600_000),
    default: "4000",
    unit: "ms",
    about: "How long SIGTERM waits for requests under way. Capsules go on running.",
  }),
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;

/** The server's settings, read and checked. */
export type Config = { readonly [Name in SettingName]: z.output<(typeof SETTINGS)[Name]["schema"]> };
