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
  #wake: () => void = () => {};

  constructor() {
    this.closed = new Promise((resolve) => (this.#close = resolve));
  }

  tell(...items: readonly WatchItem[]): void {
    this.#items.push(...items);
    this.#wake();
  }

  async next(idleMs: number): Promise<readonly WatchItem[]> {
    this.asked += 1;
    if (this.#items.length === 0 && !this.#isOver) await this.#woken(idleMs);
    if (this.#isOver) return [];
    if (this.#items.length === 0) return [{ kind: "idle" }];
    this.#isOver = this.#items.some(({ kind }) => kind === "ended");
    return this.#items.splice(0);
  }

  close(): void {
    this.#isOver = true;
    this.#close();
    this.#wake();
  }

  #woken(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
