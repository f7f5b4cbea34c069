import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { testPython } from "../../acceptance/harness/pytest.ts";

/** The oldest version that pyproject.toml promises. */
const OLDEST = "3.10";
/** What checks but does not run with the SDK. */
const NOT_RUN = /^(?:hatchling|mypy|mypy_extensions|pathspec|ruff|trove-classifiers)==/;

const PIP = fileURLToPath(new URL(".venv/bin/pip", import.meta.url));
const REQUIREMENTS = fileURLToPath(new URL("requirements-dev.txt", import.meta.url));

/** An interpreter of that version: on the PATH, or one that pyenv or uv has installed. */
function findOldest(): string | null {
  const folders = [join(homedir(), ".pyenv/versions"), join(homedir(), ".local/share/uv/python")].filter((folder) => existsSync(folder));
  const installed = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.replace("cpython-", "").startsWith(`${OLDEST}.`))
      .map((name) => join(folder, name, `bin/python${OLDEST}`)),
  );
  return [`python${OLDEST}`, ...installed].find((program) => runs(program)) ?? null;
}

/** A name on the PATH may be one that only says what could be installed. */
function runs(program: string): boolean {
  try {
    execFileSync(program, ["-c", `import ensurepip, sys, venv; assert "%d.%d" % sys.version_info[:2] == "${OLDEST}"`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const oldest = findOldest();
const skip = oldest === null && `no Python ${OLDEST} on this host; scripts/check looks at the source as ${OLDEST} would, by mypy and ruff`;

test(`the Python SDK without a server, by Python ${OLDEST}, the oldest that it supports`, { timeout: 300_000, skip }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "capsuled-oldest-python-"));
  try {
    const [venv, pins] = [join(dir, "venv"), join(dir, "requirements.txt")];
    const lines = readFileSync(REQUIREMENTS, "utf8").split("\n");
    writeFileSync(pins, lines.filter((line) => !NOT_RUN.test(line)).join("\n"));
    execFileSync(oldest ?? "", ["-m", "venv", "--without-pip", venv]);
    const python = join(venv, "bin/python");
    execFileSync(PIP, ["--python", python, "--disable-pip-version-check", "install", "--quiet", "--no-compile", "-r", pins], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    await testPython(t, "not server", {}, python);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
