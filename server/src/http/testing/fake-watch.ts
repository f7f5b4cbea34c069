import { Bell } from "../../lib/bell.ts";
import type { DirectoryWatch, WatchItem } from "../../core/file/directory-watch.ts";

/** A watch that tells what a test says. */
export class FakeWatch implements DirectoryWatch {
  readonly directories = 1;
  readonly closed: Promise<void>;
  /** How often it was asked for more. */
  asked = 0;
  #items: WatchItem[] = [];
  #isOver = false;
  #close: () => void = () => {};
  readonly #bell = new Bell();

  constructor() {
    this.closed = new Promise((resolve) => (this.#close = resolve));
  }

  tell(...items: readonly WatchItem[]): void {
    this.#items.push(...items);
    this.#bell.ring();
  }

  async next(idleMs: number): Promise<readonly WatchItem[]> {
    this.asked += 1;
    while (this.#items.length === 0 && !this.#isOver) if (!(await this.#bell.heard(idleMs))) return [{ kind: "idle" }];
    if (this.#isOver) return [];
    this.#isOver = this.#items.some(({ kind }) => kind === "ended");
    return this.#items.splice(0);
  }

  close(): void {
    this.#isOver = true;
    this.#close();
    this.#bell.ring();
  }
}
