import { isIPv4 } from "node:net";
import { ImageError } from "../../core/ports/images.ts";
import { IMAGE_LIMITS } from "../limits.ts";
import { readChallenge } from "./challenge.ts";
import type { AnswerBody, HttpGet } from "./http-get.ts";
import { readBounded } from "./read-bounded.ts";
import type { Reference } from "./reference.ts";

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface SessionOptions {
  readonly get: HttpGet;
  readonly reference: Reference;
  readonly credentials: Credentials | null;
  readonly signal: AbortSignal;
}

type Answered = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: AnswerBody;
};

/** Requests to one repository of a registry, with the authority that it asks for. Throws `ImageError`. */
export class RegistrySession {
  readonly #options: SessionOptions;
  readonly #base: URL;
  #authorization: string | null = null;

  constructor(options: SessionOptions) {
    this.#options = options;
    const { registry, repository } = options.reference;
    this.#base = new URL(`${isThisMachine(registry) ? "http" : "https"}://${registry}/v2/${repository}/`);
  }

  /** The answer's body, of a path like `manifests/latest` or `blobs/sha256:…`. */
  async get(path: string, accept: string | null): Promise<AnswerBody> {
    const url = new URL(path, this.#base);
    const headers = { "user-agent": "capsuled", ...(accept !== null && { accept }) };
    let answer = await this.#follow(url, headers);
    // Once for each request: a token that was good for the first layers may be too old for the last.
    if (answer.status === 401 && answer.isOfRegistry) {
      this.#authorization = await this.#authorize(answer);
      answer = await this.#follow(url, headers);
    }
    if (answer.status === 200) return answer.body;
    answer.body.destroy();
    throw this.#refusal(answer.status);
  }

  /** Follows redirects. What was given for the registry is sent to nobody else, as blobs lie in other hosts' stores. */
  async #follow(from: URL, headers: Readonly<Record<string, string>>): Promise<Answered & { readonly isOfRegistry: boolean }> {
    let url = from;
    for (let redirects = 0; redirects <= IMAGE_LIMITS.redirectsMax; redirects += 1) {
      const isOfRegistry = url.origin === this.#base.origin;
      const own = this.#authorization !== null && isOfRegistry ? { authorization: this.#authorization } : {};
      const answer = await this.#ask(url, { ...headers, ...own });
      const location = answer.headers["location"];
      if (![301, 302, 303, 307, 308].includes(answer.status) || typeof location !== "string") return { ...answer, isOfRegistry };
      answer.body.destroy();
      url = this.#checked(URL.parse(location, url.href), "redirects");
    }
    throw new ImageError("unreachable", `${this.#where} redirects more than ${IMAGE_LIMITS.redirectsMax} times.`);
  }

  async #ask(url: URL, headers: Readonly<Record<string, string>>): Promise<Answered> {
    const { get, signal } = this.#options;
    const outcome = await get(url, headers, IMAGE_LIMITS.headMs, signal);
    switch (outcome.kind) {
      case "answered":
        return outcome;
      case "refused":
        throw new ImageError(
          "refused",
          `${url.hostname.slice(0, 200)} is not an address of the public internet; CAPSULED_IMAGE_PRIVATE=true allows others.`,
        );
      case "unanswered":
        throw new ImageError("unreachable", `${url.hostname.slice(0, 200)} cannot be reached: ${outcome.message}.`);
    }
  }

  /** Only over TLS, but for a registry of this machine itself, which may send to itself. */
  #checked(url: URL | null, what: string): URL {
    if (
      url !== null &&
      (url.protocol === "https:" || (url.protocol === "http:" && this.#base.protocol === "http:" && isThisMachine(url.host)))
    )
      return url;
    throw new ImageError("refused", `${this.#where} ${what} to where no TLS is.`);
  }

  /** The `Authorization` that a 401 of the registry asks for. */
  async #authorize(answer: Answered): Promise<string> {
    answer.body.destroy();
    const { credentials, reference } = this.#options;
    const challenge = readChallenge(answer.headers["www-authenticate"]);
    const basic =
      credentials === null ? null : `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString("base64")}`;
    if (challenge?.scheme !== "bearer") {
      if (challenge === null || basic === null) throw this.#refusal(401);
      return basic;
    }
    const realm = this.#checked(URL.parse(challenge.realm), "asks for authority");
    if (challenge.service !== null) realm.searchParams.set("service", challenge.service);
    realm.searchParams.set("scope", `repository:${reference.repository}:pull`);
    const token = await this.#ask(realm, { accept: "application/json", ...(basic !== null && { authorization: basic }) });
    if (token.status !== 200) {
      token.body.destroy();
      throw this.#refusal(token.status === 429 || token.status >= 500 ? token.status : 401);
    }
    return `Bearer ${readToken(await readBounded(token.body, IMAGE_LIMITS.documentBytesMax, this.#options.signal))}`;
  }

  get #where(): string {
    return this.#options.reference.registry;
  }

  #refusal(status: number): ImageError {
    const { credentials, reference } = this.#options;
    const name = `${reference.registry}/${reference.repository}`;
    if (status === 404) return new ImageError("not_found", `${this.#where} has no ${reference.repository} with ${reference.version}.`);
    if (status === 401 || status === 403)
      return new ImageError(
        "unauthorized",
        credentials === null
          ? `${name} is not there, or needs a user name and a password.`
          : `${name} is not for this user name and password, or is not there.`,
      );
    if (status === 429)
      return new ImageError("unreachable", `${this.#where} answers that it is asked too often; credentials raise its limit.`);
    return new ImageError("unreachable", `${this.#where} answered with the status ${status}.`);
  }
}

/** Registries of this very machine speak plain HTTP, as they do with Docker. */
function isThisMachine(host: string): boolean {
  const name = host.replace(/:\d+$/, "");
  return name === "localhost" || name === "[::1]" || (isIPv4(name) && name.startsWith("127."));
}

function readToken(bytes: Uint8Array): string {
  try {
    const answer: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof answer === "object" && answer !== null) {
      const token = "token" in answer ? answer.token : "access_token" in answer ? answer.access_token : null;
      if (typeof token === "string" && /^[\x21-\x7e]{1,65536}$/.test(token)) return token;
    }
  } catch {
    // Said below.
  }
  throw new ImageError("unreachable", "The registry's answer for a token has none.");
}
