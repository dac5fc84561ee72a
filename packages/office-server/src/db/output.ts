import type { Queryable } from "./connection.ts";

const KIBIBYTE = 1024;
const PIECE_BYTES_MAX = 64 * KIBIBYTE;
/** Of an execution's output its beginning and its newest part are kept, so much of each. */
const HEAD_BYTES = 1024 * KIBIBYTE;
const TAIL_BYTES = 1024 * KIBIBYTE;

/** A part of what a session has written. */
export interface OutputChunk {
  executionId: string;
  /** Bytes that it had written before. */
  startAt: number;
  data: Uint8Array;
}

export interface StoredPiece {
  startAt: number;
  data: Buffer;
}

/**
 * Stores what sessions have written. Of each execution the first MiB and the newest MiB are kept: older pieces of the tail
 * go as new ones come. Storing the same again changes nothing.
 */
export async function appendOutput(database: Queryable, chunks: readonly OutputChunk[]): Promise<void> {
  const pieces = chunks.flatMap(inPieces);
  await database.query(
    "append_output",
    `WITH new AS MATERIALIZED (
       SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bytea[]) AS n(execution_id, start_at, data)
     ), kept AS MATERIALIZED (
       SELECT n.execution_id, GREATEST(max(n.start_at + length(n.data)), (
           SELECT p.start_at + length(p.data) FROM job_output p
           WHERE p.execution_id = n.execution_id ORDER BY p.start_at DESC LIMIT 1
         )) - ${TAIL_BYTES} AS tail_at
       FROM new n GROUP BY n.execution_id
     ), stored AS (
       INSERT INTO job_output (execution_id, start_at, data)
       SELECT n.execution_id, n.start_at, n.data FROM new n JOIN kept k ON k.execution_id = n.execution_id
       WHERE n.start_at < ${HEAD_BYTES} OR n.start_at + length(n.data) > k.tail_at
       ON CONFLICT DO NOTHING
     )
     DELETE FROM job_output p USING kept k
     WHERE p.execution_id = k.execution_id AND p.start_at >= ${HEAD_BYTES} AND p.start_at < k.tail_at
       AND p.start_at + length(p.data) <= k.tail_at`,
    [
      pieces.map(({ executionId }) => executionId),
      pieces.map(({ startAt }) => startAt),
      pieces.map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
    ],
  );
}

const inPieces = ({ executionId, startAt, data }: OutputChunk): OutputChunk[] => {
  const pieces: OutputChunk[] = [];
  for (let from = 0; from < data.length; from += PIECE_BYTES_MAX) {
    pieces.push({ executionId, startAt: startAt + from, data: data.subarray(from, from + PIECE_BYTES_MAX) });
  }
  return pieces;
};

/** Stored pieces of an execution's output in order: those that begin at byte `from` or after it, at most `limit`. */
export async function readOutput(
  database: Queryable,
  executionId: string,
  { from, limit }: { from: number; limit: number },
): Promise<StoredPiece[]> {
  const rows = await database.query<{ start_at: string; data: Buffer }>(
    "read_output",
    "SELECT start_at, data FROM job_output WHERE execution_id = $1 AND start_at >= $2 ORDER BY start_at LIMIT $3",
    [executionId, from, limit],
  );
  return rows.map(({ start_at: startAt, data }) => ({ startAt: Number(startAt), data }));
}
