/** A number from 0 up to 1, for spreading things out. Not for secrets. */
export const randomFraction = (): number => Math.random();
