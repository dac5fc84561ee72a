/** One line of the bench's table. */
export interface Figure {
  name: string;
  value: string;
  /** What it should be; absent for figures that are only stated. */
  target?: { text: string; reached: boolean };
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** The value that a share of all values does not exceed (nearest rank). */
export const percentile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(Math.ceil(share * sorted.length) - 1, 0)] ?? Number.NaN;
};

export const atLeast = (value: number, least: number, text: string): Figure["target"] & object => ({
  text: `≥ ${text}`,
  reached: value >= least,
});

export const atMost = (value: number, most: number, text: string): Figure["target"] & object => ({
  text: `≤ ${text}`,
  reached: value <= most,
});

export const perSecond = (rate: number): string => `${Math.round(rate).toLocaleString("en")}/s`;
