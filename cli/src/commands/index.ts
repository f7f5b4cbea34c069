import type { Command } from "../command.ts";
import * as capsules from "./capsules.ts";
import { completion } from "./completion.ts";
import { doctor } from "./doctor.ts";
import * as endpoints from "./endpoints.ts";
import * as processes from "./processes.ts";
import { cp } from "./files.ts";
import { forward } from "./forward.ts";
import { imagesRm, imagesUpload } from "./images.ts";
import { run } from "./run.ts";
import { start, stop } from "./server.ts";
import * as servers from "./servers.ts";
import { templatesBuild, templatesLogs } from "./build-template.ts";
import * as templates from "./templates.ts";
import * as team from "./team.ts";
import { watch } from "./watch.ts";

/** Every command, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  run,
  capsules.create,
  capsules.ls,
  capsules.info,
  processes.exec,
  processes.shell,
  processes.ps,
  processes.logs,
  processes.kill,
  capsules.pause,
  capsules.resume,
  capsules.halt,
  capsules.boot,
  capsules.ping,
  capsules.network,
  cp,
  watch,
  forward,
  templates.snapshot,
  templates.fork,
  templatesBuild,
  templatesLogs,
  templates.templatesLs,
  templates.templatesRm,
  imagesUpload,
  imagesRm,
  capsules.rm,
  endpoints.endpointsLs,
  endpoints.endpointsApply,
  endpoints.endpointsCall,
  endpoints.endpointsRm,
  endpoints.runs,
  endpoints.runsLogs,
  endpoints.runsCancel,
  team.events,
  team.keysLs,
  team.keysCreate,
  team.keysRevoke,
  team.teamsLs,
  team.teamsCreate,
  servers.serversLs,
  servers.serversAdd,
  servers.serversRm,
  start,
  stop,
  doctor,
  completion,
];
