import type { FieldError, ProblemCode } from "office-contract/api/problems.ts";

/** What the caller of a service is told besides the reason: which fields are wrong, or which jobs form a cycle. */
export interface RefusalFacts {
  errors?: readonly FieldError[];
  cycle?: readonly string[];
}

/** Raised by services when a request cannot be carried out, for a reason from the closed set of the API's problems. */
export class Refusal extends Error {
  override name = "Refusal";
  readonly code: ProblemCode;
  readonly facts: RefusalFacts;

  /** `detail` says what is wrong in this case, and what would be right. */
  constructor(code: ProblemCode, detail: string, facts: RefusalFacts = {}) {
    super(detail);
    this.code = code;
    this.facts = facts;
  }
}
