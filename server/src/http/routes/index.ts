import type { Route, RouteTable } from "../route.ts";
import { createCapsule } from "./create-capsule.ts";
import { listCapsules } from "./list-capsules.ts";
import { getCapsule } from "./get-capsule.ts";
import { destroyCapsule } from "./destroy-capsule.ts";
import { pauseCapsule } from "./pause-capsule.ts";
import { resumeCapsule } from "./resume-capsule.ts";
import { stopCapsule } from "./stop-capsule.ts";
import { startCapsule } from "./start-capsule.ts";
import { getCapsuleNetwork } from "./get-capsule-network.ts";
import { setCapsuleNetwork } from "./set-capsule-network.ts";
import { pingCapsule } from "./ping-capsule.ts";
import { exec } from "./exec.ts";
import { execStream } from "./exec-stream.ts";
import { listProcesses } from "./list-processes.ts";
import { killProcess } from "./kill-process.ts";
import { streamProcess } from "./stream-process.ts";
import { getProcess } from "./get-process.ts";
import { getProcessOutput } from "./get-process-output.ts";
import { createPortUrl } from "./create-port-url.ts";
import { listPorts } from "./list-ports.ts";
import { setPortAccess } from "./set-port-access.ts";
import { openTerminal } from "./open-terminal.ts";
import { writeFile } from "./write-file.ts";
import { streamWriteFile } from "./stream-write-file.ts";
import { readFile } from "./read-file.ts";
import { streamReadFile } from "./stream-read-file.ts";
import { downloadFile } from "./download-file.ts";
import { listFiles } from "./list-files.ts";
import { watchFiles } from "./watch-files.ts";
import { streamFileChanges } from "./stream-file-changes.ts";
import { statFile } from "./stat-file.ts";
import { makeDirectory } from "./make-directory.ts";
import { removeFile } from "./remove-file.ts";
import { getCapsuleMetrics } from "./get-capsule-metrics.ts";
import { getCapsuleStats } from "./get-capsule-stats.ts";
import { getUsage } from "./get-usage.ts";
import { createSnapshot } from "./create-snapshot.ts";
import { listSnapshots } from "./list-snapshots.ts";
import { deleteSnapshot } from "./delete-snapshot.ts";
import { createTemplate } from "./create-template.ts";
import { listTemplateBuilds } from "./list-template-builds.ts";
import { getTemplateBuild } from "./get-template-build.ts";
import { streamTemplateBuild } from "./stream-template-build.ts";
import { cancelTemplateBuild } from "./cancel-template-build.ts";
import { uploadImage } from "./upload-image.ts";
import { deleteImage } from "./delete-image.ts";
import { forkCapsule } from "./fork-capsule.ts";
import { moveFile } from "./move-file.ts";
import { copyFile } from "./copy-file.ts";
import { changeFileMode } from "./change-file-mode.ts";
import { readArchive } from "./read-archive.ts";
import { downloadArchive } from "./download-archive.ts";
import { writeArchive } from "./write-archive.ts";
import { listEvents } from "./list-events.ts";
import { streamEvents } from "./stream-events.ts";
import { listEndpoints } from "./list-endpoints.ts";
import { putEndpoint } from "./put-endpoint.ts";
import { getEndpoint } from "./get-endpoint.ts";
import { deleteEndpoint } from "./delete-endpoint.ts";
import { importEndpoints } from "./import-endpoints.ts";
import { pauseEndpointSchedule } from "./pause-endpoint-schedule.ts";
import { resumeEndpointSchedule } from "./resume-endpoint-schedule.ts";
import { callEndpoint } from "./call-endpoint.ts";
import { listRuns } from "./list-runs.ts";
import { getRun } from "./get-run.ts";
import { streamRun } from "./stream-run.ts";
import { getRunOutput } from "./get-run-output.ts";
import { cancelRun } from "./cancel-run.ts";
import { createTicket } from "./create-ticket.ts";
import { getTeamBadge } from "./get-team-badge.ts";
import { getEndpointBadge } from "./get-endpoint-badge.ts";
import { listKeys } from "./list-keys.ts";
import { createKey } from "./create-key.ts";
import { revokeKey } from "./revoke-key.ts";
import { listTeams } from "./list-teams.ts";
import { createTeam } from "./create-team.ts";
import { getHealth } from "./get-health.ts";
import { getMetrics } from "./get-metrics.ts";
import { getOpenapi } from "./get-openapi.ts";
import { getDocs } from "./get-docs.ts";

/** Every operation's route, by its id: an operation without a file here does not compile. */
export const ROUTES = {
  createCapsule,
  listCapsules,
  getCapsule,
  destroyCapsule,
  pauseCapsule,
  resumeCapsule,
  stopCapsule,
  startCapsule,
  getCapsuleNetwork,
  setCapsuleNetwork,
  pingCapsule,
  exec,
  execStream,
  listProcesses,
  killProcess,
  streamProcess,
  getProcess,
  getProcessOutput,
  openTerminal,
  writeFile,
  streamWriteFile,
  readFile,
  streamReadFile,
  downloadFile,
  listFiles,
  watchFiles,
  streamFileChanges,
  statFile,
  makeDirectory,
  removeFile,
  getCapsuleMetrics,
  getCapsuleStats,
  getUsage,
  createSnapshot,
  listSnapshots,
  deleteSnapshot,
  createTemplate,
  listTemplateBuilds,
  getTemplateBuild,
  streamTemplateBuild,
  cancelTemplateBuild,
  uploadImage,
  deleteImage,
  forkCapsule,
  moveFile,
  copyFile,
  changeFileMode,
  listPorts,
  setPortAccess,
  createPortUrl,
  readArchive,
  downloadArchive,
  writeArchive,
  listEvents,
  streamEvents,
  listEndpoints,
  putEndpoint,
  getEndpoint,
  deleteEndpoint,
  importEndpoints,
  pauseEndpointSchedule,
  resumeEndpointSchedule,
  callEndpoint,
  listRuns,
  getRun,
  streamRun,
  getRunOutput,
  cancelRun,
  createTicket,
  getTeamBadge,
  getEndpointBadge,
  listKeys,
  createKey,
  revokeKey,
  listTeams,
  createTeam,
  getHealth,
  getMetrics,
  getOpenapi,
  getDocs,
} as const satisfies RouteTable;

export const ROUTE_LIST: readonly Route[] = Object.values(ROUTES);
