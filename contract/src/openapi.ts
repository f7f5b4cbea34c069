export function renderOpenapi(version: string): { openapi: string; info: { version: string } } { return { openapi: "3.1.0", info: { version } }; }
