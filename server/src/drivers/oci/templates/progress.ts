import type { BuildProgress } from "../../../core/ports/templates.ts";

/** Where in a build each of its parts ends, by the time they take. */
const UPDATED = 0.1;
const DOWNLOADED = 0.4;
const INSTALLED = 0.95;

/** Turns the builder's output into progress: never backwards, one report per per cent and step. */
export class BuilderProgress {
  readonly #report: (progress: BuildProgress) => void;
  #rest = "";
  #fraction = 0;
  #step = "";
  #packages = 0;
  #fetched = 0;
  #set = 0;

  constructor(report: (progress: BuildProgress) => void) {
    this.#report = report;
  }

  feed(text: string): void {
    const lines = (this.#rest + text).split(/[\r\n]+/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line);
  }

  #line(line: string): void {
    if (line.includes("running apt-get update")) return this.#to("updating package lists", 0.02);
    const count = /(\d+) newly installed/.exec(line)?.[1];
    if (count !== undefined) {
      this.#packages += Number(count);
      return this.#to("downloading packages", UPDATED);
    }
    if (/^Get:\d+ /.test(line) && this.#packages > 0) {
      this.#fetched += 1;
      return this.#to("downloading packages", UPDATED + part(this.#fetched, this.#packages) * (DOWNLOADED - UPDATED));
    }
    const name = /^Setting up ([^ :]+)/.exec(line)?.[1];
    if (name !== undefined) {
      this.#set += 1;
      return this.#to(`installing ${name}`, DOWNLOADED + part(this.#set, this.#packages) * (INSTALLED - DOWNLOADED));
    }
    if (line.includes("cleaning package lists")) this.#to("cleaning up", INSTALLED);
  }

  #to(step: string, fraction: number): void {
    const next = Math.max(this.#fraction, Math.floor(fraction * 100) / 100);
    if (next === this.#fraction && step === this.#step) return;
    this.#fraction = next;
    this.#step = step;
    this.#report({ step, fraction: next });
  }
}

function part(done: number, all: number): number {
  return all === 0 ? 0 : Math.min(1, done / all);
}
