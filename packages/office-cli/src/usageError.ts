/** Raised when what the user asks for cannot be meant: there is no such job, a value is no duration. Ends with exit code 2. */
export class UsageError extends Error {
  override name = "UsageError";
}
