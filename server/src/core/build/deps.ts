import type { KeyedLock } from "../../lib/keyed-lock.ts";
import type { EventSignal } from "../event/event-signal.ts";
import type { ImageUploads } from "../ports/image-uploads.ts";
import type { TemplateImages } from "../ports/images.ts";
import type { Hash } from "../ports/hash.ts";
import type { TemplateDeps } from "../template/deps.ts";
import type { BuildStore } from "./store.ts";

/** What the use cases of builds work with. */
export interface BuildDeps extends TemplateDeps {
  readonly builds: BuildStore;
  /** `null`: no templates of images. */
  readonly images: TemplateImages | null;
  readonly imageUploads: Pick<ImageUploads, "find"> | null;
  readonly hash: Hash;
  /** One unpacking at a time of what gives the same layer. */
  readonly unpackings: KeyedLock;
  /** Wakes those who read a build's log, by its id. */
  readonly buildSignal: EventSignal;
  /** MiB on disk of all layers of this host; 0 keeps none. */
  readonly templateCacheMb: number;
}
