import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { request } from "node:http";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { findBrowser, openUrl } from "../harness/browser.ts";
import type { Page } from "../harness/browser.ts";
import { expectCall } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { packageClosure } from "../harness/package-closure.ts";
import { askPort, hostOf, keyed } from "../harness/port-request.ts";
import { readState } from "../harness/state.ts";
import { waitUntil } from "../harness/wait.ts";

const browser = findBrowser();
const skip = "missing" in browser ? browser.missing : false;
const program = "program" in browser ? browser.program : "";
const VITE = 5173;

/** Unpacks the tar archives that are sent to it. */
const UNPACK = `
import http.server,tarfile
class Handler(http.server.BaseHTTPRequestHandler):
  def log_message(self,*a): pass
  def do_POST(self):
    class Body:
      left=int(self.headers["Content-Length"]) if "Content-Length" in self.headers else None
      rest=b""
      def read(body,size):
        while len(body.rest)<size:
          line=self.rfile.readline(); length=int(line,16)
          data=self.rfile.read(length); self.rfile.readline()
          if length==0: break
          body.rest+=data
        data,body.rest=body.rest[:size],body.rest[size:]
        return data
    tarfile.open(fileobj=Body(),mode="r|").extractall("/srv")
    self.send_response(204); self.end_headers()
http.server.HTTPServer(("127.0.0.1",9000),Handler).serve_forever()`;

const FILES = {
  "index.html": `<!doctype html><title>app</title><p id="app"></p><script type="module" src="/main.js"></script>`,
  "main.js": `import { message } from "./message.js";
import "/style.css";
const show = (text) => { document.querySelector("#app").textContent = text; };
show(message);
import.meta.hot.accept("./message.js", (next) => show(next.message));`,
  "message.js": `export const message = "one";`,
  "style.css": `#app { color: rgb(1, 2, 3); }`,
};

let capsule: TestCapsule;
before(
  async () => {
    if (skip !== false) return;
    capsule = await newCapsule({ memory_mb: 1024, network: { egress: "none" } });
    await capsule.background({ cmd: "python3", args: ["-c", UNPACK] });
    await waitUntil(async () => ((await askPort(capsule.id, 9000, { headers: keyed() })).status === 502 ? undefined : true), {
      what: "it",
    });
    await sendPackages(["node_modules/node/bin/node", ...packageClosure("vite")]);
    await capsule.sh("mkdir -p /srv/app && mv /srv/node_modules /srv/app/");
    for (const [name, text] of Object.entries(FILES)) await write(name, text);
    await capsule.background({
      cmd: "node_modules/node/bin/node",
      args: ["node_modules/vite/bin/vite.js", "--host", "127.0.0.1", "--port", String(VITE), "--strictPort"],
      cwd: "/srv/app",
      tag: "vite",
    });
    await waitUntil(async () => ((await askPort(capsule.id, VITE, { headers: keyed() })).status === 200 ? true : undefined), {
      what: "Vite",
      timeoutMs: 60_000,
    });
  },
  { timeout: 180_000 },
);
after(async () => {
  if (skip === false) await capsule[Symbol.asyncDispose]();
});

const write = (name: string, text: string) => capsule.exec({ cmd: "sh", args: ["-c", `cat > /srv/app/${name}`], stdin: text });

/** Packs what is installed here and streams it through a port. */
async function sendPackages(paths: readonly string[]): Promise<void> {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const tar = spawn("tar", ["-C", root, "-cf", "-", ...paths], { stdio: ["ignore", "pipe", "inherit"] });
  const { hostname, port } = new URL(readState().url);
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const sent = request(
      { hostname, port, method: "POST", path: "/", headers: { ...keyed(), host: hostOf(capsule.id, 9000) } },
      (answer) => {
        answer.resume();
        answer.on("end", () => resolve(answer.statusCode));
      },
    );
    sent.on("error", reject);
    tar.stdout.pipe(sent);
  });
  assert.equal(status, 204);
}

async function open(): Promise<Page> {
  const { url } = await expectCall("createPortUrl", 201, { params: { id: capsule.id, port: String(VITE) }, body: {} });
  return openUrl(program, url);
}

/** Milliseconds after which a file is written again whose change the page shows not: it hears of changes once its socket is open only. */
const AGAIN_MS = 3000;

/** Writes a file and waits until the page shows what comes of it. */
async function changes(page: Page, name: string, text: string, expression: string, expected: string): Promise<void> {
  let writtenAt = Number.NEGATIVE_INFINITY;
  const isShown = async (): Promise<true | undefined> => {
    if (performance.now() - writtenAt > AGAIN_MS) {
      await write(name, text);
      writtenAt = performance.now();
    }
    // A page that is just being loaded anew cannot be asked.
    return (await page.evaluate(expression).catch(() => undefined)) === expected ? true : undefined;
  };
  await waitUntil(isShown, { what: `the page to show ${expected}` });
}

const SHOWN = `document.querySelector("#app")?.textContent`;
const COLOR = `getComputedStyle(document.querySelector("#app")).color`;

test(
  "a Vite dev server works in a browser by the port's host name, and what changes in the capsule changes in the page without a reload",
  {
    skip,
    timeout: 120_000,
  },
  async () => {
    await write("message.js", FILES["message.js"]);
    await using page = await open();
    await waitUntil(async () => ((await page.evaluate(SHOWN)) === "one" ? true : undefined), { what: "the page" });
    assert.equal(await page.evaluate(`location.search + document.cookie`), "", "neither address nor scripts have the token");
    assert.equal(await page.evaluate(COLOR), "rgb(1, 2, 3)");
    await page.evaluate(`window.same = true`);
    await changes(page, "message.js", `export const message = "two";`, SHOWN, "two");
    await changes(page, "style.css", `#app { color: rgb(4, 5, 6); }`, COLOR, "rgb(4, 5, 6)");
    assert.equal(await page.evaluate(`window.same`), true, "it is the same page still");
    await changes(page, "index.html", FILES["index.html"].replace("<title>app", "<title>other"), `document.title`, "other");
    assert.equal(await page.evaluate(`window.same === undefined`), true);
  },
);

test(
  "a page of one port reads nothing of another port, and sends it nothing as the person who looks at both",
  { skip, timeout: 120_000 },
  async () => {
    await using page = await open();
    const at = { params: { id: capsule.id, port: "9000" } };
    const { token } = await expectCall("createPortUrl", 201, { ...at, body: {} });
    // As if the person had opened that port too: its cookie is there.
    const other = `http://${hostOf(capsule.id, 9000)}`;
    const read = (path: string, init: string): Promise<unknown> =>
      page.evaluate(
        `fetch(${JSON.stringify(other)} + ${JSON.stringify(path)}, ${init}).then((r) => r.type + " " + r.status, () => "refused")`,
      );
    assert.equal(await read(`/?capsuled_token=${token}`, `{ mode: "no-cors", credentials: "include" }`), "opaque 0");
    assert.equal(await read("/", `{ credentials: "include" }`), "refused");
    const { url } = readState();
    const api = (path: string, init: string): Promise<unknown> =>
      page.evaluate(`fetch(${JSON.stringify(url + path)}, ${init}).then((r) => r.type + " " + r.status, () => "refused")`);
    assert.equal(await api("/v1/capsules", `{}`), "refused", "nor of the API");
  },
);
