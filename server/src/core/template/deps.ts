import type { CapsuleDeps } from "../capsule/deps.ts";
import type { MakingTemplates } from "./making.ts";

/** Bounds that the installation sets. */
export interface TemplateLimits {
  /** Templates of a team; 0 is no limit. */
  readonly teamTemplatesMax: number;
  /** MiB on disk of a team's templates together; 0 is no limit. */
  readonly teamTemplatesMb: number;
}

/** What the use cases of templates work with. */
export interface TemplateDeps extends CapsuleDeps {
  readonly templateLimits: TemplateLimits;
  readonly makingTemplates: MakingTemplates;
}
