/** Raised when the embedded PostgreSQL cannot be had. The message says why, and what to do. */
export class EmbeddedPostgresError extends Error {
  override name = "EmbeddedPostgresError";
}

/** Whether a message of the system or of PostgreSQL is about a full disk. */
export const isDiskFull = (message: string): boolean =>
  /no space left on device|check free disk space|disk quota exceeded/i.test(message);

export const diskFullError = (folder: string): EmbeddedPostgresError =>
  new EmbeddedPostgresError(
    `The disk of ${folder} is full, and PostgreSQL needs 100 MB to begin with. ` +
      "Free some space, or set OFFICE_HOME to a folder on another disk. What was stored is not lost.",
  );
