/** Upper bounds on what one request or plan may carry. Everything that is counted has a limit. */

export const JOBS_MAX = 10_000;
export const EDGES_MAX = 50_000;
/** Bytes of a plan file. */
export const PLAN_BYTES_MAX = 32 * 1024 * 1024;
/** Characters; `job_queue.title` is a varchar(200). */
export const TITLE_LENGTH_MAX = 200;
export const KEY_LENGTH_MAX = 200;
export const ROLE_LENGTH_MAX = 100;
export const OFFICE_NAME_LENGTH_MAX = 200;
/** Characters of a prompt, a command line argument, an environment value. */
export const TEXT_LENGTH_MAX = 1_000_000;
/** PostgreSQL's `integer`. */
export const PRIORITY_MIN = -2_147_483_648;
export const PRIORITY_MAX = 2_147_483_647;
/** One year: longer than any session, and far from where timestamps overflow. */
export const DURATION_MS_MAX = 366 * 24 * 60 * 60 * 1000;
export const CONCURRENCY_MAX = 10_000;
export const RETRIES_MAX = 100;
