/** Measures what the scheduler promises. Usage: npm run bench [-- NAME...]; the names are those of MEASUREMENTS. */
import { cpus, release, totalmem } from "node:os";
import { api } from "./api.ts";
import { chain } from "./chain.ts";
import { claimCost } from "./claimCost.ts";
import type { Figure } from "./figures.ts";
import { graphCost } from "./graphCost.ts";
import { heldTransaction } from "./heldTransaction.ts";
import { rescue } from "./rescue.ts";
import { retention } from "./retention.ts";
import { sessions } from "./sessions.ts";
import { startup } from "./startup.ts";
import { throughput } from "./throughput.ts";
import { BenchServer } from "./world.ts";

const MEASUREMENTS: Readonly<Record<string, (server: BenchServer) => Promise<Figure[]>>> = {
  startup,
  graph: graphCost,
  chain,
  sessions,
  claim: claimCost,
  throughput,
  retention,
  api,
  held: heldTransaction,
  rescue,
};

const chosen = process.argv.slice(2);
const unknown = chosen.find((name) => !Object.hasOwn(MEASUREMENTS, name));
if (unknown !== undefined) {
  console.error(`There is no measurement "${unknown}". There are: ${Object.keys(MEASUREMENTS).join(", ")}`);
  process.exit(2);
}

const server = await BenchServer.start();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, interrupt);
try {
  const [cpu] = cpus();
  console.log(
    `${cpus().length} x ${cpu?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}`,
  );
  console.log(`PostgreSQL ${await server.describeSettings()}\n`);
  const all: Figure[] = [];
  for (const [name, measure] of Object.entries(MEASUREMENTS)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    for (const figure of await measure(server)) {
      print(figure);
      all.push(figure);
    }
  }
  const missed = all.filter(({ target }) => target?.reached === false);
  console.log(missed.length === 0 ? "\nAll targets reached." : `\n${missed.length} targets missed.`);
} finally {
  await server.stop();
}

function interrupt(): void {
  // Measurements fail now, since their server goes.
  process.on("uncaughtException", () => {});
  void server
    .stop()
    .catch(console.error)
    .finally(() => process.exit(130));
}

function print({ name, value, target }: Figure): void {
  const verdict = target === undefined ? "" : `${target.text.padEnd(16)} ${target.reached ? "reached" : "MISSED"}`;
  console.log(`${name.padEnd(62)} ${value.padEnd(22)} ${verdict}`.trimEnd());
}
