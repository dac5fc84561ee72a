/** The worker process: `node workers/scheduler.ts`. See docs/operating.md. */
import { runWorker } from "./runWorker.ts";

runWorker();
