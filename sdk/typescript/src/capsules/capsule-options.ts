import type { Capsule, CapsuleCreate } from "../contract/schemas.ts";
import type { ClientOptions } from "../settings.ts";
import type { NamesOf } from "../transport/options.ts";
import type { CallOptions, RepeatableOptions } from "../transport/transport.ts";
import { CALL_OPTIONS, REPEATABLE_OPTIONS } from "../transport/transport.ts";

/** What a capsule is created with; every field has a default. */
export interface CreateOptions extends Omit<CapsuleCreate, "wait_ms" | "timeout">, RepeatableOptions, ClientOptions {
  /** Milliseconds to wait until it runs; 120 000 by default. 0 gives a capsule that may still be starting: `waitUntilRunning()` waits. */
  readonly waitMs?: number | undefined;
  /** Is told what the capsule is each time that it is seen not to run yet: its `message` says how far a build is that it waits for. */
  readonly onWaiting?: ((info: Capsule) => void) | undefined;
  /** What to do when a capsule has that `name`: fail with a `ConflictError`, the default, or give it back. */
  readonly onConflict?: "fail" | "return" | undefined;
}

export type ConnectCapsuleOptions = ClientOptions & CallOptions;

export interface ListOptions extends ClientOptions, CallOptions {
  readonly status?: Capsule["status"] | undefined;
  /** Only those with all of these labels. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Capsules that are asked for at once; 100 by default. */
  readonly pageSize?: number | undefined;
}

/** Those of a client that has its server and key. */
export const CREATE_OPTIONS = {
  ...REPEATABLE_OPTIONS,
  template: true,
  vcpus: true,
  memory_mb: true,
  disk_mb: true,
  timeout_sec: true,
  envs: true,
  metadata: true,
  name: true,
  network: true,
  public_ports: true,
  auto_resume: true,
  waitMs: true,
  onWaiting: true,
  onConflict: true,
} as const satisfies NamesOf<Omit<CreateOptions, Exclude<keyof ClientOptions, "requestTimeoutMs">>>;

export const LIST_OPTIONS = {
  ...CALL_OPTIONS,
  status: true,
  metadata: true,
  pageSize: true,
} as const satisfies NamesOf<Omit<ListOptions, Exclude<keyof ClientOptions, "requestTimeoutMs">>>;
