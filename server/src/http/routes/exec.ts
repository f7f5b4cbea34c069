import { fail } from "../../core/fail.ts";
import type { ExecOutcome } from "../../core/process/service.ts";
import type { Answer } from "../answer.ts";
import { json } from "../answer.ts";
import type { Encoding } from "../render/exec-result.ts";
import { renderEnded, renderNotStarted } from "../render/exec-result.ts";
import { route } from "../route.ts";

export const exec = route("exec", async ({ caller, params, body }, { processes }, exchange) =>
  answer(await processes.exec(caller, params.id, body, exchange.clientGone(), exchange.intent), body.encoding),
);

function answer(outcome: ExecOutcome, encoding: Encoding | undefined): Answer {
  switch (outcome.kind) {
    case "ended": {
      const result = renderEnded(outcome, encoding);
      if (result.reason === "timed_out") throw fail("timeout", undefined, { details: result });
      return json(200, result);
    }
    case "not_started":
      return json(200, renderNotStarted(outcome, encoding));
    case "background":
      return json(202, { pid: outcome.started.pid, tag: outcome.started.tag, id: outcome.started.id });
  }
}
