import { fail } from "../fail.ts";
import type { TemplateDeps } from "./deps.ts";
import type { TemplateQuota } from "./store.ts";
import { TemplateQuotaError } from "./store.ts";

const MIB = 1024 * 1024;

/** What each team's templates may take on this installation. */
export function quotaOf({ templateLimits: { teamTemplatesMax, teamTemplatesMb } }: Pick<TemplateDeps, "templateLimits">): TemplateQuota {
  return { countMax: teamTemplatesMax, bytesMax: teamTemplatesMb * MIB };
}

/** What callers are told of a row that there is no room for; anything else as it is. `sizeBytes`: of the one that was to come. */
export function quotaRefusal(deps: Pick<TemplateDeps, "templateLimits">, error: unknown, sizeBytes: number): unknown {
  if (!(error instanceof TemplateQuotaError)) return error;
  const { teamTemplatesMax: countMax, teamTemplatesMb: mbMax } = deps.templateLimits;
  const { count, bytes } = error.use;
  if (countMax > 0 && count >= countMax)
    return fail("quota_exceeded", `The team has ${count} templates, its limit is ${countMax}: delete one.`, {
      details: { limit: countMax },
    });
  return fail(
    "quota_exceeded",
    `The team's templates would take ${Math.ceil((bytes + sizeBytes) / MIB)} MiB, their limit is ${mbMax}: delete one.`,
    {
      details: { limit_mb: mbMax },
    },
  );
}
