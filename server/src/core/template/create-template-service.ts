import type { TemplateDeps } from "./deps.ts";
import { forkCapsule } from "./fork.ts";
import { listTemplates } from "./list.ts";
import { removeTemplate } from "./remove.ts";
import type { TemplateService } from "./service.ts";
import { snapshotCapsule } from "./snapshot.ts";

/** The use cases of templates over one set of dependencies. */
export function createTemplateService(deps: TemplateDeps): TemplateService {
  return {
    snapshot: (principal, input, overwrite, intent) => snapshotCapsule(deps, principal, input, overwrite, intent),
    fork: (principal, id, input, intent) => forkCapsule(deps, principal, id, input, intent),
    list: (principal, type) => listTemplates(deps, principal, type),
    remove: (principal, name) => removeTemplate(deps, principal, name),
  };
}
