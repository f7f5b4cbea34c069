import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A program of C, compiled without any library that it would need where it runs: all that an image from scratch has. */
export function staticProgram(source: string): Buffer {
  const dir = mkdtempSync(join(tmpdir(), "capsuled-static-"));
  try {
    const file = join(dir, "program");
    execFileSync("cc", ["-static", "-O1", "-Wall", "-Werror", "-x", "c", "-", "-o", file], { input: source, stdio: "pipe" });
    return readFileSync(file);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Prints who it runs as, on one line: `uid gid groups`, where it is, and variables. */
export const WHO = `
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#define OR(text) (text == NULL ? "-" : text)
int main(void) {
  gid_t groups[64];
  char path[4096];
  int count = getgroups(64, groups);
  printf("%d %d [", (int)getuid(), (int)getgid());
  for (int n = 0; n < count; n += 1) printf("%s%d", n == 0 ? "" : ",", (int)groups[n]);
  printf("] %s HOME=%s USER=%s\\n", OR(getcwd(path, sizeof path)), OR(getenv("HOME")), OR(getenv("USER")));
  return 0;
}
`;
