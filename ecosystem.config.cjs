// The API and the workers under PM2: `npm run pm2:start`. See docs/operating.md.
const { join, resolve } = require("node:path");

const home = resolve(process.env.OFFICE_HOME || ".office");
const workers = Number(process.env.WORKERS || 1);
const logs = join(home, "logs");

const common = {
  cwd: __dirname,
  interpreter: join(__dirname, "node_modules/node/bin/node"),
  exec_mode: "fork",
  env: { OFFICE_HOME: home },

  // It is up when it says so, and stays down for longer each time that it falls over.
  wait_ready: true,
  listen_timeout: 60_000,
  exp_backoff_restart_delay: 100,

  // A worker that ends leaves its sessions to the next one. They are processes of their own, and none of PM2's business.
  kill_timeout: 20_000,
  treekill: false,

  // Nothing but the program itself: no agent of PM2 in it, no git looked at.
  pmx: false,
  automation: false,
  vizion: false,
  disable_source_map_support: true,
};

/** Each line is a JSON object and has its time in it. */
const logTo = (name) => ({
  merge_logs: true,
  out_file: "/dev/null",
  error_file: join(logs, `${name}.log`),
});

module.exports = {
  apps: [
    {
      ...common,
      ...logTo("api"),
      name: "office-api",
      script: join(__dirname, "packages/office-server/src/api/main.ts"),
      max_memory_restart: "1G",
    },
    {
      ...common,
      ...logTo("worker"),
      name: "office-worker",
      script: join(__dirname, "packages/office-server/src/workers/scheduler.ts"),
      instances: workers,
      env: { ...common.env, SCHEDULER_PORT: process.env.SCHEDULER_PORT || "3002" },
      // Each one has a port of its own for its health.
      ...(workers > 1 && { increment_var: "SCHEDULER_PORT" }),
      max_memory_restart: "1G",
    },
  ],
};
