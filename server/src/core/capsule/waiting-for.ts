import type { TemplateStore } from "../ports/templates.ts";
import type { CapsuleRecord } from "./record.ts";

/** The row, and of a capsule that cannot boot before its template is built how far that is, in words. Nothing of it is stored. */
export async function withWaiting(
  deps: { readonly templates: Pick<TemplateStore, "find"> },
  record: CapsuleRecord,
): Promise<CapsuleRecord> {
  if (record.state !== "pending" || record.snapshotId !== null) return record;
  const template = await deps.templates.find(record.template);
  if (template?.state !== "building") return record;
  const { progress } = template;
  const far = progress === null ? "" : `: ${Math.floor(progress.fraction * 100)} %, ${progress.step}`;
  return { ...record, message: `Its template ${record.template} is being built, which is done once${far}.` };
}
