export interface DocsPage { readonly html: string; readonly contentSecurityPolicy: string }
export function renderDocsPage(_document: unknown): DocsPage { return { html: "", contentSecurityPolicy: "" }; }
