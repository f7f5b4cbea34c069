import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { OPERATION_LIST } from "@capsuled/contract";
import { z } from "zod";
import type { OperationId } from "../src/contract/operations.ts";
import { Capsule, Client } from "../src/index.ts";
import { fakeServer, problem, RUNNING } from "../testing/fake-server.ts";

const listed = z
  .object({ typescript: z.array(z.string()) })
  .parse(JSON.parse(readFileSync(fileURLToPath(new URL("../../operations-without-method.json", import.meta.url)), "utf8"))).typescript;

type Call = (client: Client, capsule: Capsule) => Promise<unknown> | AsyncIterator<unknown>;

/** For each operation the method that a user calls for it. */
const METHODS: Readonly<Partial<Record<OperationId, Call>>> = {
  createCapsule: (client) => client.capsules.create(),
  destroyCapsule: (_, capsule) => capsule.destroy(),
  forkCapsule: (_, capsule) => capsule.fork(),
  getCapsule: (_, capsule) => capsule.getInfo(),
  getCapsuleNetwork: (_, { network }) => network.get(),
  listCapsules: (client) => client.capsules.list(),
  pauseCapsule: (_, capsule) => capsule.pause(),
  pingCapsule: (_, capsule) => capsule.ping(),
  resumeCapsule: (_, capsule) => capsule.resume(),
  setCapsuleNetwork: (_, { network }) => network.set({ egress: "none" }),
  startCapsule: (_, capsule) => capsule.start(),
  stopCapsule: (_, capsule) => capsule.stop(),
  exec: (_, { commands }) => commands.run("true"),
  execStream: (_, { commands }) => commands.stream("true"),
  getProcess: (_, { commands }) => commands.info("server"),
  getProcessOutput: (_, { commands }) => commands.output("server"),
  killProcess: (_, { commands }) => commands.kill("server"),
  listProcesses: (_, { commands }) => commands.list(),
  streamProcess: (_, { commands }) => commands.connect("server"),
  openTerminal: (_, { pty }) => pty.open(),
  changeFileMode: (_, { files }) => files.chmod("/a", { mode: "600" }),
  copyFile: (_, { files }) => files.copy("/a", "/b"),
  downloadArchive: (_, { files }) => files.archiveUrl("/a"),
  downloadFile: (_, { files }) => files.downloadUrl("/a"),
  listFiles: (_, { files }) => files.list("/a"),
  makeDirectory: (_, { files }) => files.makeDirectory("/a"),
  moveFile: (_, { files }) => files.move("/a", "/b"),
  readArchive: (_, { files }) => files.readArchive("/a"),
  readFile: (_, { files }) => files.read("/a"),
  removeFile: (_, { files }) => files.remove("/a"),
  statFile: (_, { files }) => files.stat("/a"),
  streamFileChanges: (_, { files }) => files.watch("/a"),
  streamReadFile: (_, { files }) => files.readStream("/a"),
  streamWriteFile: (_, { files }) => files.write("/a", new Blob(["x"]).stream()),
  watchFiles: (_, { files }) => files.watchUrl("/a"),
  writeArchive: (_, { files }) => files.writeArchive("/a", new Uint8Array(1024)),
  writeFile: (_, { files }) => files.write("/a", "x"),
  createPortUrl: (_, { ports }) => ports.url(3000),
  listPorts: (_, { ports }) => ports.list(),
  setPortAccess: (_, { ports }) => ports.setAccess(3000, { public: true }),
  listEvents: (client) => client.events.list(),
  streamEvents: (client) => client.events.follow(),
  deleteEndpoint: (client) => client.endpoints.delete("deploy"),
  getEndpoint: (client) => client.endpoints.get("deploy"),
  getEndpointBadge: (client) => client.endpoints.badge("first", "deploy"),
  getTeamBadge: (client) => client.teams.badge("first"),
  importEndpoints: (client) => client.endpoints.apply("version: 1"),
  listEndpoints: (client) => client.endpoints.list(),
  pauseEndpointSchedule: (client) => client.endpoints.pauseSchedule("deploy"),
  putEndpoint: (client) => client.endpoints.define("deploy", { command: "true" }),
  resumeEndpointSchedule: (client) => client.endpoints.resumeSchedule("deploy"),
  callEndpoint: (client) => client.endpoints.call("first/deploy"),
  createTicket: (client) => client.createTicket({ path: "/v1/events" }),
  cancelRun: (client) => client.runs.cancel("run-a"),
  getRun: (client) => client.runs.get("run-a"),
  getRunOutput: (client) => client.runs.output("run-a"),
  listRuns: (client) => client.runs.list(),
  streamRun: (client) => client.runs.stream("run-a"),
  getCapsuleMetrics: (_, capsule) => capsule.metrics(),
  getCapsuleStats: (client) => client.capsules.stats(),
  getUsage: (client) => client.capsules.usage(),
  createSnapshot: (_, capsule) => capsule.snapshot(),
  deleteSnapshot: (client) => client.templates.delete("mine"),
  listSnapshots: (client) => client.templates.list(),
  cancelTemplateBuild: (client) => client.templates.cancelBuild("bd-a"),
  createTemplate: (client) => client.templates.build({ name: "mine" }),
  getTemplateBuild: (client) => client.templates.getBuild("bd-a"),
  listTemplateBuilds: (client) => client.templates.builds(),
  streamTemplateBuild: (client) => client.templates.buildLog("bd-a"),
  deleteImage: (client) => client.images.delete("im-a"),
  uploadImage: (client) => client.images.upload(new Uint8Array(1024)),
  createKey: (client) => client.keys.create(),
  createTeam: (client) => client.teams.create({ name: "Other" }),
  listKeys: (client) => client.keys.list(),
  listTeams: (client) => client.teams.list(),
  revokeKey: (client) => client.keys.revoke("key-a"),
  getDocs: (client) => client.system.docs(),
  getHealth: (client) => client.system.health(),
  getMetrics: (client) => client.system.metrics(),
  getOpenapi: (client) => client.system.openapi(),
};

