import type { IncomingMessage, ServerResponse } from "node:http";
import type { Intent } from "../core/idempotency/service.ts";
import { clientAddressOf } from "./client-address.ts";
import { signalOfClientGone } from "./client-gone.ts";
import { readBytes } from "./read-body.ts";
import type { Surroundings } from "./register.ts";
import { queryOf, ticketIn } from "./request-target.ts";
import type { Exchange, UploadBody } from "./route.ts";

/** A request as its route sees it. What only few routes ask for is worked out when they do. */
export class RequestExchange implements Exchange {
  readonly intent: Intent | undefined;
  readonly method: string;
  /** From the beginning: a connection that has closed has no address any more. */
  readonly remoteAddress: string;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #around: Surroundings;
  readonly #added: string[];

  /** Headers that the route adds go into `added`, each name before its value. */
  constructor(request: IncomingMessage, response: ServerResponse, intent: Intent | undefined, around: Surroundings, added: string[]) {
    this.intent = intent;
    this.method = request.method ?? "";
    this.remoteAddress = request.socket.remoteAddress ?? "";
    this.#request = request;
    this.#response = response;
    this.#around = around;
    this.#added = added;
  }

  get #url(): string {
    return this.#request.url ?? "";
  }

  get lastEventId(): string | undefined {
    return this.header("last-event-id") || undefined;
  }

  get ticket(): string | null {
    return this.header("x-api-key") === undefined ? ticketIn(this.#url) : null;
  }

  get clientAddress(): string {
    return clientAddressOf({ socket: this, headers: this.#request.headers });
  }

  get isForwarded(): boolean {
    const { headers } = this.#request;
    return headers["x-forwarded-for"] !== undefined || headers["forwarded"] !== undefined;
  }

  accepts(type: string): boolean {
    const accept = this.header("accept");
    return accept?.split(",").some((item) => item.split(";", 1)[0]?.trim().toLowerCase() === type) === true;
  }

  clientGone(): AbortSignal {
    return signalOfClientGone(this.#response, this.#around.isCutOff);
  }

  query(): URLSearchParams {
    return queryOf(this.#url);
  }

  header(name: string): string | undefined {
    const value = this.#request.headers[name];
    return typeof value === "string" ? value : undefined;
  }

  readBytes(bytesMax: number): Promise<Buffer> {
    return readBytes(this.#request, bytesMax);
  }

  takeBody(): UploadBody {
    const request = this.#request;
    this.#around.requestTimes.lift(request);
    return { stream: request, isWhole: () => request.complete };
  }

  addHeader(name: string, value: string): void {
    this.#added.push(name, value);
  }
}
