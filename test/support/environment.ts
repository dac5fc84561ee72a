/** Tests see the same environment wherever they run: neither a developer's office nor a build server's terminal. */
const PRIVATE =
  /^(CI|NO_COLOR|FORCE_COLOR|DATABASE_\w+|OFFICE(_\w+)?|PORT|HOST|LOG_LEVEL|MAX_SESSIONS|TICK_INTERVAL_MS|SESSION_ENV)$/;

for (const name of Object.keys(process.env).filter((key) => PRIVATE.test(key))) delete process.env[name];
