import type { template } from "@capsuled/contract";
import type { z } from "zod";
import type { TemplateView } from "../../core/template/service.ts";
import type { TemplateSettings } from "../../core/template/settings.ts";
import { timestamp } from "./time.ts";

export function renderTemplate(view: TemplateView): z.input<typeof template> {
  const { name, type, vcpus, memoryMb, diskMb, sizeBytes, createdAt, isPlatform, settings } = view;
  return {
    name,
    type,
    ...(vcpus !== null && { vcpus }),
    ...(memoryMb !== null && { memory_mb: memoryMb }),
    ...(diskMb !== null && { disk_mb: diskMb }),
    size_bytes: sizeBytes,
    created_at: timestamp(createdAt),
    platform: isPlatform,
    ...(settings !== null && renderSettings(settings)),
  };
}

/** The values of variables are nobody's to read. */
function renderSettings({ envs, user, cwd, startCommand, readyCheck }: TemplateSettings): Partial<z.input<typeof template>> {
  return {
    env_names: Object.keys(envs),
    ...(user !== null && { user }),
    ...(cwd !== null && { cwd }),
    ...(startCommand !== null && { start_command: startCommand }),
    ...(readyCheck !== null && { ready_check: renderReadyCheck(readyCheck) }),
  };
}

function renderReadyCheck(check: NonNullable<TemplateSettings["readyCheck"]>): z.input<typeof template>["ready_check"] {
  return "port" in check
    ? { port: check.port, timeout_sec: check.timeoutSec }
    : { cmd: check.cmd, args: check.args, timeout_sec: check.timeoutSec };
}
