import type { Template } from "../ports/templates.ts";
import type { TemplateRecord } from "./record.ts";
import type { TemplateView } from "./service.ts";

export function viewOf(record: TemplateRecord): TemplateView {
  if (record.name === null) throw new Error(`the template ${record.id} has no name and is nobody's to see`);
  const { name, vcpus, memoryMb, diskMb, sizeBytes, createdAt } = record;
  return { name, type: "snapshot", isPlatform: false, vcpus, memoryMb, diskMb, sizeBytes, createdAt };
}

/** A built-in one; `null` while it is not built. */
export function platformView({ name, state, sizeBytes, builtAt }: Template): TemplateView | null {
  if (state !== "ready" || builtAt === null) return null;
  return { name, type: "base", isPlatform: true, vcpus: null, memoryMb: null, diskMb: null, sizeBytes: sizeBytes ?? 0, createdAt: builtAt };
}
