import type { Command } from "../command.ts";
import { EXIT, ExitError, UsageError } from "../exit.ts";
import { Forwarder } from "../forward/forwarder.ts";
import { PortRoute } from "../forward/port-route.ts";
import { onInterrupt } from "../interrupt.ts";

export const forward: Command = {
  name: "forward",
  summary: "Reach a capsule's port by one of this machine: HTTP and WebSockets",
  usage: "CAPSULE [LOCAL:]PORT…",
  arguments: [2, 17],
  examples: ["capsuled forward box 3000", "capsuled forward box 8081:3000 0:5173"],
  async run(context, given) {
    const [id = "", ...texts] = given.arguments;
    const wanted = texts.map(portsOf);
    const capsule = await context.capsule(id);
    const client = await context.waitForServer();
    let isAsked = false;
    const destroyed = Promise.withResolvers<never>();
    // The server is asked until it answers, which tells that it is away and back, and whether there is something to forward to; a port
    // that breaks off a request, or refuses one, is no sign of either.
    const lost = (): void => {
      if (isAsked) return;
      isAsked = true;
      void client.capsules
        .getInfo(capsule.id)
        .then(({ reason }) => {
          if (reason === "destroyed")
            destroyed.reject(new ExitError(EXIT.failure, `The capsule ${id} was destroyed: nothing is forwarded any more.`));
        })
        .catch(() => {})
        .finally(() => (isAsked = false));
    };
    const open: Forwarder[] = [];
    const ended = Promise.race([interrupted(context.process), destroyed.promise]);
    // Whatever comes first below is told; this is not awaited before all are open.
    ended.catch(() => {});
    try {
      for (const { local, port } of wanted) {
        const route = new PortRoute(capsule, port, context.client.url);
        // Whether this server can do it is told now, not to the first request.
        await route.pass();
        const forwarder = new Forwarder(route, lost);
        open.push(forwarder);
        const at = await forwarder.listen(local);
        const url = `http://127.0.0.1:${at}/`;
        context.show({ capsule: id, port, local: at, url }, () => `${url} is port ${port} of ${id}; Ctrl-C ends it`);
      }
      await ended;
    } finally {
      for (const forwarder of open) forwarder.close();
    }
  },
};

/** `3000` is the same port here and there, `8081:3000` another one here, `0:3000` any that is free. */
function portsOf(text: string): { readonly local: number; readonly port: number } {
  const [, before, behind = ""] = /^(?:(\d{1,5}):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(behind);
  const local = before === undefined ? port : Number(before);
  if (behind === "" || port < 1 || port > 65_535 || local > 65_535) {
    throw new UsageError(`${JSON.stringify(text)} is no port: write 3000, or LOCAL:PORT as in 8081:3000`);
  }
  return { local, port };
}

/** Never ends by itself; an interrupt makes it throw. */
function interrupted(process: NodeJS.Process): Promise<never> {
  return new Promise((_, failed) =>
    onInterrupt(
      process,
      (code) => failed(new ExitError(code)),
      () => {},
    ),
  );
}
