import type { ApiClient, RequestOf } from "office-contract/api/client.ts";
import { PAGE_SIZE_MAX } from "office-contract/api/fields.ts";
import type { Job } from "office-contract/api/jobs.ts";

type Query = NonNullable<RequestOf<"listJobs">["query"]>;

/** An office's jobs, the newest task first, page by page; `more` says whether another page follows. */
export async function* jobPages(
  client: ApiClient,
  officeId: string,
  filter: Query = {},
): AsyncGenerator<{ jobs: Job[]; more: boolean }> {
  let cursor: string | undefined;
  do {
    const query = { limit: PAGE_SIZE_MAX, ...filter, ...(cursor !== undefined && { cursor }) };
    const page = await client.call("listJobs", { params: { officeId }, query });
    cursor = page.next_cursor ?? undefined;
    yield { jobs: page.jobs, more: cursor !== undefined };
  } while (cursor !== undefined);
}
