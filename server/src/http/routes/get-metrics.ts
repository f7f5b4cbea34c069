import { fail } from "../../core/fail.ts";
import { text } from "../answer.ts";
import type { Exchange } from "../route.ts";
import { route } from "../route.ts";

export const getMetrics = route("getMetrics", async (_call, { metrics, config }, exchange) => {
  if (!config.metricsPublic && !isLocal(exchange)) throw fail("not_found");
  const rendered = await metrics.render();
  return text(rendered.contentType, rendered.text);
});

/** A proxy on this machine speaks for others, so what it passes on is not local. */
function isLocal(exchange: Exchange): boolean {
  return !exchange.isForwarded && /^(?:::ffff:)?127\.|^::1$/.test(exchange.remoteAddress);
}
