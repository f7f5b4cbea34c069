import { text } from "../answer.ts";
import { route } from "../route.ts";

export const getOpenapi = route("getOpenapi", (_call, { documents }) => text("application/json; charset=utf-8", documents.openapi()));
