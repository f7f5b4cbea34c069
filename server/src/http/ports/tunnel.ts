import type { IncomingMessage } from "node:http";
import { ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream";
import { answerHead, RefusedAnswerError } from "./answer-head.ts";
import type { Forwarding } from "./exchange.ts";
import { beginAnswer, forward, portError } from "./exchange.ts";

/**
 * Passes a WebSocket's bytes on once the capsule's program has agreed to it; any other answer of the program is given back as it is.
 * Rejects with what is to be answered while nothing was.
 */
export function tunnel(forwarding: Forwarding, client: Duplex, head: Buffer): Promise<void> {
  const { request, limits } = forwarding;
  return new Promise((resolve, reject) => {
    const upstream = forward(forwarding, ["Connection", "Upgrade", "Upgrade", "websocket"]);
    client.once("close", () => upstream.destroy());
    upstream.once("response", (answer) => {
      try {
        refuseUpgrade(forwarding, answer, client);
        resolve();
      } catch (error) {
        upstream.destroy();
        reject(portError(error));
      }
    });
    upstream.on("error", (error) => reject(portError(error)));
    upstream.once("upgrade", (answer, capsule, capsuleHead) => {
      capsule.on("error", () => capsule.destroy());
      try {
        client.write(switchingHead(forwarding, answer), "latin1");
      } catch (error) {
        capsule.destroy();
        return reject(portError(error));
      }
      if (client instanceof Socket) client.setKeepAlive(true, limits.keepAliveMs);
      if (capsuleHead.length > 0) client.write(capsuleHead);
      if (head.length > 0) capsule.write(head);
      // Each way ends by itself; when one side is gone, so is the other.
      client.once("close", () => capsule.destroy());
      capsule.once("close", () => {
        if (capsule.readableEnded) client.end();
        else client.destroy();
      });
      client.pipe(capsule);
      capsule.pipe(client);
      resolve();
    });
    upstream.end();
    request.resume();
  });
}

/** Throws `RefusedAnswerError` for what is no WebSocket. */
function switchingHead({ request, address, opening }: Forwarding, answer: IncomingMessage): string {
  if (answer.statusCode !== 101 || answer.headers.upgrade?.toLowerCase() !== "websocket") {
    throw new RefusedAnswerError("it changes to a protocol that was not asked for");
  }
  // Its headers go by the same rules as any answer's.
  answer.statusCode = 200;
  const { headers } = answerHead(answer, request, address, opening.isKeyed);
  const pairs = [...headers, "Connection", "Upgrade", "Upgrade", "websocket"];
  let text = "HTTP/1.1 101 Switching Protocols\r\n";
  for (let at = 0; at + 1 < pairs.length; at += 2) text += `${pairs[at] ?? ""}: ${pairs[at + 1] ?? ""}\r\n`;
  return `${text}\r\n`;
}

/** The program answers the upgrade as any request. */
function refuseUpgrade(forwarding: Forwarding, answer: IncomingMessage, client: Duplex): void {
  if (!(client instanceof Socket)) throw new TypeError("an HTTP server's connections are sockets");
  const response = new ServerResponse(forwarding.request);
  response.shouldKeepAlive = false;
  response.assignSocket(client);
  response.once("finish", () => client.end());
  try {
    beginAnswer(forwarding, answer, response);
  } catch (error) {
    response.detachSocket(client);
    throw error;
  }
  client.resume();
  // The server has let go of the connection, so nobody else tells the answer that there is room again.
  client.on("drain", () => response.emit("drain"));
  pipeline(answer, response, (error) => {
    if (error !== undefined && error !== null) client.destroy();
  });
}
