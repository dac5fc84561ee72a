/**
 * A process that uses the embedded server: prints its URL, then releases it when its standard input ends.
 * Arguments: the office home, and where a cluster may be relocated to.
 */
import { acquireEmbeddedPostgres } from "../../../src/db/embedded/embeddedPostgres.ts";

const [home = "", relocationFolder = ""] = process.argv.slice(2);
const server = await acquireEmbeddedPostgres(home, { relocationFolders: [relocationFolder] });
console.log(server.url);
process.stdin.resume().on("end", () => void server.release());
