import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { type Figure, median } from "./figures.ts";

const RUNS = 20;
const root = join(import.meta.dirname, "..");
const main = join(root, "packages/office-cli/src/main.ts");

const commands: [string, string[]][] = [
  ["node -e 0", [process.execPath, "-e", "0"]],
  ["node main.ts --help", [process.execPath, main, "--help"]],
  ["office --help", [join(root, "office"), "--help"]],
];

function measureMs([program = "", ...args]: string[]): number {
  const start = performance.now();
  execFileSync(program, args, { stdio: "ignore" });
  return performance.now() - start;
}

/** What a user waits for before `office` does anything, beside what Node itself needs. */
export function startup(): Promise<Figure[]> {
  // Taken in turn, so that a busy moment of the machine hits all of them.
  const times = new Map<string, number[]>(commands.map(([name]) => [name, []]));
  for (let run = 0; run <= RUNS; run++) {
    for (const [name, command] of commands) {
      const timeMs = measureMs(command);
      // The first run fills the caches.
      if (run > 0) times.get(name)?.push(timeMs);
    }
  }

  const baseMs = median(times.get("node -e 0") ?? []);
  const figures = [...times].map(([name, values]) => {
    const timeMs = median(values);
    return { name: `start of ${name}`, value: `${timeMs.toFixed(1)} ms (${(timeMs / baseMs).toFixed(2)}x)` };
  });
  return Promise.resolve(figures);
}
