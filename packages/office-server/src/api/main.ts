/** The API process: `node api/main.ts`. See docs/operating.md. */
import { runApi } from "./runApi.ts";

runApi();
