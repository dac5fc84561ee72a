/** Below the list of commands in `office --help`. */
export const HELP = `
A plan that needs nothing but this machine:
  office check plan.yaml                  what would run, and in which order
  office run plan.yaml                    run it here, with a database that comes along
  office run plan.yaml --json > log       one JSON event a line, for other programs

A service that plans are handed to:
  office up                               start it: database, API and worker; Ctrl-C stops it
  office submit plan.yaml --follow        hand over a plan, and watch it to its end
  office jobs --status failed,timeout     see what is to be looked after
  office logs build -f                    read along with a session, from any machine
  office cancel --task 0199c7a2           stop what is left of a plan
  office config maxConcurrentByRole.BE=1  change what an office may do at a time

Environment of commands that talk to a service:
  OFFICE_URL        where its API is (http://127.0.0.1:3001)
  OFFICE_TOKEN      the key to it (the one in OFFICE_HOME/token, where \`office up\` puts it)
  OFFICE            the office, by name or id, for commands without --office

Environment of run, up, api, worker and migrate:
  DATABASE_URL      a PostgreSQL (15 or later) of your own (one is started in OFFICE_HOME)
  DATABASE_SCHEMA   the schema of the office's tables (public)
  OFFICE_HOME       the folder for database, session output and first key (.office)
  MAX_SESSIONS      most sessions at a time on this machine (no limit but the office's)
  TICK_INTERVAL_MS  how often to look for work that nobody told of; 0 is never (5000)
  SESSION_ENV       names of variables that sessions get besides PATH, HOME and the like
  LOG_LEVEL         trace, debug, info, warn, error or silent (info)

Environment of up, api and worker alone:
  HOST              the address to listen on (127.0.0.1)
  PORT              where the API listens (3001); 0 is any free port
  SCHEDULER_PORT    where a worker serves /health and /metrics (3002); 0 is any free port
  WORKER_ID         a name for the worker, for people to read (the host's)
  PUBLIC_URL        where people reach the API, for links in messages
  ALLOWED_HOSTS     further names that the API answers to, separated by commas
  ALLOW_RUN         1 lets plans with \`run\`, a shell line, be submitted
  RETENTION_DAYS    how long finished jobs, output and events are kept; 0 is for ever (30)
  RATE_LIMIT_PER_MINUTE, WEBHOOK_ALLOW_PRIVATE, SLACK_WEBHOOK_URL, SUPABASE_URL,
  SUPABASE_SERVICE_ROLE_KEY: see docs/operating.md

Exit codes:
    0  all went well
    1  some job did not end done; the API refused, or cannot be reached; something unexpected
    2  the plan, the command line or the environment is wrong; no such job, no such office
  130  interrupted; what \`office run\` had started was stopped first
`;
