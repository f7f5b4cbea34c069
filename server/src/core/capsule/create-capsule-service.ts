import { byKey } from "../event/actor.ts";
import { createCapsule } from "./create.ts";
import type { CapsuleDeps } from "./deps.ts";
import { destroyCapsule } from "./destroy.ts";
import { listCapsules, withActivity } from "./list.ts";
import { readNetwork } from "./network/read.ts";
import { setNetwork } from "./network/set.ts";
import { orAlready } from "./or-already.ts";
import { findNamedId, ownedCapsule } from "./owned.ts";
import { pauseCapsule } from "./pause.ts";
import { pingCapsule } from "./ping.ts";
import { resumeCapsule } from "./resume.ts";
import type { CapsuleService } from "./service.ts";
import { startCapsule } from "./start.ts";
import { stopCapsule } from "./stop.ts";
import { withWaiting } from "./waiting-for.ts";

/** The use cases of a capsule's life over one set of dependencies. */
export function createCapsuleService(deps: CapsuleDeps): CapsuleService {
  return {
    async create(principal, input, options) {
      const created = await createCapsule(deps, principal, input, options);
      return { ...created, record: await withWaiting(deps, created.record) };
    },
    async get(principal, id) {
      return withWaiting(deps, withActivity(deps, await ownedCapsule(deps.store, principal, id)));
    },
    findId: (principal, name) => findNamedId(deps.store, principal, name),
    list: (principal, input) => listCapsules(deps, principal, input),
    pause: (principal, id, intent) => orAlready(deps, principal, id, ["paused"], intent, () => pauseCapsule(deps, principal, id)),
    resume: (principal, id, waitMs, intent) =>
      orAlready(deps, principal, id, ["running"], intent, () => resumeCapsule(deps, principal, id, waitMs)),
    stop: (principal, id, intent) => orAlready(deps, principal, id, ["stopped"], intent, () => stopCapsule(deps, principal, id)),
    start: (principal, id, waitMs, intent) =>
      orAlready(deps, principal, id, ["pending", "starting", "running"], intent, () => startCapsule(deps, principal, id, waitMs)),
    async destroy(principal, id) {
      await ownedCapsule(deps.store, principal, id);
      await destroyCapsule(deps, id, byKey(principal));
    },
    readNetwork: (principal, id, withDecisions) => readNetwork(deps, principal, id, withDecisions),
    setNetwork: (principal, id, input) => setNetwork(deps, principal, id, input),
    ping: (principal, id) => pingCapsule(deps, principal, id),
  };
}
