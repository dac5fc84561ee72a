import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { bootTimeMs } from "office-server/platform/clock.ts";
import type { Call, HistoryRecord } from "./records.ts";

/** What one client did and was told, in a file of its own: a JSON object a line. */
export class HistoryWriter {
  readonly client: string;
  readonly records: HistoryRecord[] = [];
  readonly #path: string;

  constructor(folder: string, client: string) {
    this.client = client;
    this.#path = join(folder, `${client}.jsonl`);
  }

  write(record: HistoryRecord): void {
    this.records.push(record);
    appendFileSync(this.#path, `${JSON.stringify(record)}\n`);
  }

  /** Makes a call, and writes down how it went. `refusal` says what an error means that is an answer; null: it is none. */
  async call<T>(
    about: Pick<Call, "name" | "officeId" | "request">,
    make: () => Promise<T>,
    refusal: (error: unknown) => unknown,
  ): Promise<Call> {
    const invokedMs = bootTimeMs();
    const common = { kind: "call" as const, client: this.client, ...about, invokedMs };
    let call: Call;
    try {
      const answer = await make();
      call = { ...common, answeredMs: bootTimeMs(), outcome: "ok", answer };
    } catch (error) {
      const answer = refusal(error);
      call =
        answer === null
          ? { ...common, answeredMs: null, outcome: "unknown", answer: (error as Error).message }
          : { ...common, answeredMs: bootTimeMs(), outcome: "refused", answer };
    }
    this.write(call);
    return call;
  }
}
