import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isMissing } from "../../../lib/node/missing.ts";

/** Bytes of one instruction of a filter, and instructions that the kernel takes at most. */
const INSTRUCTION = { bytes: 8, most: 4096 } as const;

/**
 * The filter of capsules as the runtime has compiled it. crun keeps what it compiled in a container's state, and takes it from an annotation
 * in place of compiling the same profile again, which costs more than putting it in force. The state is the host's root's alone. Where the
 * runtime keeps nothing, or knows no such annotation, the profile is what counts: it stands in the configuration in any case.
 */
export class ReadyFilter {
  #compiled: string | null = null;

  /** Takes it over from the state of a container that runs, unless it is known. */
  learn(runtimeState: string): void {
    this.#compiled ??= read(join(runtimeState, "seccomp.bpf"));
  }

  /** What a configuration says of it. */
  annotations(): Readonly<Record<string, string>> {
    return this.#compiled === null ? {} : { "run.oci.seccomp_bpf_data": this.#compiled };
  }
}

function read(file: string): string | null {
  try {
    const compiled = readFileSync(file);
    const instructions = compiled.length / INSTRUCTION.bytes;
    return Number.isInteger(instructions) && instructions > 0 && instructions <= INSTRUCTION.most ? compiled.toString("base64") : null;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}
