import { Client, NotFoundError } from "capsuled";
import type { Capsule, ClientOptions } from "capsuled";
import type { Command, Given } from "./command.ts";
import { ConnectionNotice } from "./connection-notice.ts";
import { EXIT, ExitError, exitCodeOf, sayingOf } from "./exit.ts";
import { inOwnWords } from "./own-words.ts";
import type { Destroyed } from "./own-words.ts";
import { connectionFrom, isServerNamed, keyOrigin } from "./servers.ts";
import { tellError, tellNote } from "./told-error.ts";

const CAPSULE_ID = /^cl-[0-9a-z]{25}$/;

/** What a command has of its surroundings. */
export class Context {
  readonly process: NodeJS.Process;
  readonly json: boolean;
  readonly #command: Command;
  /** Tells people that the server is away. */
  readonly notice: ConnectionNotice;
  readonly #server: string | undefined;
  readonly #key: string | undefined;
  #client: Client | null = null;
  #capsule: string | null = null;
  #destroyed: Destroyed | null = null;

  constructor(process: NodeJS.Process, command: Command, given: Given) {
    this.process = process;
    this.#command = command;
    this.json = given.flag("json");
    this.notice = new ConnectionNotice(process, this.json);
    this.#server = given.text("server");
    this.#key = given.text("key");
  }

  /** The server and key that are meant. */
  get connection(): ClientOptions {
    return connectionFrom(this.process.env, this.#server, this.#key);
  }

  /** The server of a data directory of this machine, whatever else is named, and the key for it. */
  connectionTo(url: string, dataDir: string): ClientOptions {
    return connectionFrom({ ...this.process.env, CAPSULED_DATA_DIR: dataDir }, url, this.#key);
  }

  /** Whether anything says which server is meant; else it is the one of this machine. */
  get isServerNamed(): boolean {
    return isServerNamed(this.process.env, this.#server);
  }

  /** Where the key comes from, in words. */
  get keyFrom(): string {
    return keyOrigin(this.process.env, this.#server, this.#key);
  }

  get client(): Client {
    return (this.#client ??= this.#connected());
  }

  /** For what has no end of its own: from now on a server that is there is waited for as long as it is away. Asks it first. */
  async waitForServer(): Promise<Client> {
    await this.client.system.health();
    this.#client = this.#connected({ retryForMs: Number.POSITIVE_INFINITY });
    // Of a server that has not answered a client, that client does not say that it is away.
    await this.#client.system.health();
    return this.#client;
  }

  #connected(patience: Pick<ClientOptions, "retryForMs"> = {}): Client {
    const { connection } = this;
    const { changed } = this.notice;
    return new Client({ ...connection, ...patience, onConnection: changed, warn: (message) => this.note(`capsuled: ${message}`) });
  }

  /** Whether a person looks at the output. */
  get isTerminal(): boolean {
    return this.process.stdout.isTTY === true;
  }

  /** Of the terminal that shows the output; `undefined` where it is none. */
  get columns(): number | undefined {
    return this.isTerminal ? this.process.stdout.columns || undefined : undefined;
  }

  get hasColour(): boolean {
    const { env } = this.process;
    return this.isTerminal && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
  }

  /** The capsule that was asked for last, as it was typed; `null` where none was. */
  get capsuleWord(): string | null {
    return this.#capsule;
  }

  /** What is known of that capsule's end, where it was destroyed before it was asked for. */
  get destroyed(): Destroyed | null {
    return this.#destroyed;
  }

  /** The capsule of an id, which may be that of one that is gone, or of a name. */
  async capsule(word: string): Promise<Capsule> {
    this.#capsule = word;
    this.#destroyed = null;
    try {
      const capsule = await this.client.capsules.connect(word);
      const { reason, message } = capsule.info;
      if (reason === "destroyed") this.#destroyed = { message };
      return capsule;
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      throw new ExitError(EXIT.failure, `There is no capsule ${JSON.stringify(word)}: \`capsuled ls\` lists those that there are.`, {
        cause: error,
      });
    }
  }

  /** The id of a capsule that is named by its id, which may be that of one that is gone, or by its name. */
  async capsuleId(word: string): Promise<string> {
    return CAPSULE_ID.test(word) ? word : (await this.capsule(word)).id;
  }

  /** A line for whoever reads standard output. */
  say(line: string): void {
    this.process.stdout.write(`${line}\n`);
  }

  /** A line for people, beside the output. */
  note(line: string): void {
    tellNote(this.process, line, this.json);
  }

  /** What is wrong, where the program goes on all the same. */
  complain(error: unknown, capsule = this.capsuleWord): void {
    const told = this.inOwnWords(error, capsule);
    tellError(this.process, told, sayingOf(told), this.json);
  }

  /** An error in the words of the command line. `capsule`: as it was typed. */
  inOwnWords(error: unknown, capsule = this.capsuleWord): unknown {
    const { destroyed } = this;
    const said = inOwnWords(error, { command: this.#command, capsule, destroyed, keyFrom: () => this.keyFrom });
    return said === null ? error : new ExitError(exitCodeOf(error), said, { cause: error });
  }

  /** A value as JSON, or as people read it. */
  show(value: unknown, human: () => string): void {
    this.say(this.json ? JSON.stringify(value, null, this.isTerminal ? 2 : undefined) : human());
  }

  /** Writes bytes as they are, at the reader's pace. What a reader that has left does not take is dropped. */
  async write(stream: "stdout" | "stderr", bytes: Uint8Array): Promise<void> {
    await new Promise<void>((done) => {
      if (this.process[stream].write(bytes, () => done())) done();
    });
  }
}
