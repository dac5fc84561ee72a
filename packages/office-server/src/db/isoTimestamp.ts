/** SQL that writes a timestamptz in ISO 8601, in UTC, with its milliseconds, as the API shows it. */
export const isoTimestamp = (expression: string): string =>
  `to_char(${expression} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
