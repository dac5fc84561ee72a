import { fileURLToPath } from "node:url";
import { acquireDatabase } from "office-server/db/acquireDatabase.ts";
import { Database } from "office-server/db/connection.ts";
import { migrate } from "office-server/db/migrate.ts";
import { commandName, tokenFileOf } from "office-server/platform/clientConfig.ts";
import { type Config, readConfig } from "office-server/platform/config.ts";
import { createLogger } from "office-server/platform/log.ts";
import { makeOfficeHome } from "office-server/platform/officeHome.ts";
import { setLongTimer } from "office-server/platform/timers.ts";
import { waitUntil } from "office-server/platform/waitUntil.ts";
import { ensureFirstKey } from "office-server/services/access/keys.ts";
import { bold, dim, type Line } from "../line.ts";
import { type Output, writeLines, writeWhole } from "../output.ts";
import { logLine } from "../up/logLine.ts";
import { localUrl, portFor } from "../up/ports.ts";
import { Shutdown } from "../up/Shutdown.ts";
import { SupervisedProcess } from "../up/SupervisedProcess.ts";

export interface UpOptions {
  allowRun: boolean;
  workers: number;
  port?: number;
}

const NOTICE_MS = 500;
const NAME_WIDTH = 8;
const ANSWER = { everyMs: 50, timeoutMs: 30_000 };
const URL_DEFAULT = "http://127.0.0.1:3001";

/** `office up`: runs a whole service on this machine until it is told to stop. Returns the exit code. */
export async function up(options: UpOptions, output: Output): Promise<number> {
  const say = (text: string): void => writeWhole(output.stderr, [[dim("office:"), ` ${text}`]]);
  const config = readConfig();
  const shutdown = new Shutdown(say);
  try {
    const plan = await planService(config, options);
    if (config.databaseUrl !== null) makeOfficeHome(config.officeHome);
    // Whoever looks at an empty screen should know what for.
    const notice = setLongTimer(() => say("getting the database ready …"), NOTICE_MS);
    const onLost = (error: Error): void => {
      say(`the database is lost: ${error.message}`);
      shutdown.request(1);
    };
    const onBack = (): void => say("the database had died, and runs again");
    const postgres = await acquireDatabase(config, { onLost, onBack }).finally(() => notice.cancel());
    try {
      const key = await prepareDatabase(postgres.url, config);
      if (shutdown.wasRequested) return 0;
      return await serve({ plan, config, output, shutdown, say, key });
    } finally {
      await postgres.release();
    }
  } finally {
    shutdown.forget();
  }
}

interface ServicePlan {
  url: string;
  /** Whether plans with shell lines may be submitted. */
  allowRun: boolean;
  processes: {
    name: string;
    program: string;
    stopSignal: NodeJS.Signals;
    url: string;
    environment: Record<string, string>;
  }[];
}

/** Which processes there are to be, and where each of them listens: there again, too, when it is started again. */
async function planService(
  { host, port, schedulerPort, workerName, allowRun }: Config,
  options: UpOptions,
): Promise<ServicePlan> {
  const apiPort = await portFor("PORT", host, options.port ?? port);
  const url = localUrl(host, apiPort);
  const api = {
    name: "api",
    program: fileURLToPath(import.meta.resolve("office-server/api/main.ts")),
    stopSignal: "SIGTERM" as const,
    url: `${url}/ready`,
    environment: { PORT: String(apiPort), ...(options.allowRun && { ALLOW_RUN: "1" }) },
  };
  const workers = [];
  for (let number = 1; number <= options.workers; number++) {
    const healthPort = await portFor("SCHEDULER_PORT", host, number === 1 ? schedulerPort : 0);
    workers.push({
      name: options.workers === 1 ? "worker" : `worker ${number}`,
      program: fileURLToPath(import.meta.resolve("office-server/workers/scheduler.ts")),
      // Its sessions end with it: whoever presses Ctrl-C does not expect any to go on.
      stopSignal: "SIGQUIT" as const,
      url: `${localUrl(host, healthPort)}/health`,
      environment: {
        PORT: String(apiPort),
        SCHEDULER_PORT: String(healthPort),
        ...(workerName !== null && number > 1 && { WORKER_ID: `${workerName}-${number}` }),
      },
    });
  }
  return { url, allowRun: allowRun || options.allowRun, processes: [api, ...workers] };
}

/** Brings the database up to date, and has a first key in the office home. */
async function prepareDatabase(url: string, config: Config): Promise<{ token: string; created: boolean }> {
  const { databaseSchema: schema, officeHome } = config;
  await migrate(url, { schema });
  const database = new Database({ connectionString: url, schema, connectionsMax: 1 });
  try {
    return await ensureFirstKey(database, officeHome, createLogger("warn"));
  } finally {
    await database.close();
  }
}

interface Serving {
  plan: ServicePlan;
  config: Config;
  output: Output;
  shutdown: Shutdown;
  say: (text: string) => void;
  key: { token: string; created: boolean };
}

async function serve({ plan, config, output, shutdown, say, key }: Serving): Promise<number> {
  const processes = plan.processes.map(
    ({ name, program, stopSignal, environment }) =>
      new SupervisedProcess({
        name,
        program,
        stopSignal,
        environment: { ...config.environment, ...environment },
        onLine: (line) => writeWhole(output.stderr, [logLine(name, line, NAME_WIDTH)]),
        onNotice: say,
        onHopeless: (exitCode) => shutdown.request(exitCode),
      }),
  );
  for (const one of processes) one.start();
  const started = Promise.all(
    processes.map(async (one, index) => {
      await one.ready;
      await answers(plan.processes[index]?.url ?? plan.url);
    }),
  );
  const first = await Promise.race([started, shutdown.requested]);
  if (Array.isArray(first)) writeLines(output.stdout, banner(plan, config, key));
  const exitCode = await shutdown.requested;
  await shutdown.stop(processes);
  return exitCode;
}

/** Resolves when an address answers that all is well, or when it has not for a long time: then its log tells why. */
async function answers(url: string): Promise<void> {
  await waitUntil(async () => ((await fetch(url).catch(() => null))?.ok === true ? true : null), ANSWER);
}

function banner(
  { url, processes, allowRun }: ServicePlan,
  config: Config,
  key: { token: string; created: boolean },
): Line[] {
  const office = commandName();
  const elsewhere = url === URL_DEFAULT ? "" : `OFFICE_URL=${url} `;
  const workers = processes.length - 1;
  return [
    [],
    [bold("The office is open at "), bold(url), dim(` (${url}/docs explains its API)`)],
    [dim("  key          "), key.created ? key.token : `in ${tokenFileOf(config.officeHome)}`],
    ...(key.created ? [[dim("               "), dim(`kept in ${tokenFileOf(config.officeHome)}`)]] : []),
    [dim("  workers      "), String(workers)],
    [dim("  shell lines  "), allowRun ? "taken" : dim("refused; --allow-run lets plans with `run` in")],
    [dim("  hand it work "), `${elsewhere}${office} submit plan.yaml --follow`],
    [dim("  stop it      "), "Ctrl-C"],
    [],
  ];
}
