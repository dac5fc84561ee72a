import { execFile, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";

const launcher = join(import.meta.dirname, "../../../office");

/** Does what the launcher relies on from npm: the product's own Node, and the file that is written last. */
const NPM = `#!/bin/sh
echo "$*" >>"$NPM_CALLS"
rm -rf node_modules
mkdir -p node_modules/node/bin
ln -s "$REAL_NODE" node_modules/node/bin/node
echo {} >node_modules/.package-lock.json
`;

const MAIN = `console.log(JSON.stringify({ args: process.argv.slice(2), cwd: process.cwd(), typed: process.env.OFFICE_COMMAND }));`;

/** A repository in which only the launcher is real. */
function setup({ npm = NPM }: { npm?: string | null } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "office-launcher-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const root = join(folder, "repository");
  const bin = join(folder, "bin");
  mkdirSync(join(root, "packages/office-cli/src"), { recursive: true });
  mkdirSync(bin);
  copyFileSync(launcher, join(root, "office"));
  writeFileSync(join(root, "package-lock.json"), "{}");
  writeFileSync(join(root, "packages/office-cli/src/main.ts"), MAIN);
  for (const tool of ["sh", "ln", "rm", "mkdir", "cat", "cksum", "readlink", "sleep"]) {
    symlinkSync(spawnSync("sh", ["-c", `command -v ${tool}`], { encoding: "utf8" }).stdout.trim(), join(bin, tool));
  }
  if (npm !== null) writeFileSync(join(bin, "npm"), npm);
  if (npm !== null) chmodSync(join(bin, "npm"), 0o755);
  const calls = join(folder, "calls");
  const env = { PATH: bin, NPM_CALLS: calls, REAL_NODE: process.execPath };
  writeFileSync(calls, "");
  return {
    folder,
    root,
    bin,
    office: (args: string[] = [], program = join(root, "office"), cwd = folder) =>
      spawnSync(program, args, { encoding: "utf8", env, cwd }),
    officeAtOnce: () => promisify(execFile)(join(root, "office"), [], { env }),
    installations: (): number => readFileSync(calls, "utf8").split("\n").length - 1,
    /** As git does when it writes the file: newer than whatever was installed before. */
    writeLockfile(content: string): void {
      const path = join(root, "package-lock.json");
      writeFileSync(path, content);
      const later = new Date(Date.now() + 60_000);
      utimesSync(path, later, later);
    },
  };
}

test("installs on first use, says so on standard error, and passes everything on", () => {
  const { office, folder, installations } = setup();
  const first = office(["run", "a plan.yaml", "", "$HOME"]);
  expect(JSON.parse(first.stdout)).toMatchObject({ args: ["run", "a plan.yaml", "", "$HOME"], cwd: folder });
  expect(first.stderr).toBe("office: installing what is missing; this takes a moment, and only the first time\n");
  expect(office()).toMatchObject({ status: 0, stderr: "" });
  expect(installations()).toBe(1);
});

test("is found through links, from any folder", () => {
  const { office, folder, root } = setup();
  symlinkSync("repository/office", join(folder, "relative"));
  symlinkSync(join(folder, "relative"), join(root, "absolute"));
  const { stdout, status } = office(["check"], join(root, "absolute"), tmpdir());
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ args: ["check"] });
});

test("knows what was typed: a path as it is, and a bare name where it was found by PATH", () => {
  const { office, root, bin } = setup();
  const typed = (program: string, cwd: string): unknown => JSON.parse(office([], program, cwd).stdout).typed;
  expect(typed(join(root, "office"), root)).toBe(join(root, "office"));
  expect(typed("./office", root)).toBe("./office");
  expect(typed("../office", join(root, "packages"))).toBe("../office");
  symlinkSync(join(root, "office"), join(bin, "office"));
  expect(typed("office", root)).toBe("office");
});

test("installs again when the lock file has changed, and not when only its time has", () => {
  const { office, writeLockfile, installations } = setup();
  office();
  writeLockfile("{}");
  office();
  expect(installations()).toBe(1);
  writeLockfile('{"changed":true}');
  expect(office().status).toBe(0);
  expect(installations()).toBe(2);
});

test("an installation by hand is good enough", () => {
  const { office, root, installations } = setup();
  mkdirSync(join(root, "node_modules/node/bin"), { recursive: true });
  symlinkSync(process.execPath, join(root, "node_modules/node/bin/node"));
  writeFileSync(join(root, "node_modules/.package-lock.json"), "{}");
  expect(office()).toMatchObject({ status: 0, stderr: "" });
  expect(installations()).toBe(0);
});

test("of two at once one installs, and the other waits for it", async () => {
  const { officeAtOnce, installations } = setup();
  await Promise.all([officeAtOnce(), officeAtOnce()]);
  expect(installations()).toBe(1);
});

test("an installation whose process is gone is in nobody's way", () => {
  const { office, root, installations } = setup();
  const { pid } = spawnSync("true");
  symlinkSync(String(pid), join(root, ".office-install"));
  expect(office().status).toBe(0);
  expect(installations()).toBe(1);
});

test("a failed installation shows what npm said, ends with 1, and is tried again", () => {
  const { office } = setup({ npm: "#!/bin/sh\necho 'no network'; exit 7\n" });
  for (const attempt of [1, 2]) {
    const { status, stdout, stderr } = office();
    expect({ attempt, status, stdout }).toEqual({ attempt, status: 1, stdout: "" });
    expect(stderr).toContain("no network\noffice: the installation failed");
  }
});

test("without npm it says what is needed", () => {
  const { office } = setup({ npm: null });
  expect(office()).toMatchObject({ status: 1, stdout: "" });
  expect(office().stderr).toContain("npm is needed");
});

test("when npm runs no scripts it says how to let it", () => {
  const { office } = setup({ npm: "#!/bin/sh\nmkdir -p node_modules\n" });
  const { status, stderr } = office();
  expect(status).toBe(1);
  expect(stderr).toContain("npm ci --ignore-scripts=false");
});
