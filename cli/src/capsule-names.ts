import type { Client, schemas } from "capsuled";
import { ApiError } from "capsuled";

/** The names of capsules by their ids, each asked for once. */
export class CapsuleNames {
  readonly #client: Client;
  readonly #names = new Map<string, string | null>();
  #isListed = false;

  constructor(client: Client) {
    this.#client = client;
  }

  /** The name of the capsule that an event is of; `null` for one that has none, or that is not known any more. */
  async of(event: schemas.Event): Promise<string | null> {
    const { capsule_id: id } = event;
    if (event.type === "capsule.created") this.#names.set(id, event.data.name);
    if (!this.#names.has(id) && !this.#isListed) await this.#list();
    const known = this.#names.get(id);
    if (known !== undefined) return known;
    const name = await this.#ask(id);
    this.#names.set(id, name);
    return name;
  }

  /** Most events are of capsules that are there: one request for all of those. */
  async #list(): Promise<void> {
    this.#isListed = true;
    for await (const { id, name } of this.#client.capsules.list()) this.#names.set(id, name);
  }

  async #ask(id: string): Promise<string | null> {
    try {
      return (await this.#client.capsules.connect(id)).info.name;
    } catch (error) {
      if (error instanceof ApiError) return null;
      throw error;
    }
  }
}
