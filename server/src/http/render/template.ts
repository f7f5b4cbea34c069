import type { template } from "@capsuled/contract";
import type { z } from "zod";
import type { TemplateView } from "../../core/template/service.ts";
import { timestamp } from "./time.ts";

export function renderTemplate(view: TemplateView): z.input<typeof template> {
  const { name, type, vcpus, memoryMb, diskMb, sizeBytes, createdAt, isPlatform } = view;
  return {
    name,
    type,
    ...(vcpus !== null && { vcpus }),
    ...(memoryMb !== null && { memory_mb: memoryMb }),
    ...(diskMb !== null && { disk_mb: diskMb }),
    size_bytes: sizeBytes,
    created_at: timestamp(createdAt),
    platform: isPlatform,
  };
}
