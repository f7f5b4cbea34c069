import { text } from "../answer.ts";
import { route } from "../route.ts";

export const getDocs = route("getDocs", (_call, { documents }) => {
  const { html, contentSecurityPolicy } = documents.docs();
  return text("text/html; charset=utf-8", html, { "content-security-policy": contentSecurityPolicy });
});
