import type { Sealer } from "../ports/sealer.ts";
import type { Template } from "../ports/templates.ts";
import type { TemplateRecord } from "./record.ts";
import type { TemplateView } from "./service.ts";
import { openSettings } from "./settings.ts";

export function viewOf(deps: { readonly sealer: Sealer }, record: TemplateRecord): TemplateView {
  if (record.name === null) throw new Error(`the template ${record.id} has no name and is nobody's to see`);
  const { name, vcpus, memoryMb, diskMb, sizeBytes, createdAt } = record;
  const settings = openSettings(deps.sealer, record.sealedSettings, record.id);
  return { name, type: "snapshot", isPlatform: false, vcpus, memoryMb, diskMb, sizeBytes, createdAt, settings };
}

/** A built-in one; `null` while it is not built. */
export function platformView({ name, state, sizeBytes, builtAt }: Template): TemplateView | null {
  if (state !== "ready" || builtAt === null) return null;
  const plain = { vcpus: null, memoryMb: null, diskMb: null, settings: null };
  return { name, type: "base", isPlatform: true, ...plain, sizeBytes: sizeBytes ?? 0, createdAt: builtAt };
}