test("every operation of the contract has a method in the TypeScript SDK that asks for exactly it, or is listed to have none yet", async () => {
  const methods = new Map<string, Call>(Object.entries(METHODS));
  const without = OPERATION_LIST.map(({ id }) => id).filter((id) => !methods.has(id));
  assert.deepEqual(
    without,
    listed,
    "run `npm run generate`, then give each a method in sdk/typescript/src and a line in METHODS, or list it in sdk/operations-without-method.json",
  );
  const sockets: string[] = [];
  await using server = await fakeServer({
    answer: ({ method, url }) =>
      method === "POST" && url === "/v1/tickets"
        ? { status: 201, body: { ticket: "tk" } }
        : { status: 404, body: problem("not_found", { url }) },
    socket: (socket, { pathname }) => {
      sockets.push(`GET ${pathname}`);
      socket.close(1008);
    },
  });
  await using known = await fakeServer({ answer: () => ({ body: RUNNING }) });
  let url = known.url;
  // The capsule is one that is there; whatever is asked of it goes to the server that keeps account.
  const fetchFrom: typeof fetch = (input, init) =>
    fetch((input instanceof Request ? input.url : input.toString()).replace(server.url, url), init);
  const options = { url: server.url, apiKey: "wrn_test", retryForMs: 0, fetch: fetchFrom };
  const client = new Client(options);
  const capsule = await Capsule.connect(RUNNING.id, options);
  url = server.url;
  for (const { id, method, path } of OPERATION_LIST) {
    const call = methods.get(id);
    if (call === undefined) continue;
    server.asked.length = 0;
    sockets.length = 0;
    const given = call(client, capsule);
    // There is no such thing, says the server: it was asked.
    const told: unknown = await ("next" in given ? given.next() : given).catch(() => {});
    const asked = [...server.asked.map((one) => `${one.method} ${new URL(one.url, server.url).pathname}`), ...sockets];
    // What is made for a browser is not asked for here.
    if (typeof told === "string" && URL.canParse(told)) asked.push(`GET ${new URL(told).pathname}`);
    const due = new RegExp(`^${method === "ANY" ? "POST" : method} ${path.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+")}$`);
    assert.ok(
      asked.some((one) => due.test(one)),
      `${id}: ${method} ${path} is due, and ${JSON.stringify(asked)} was asked for`,
    );
  }
});
