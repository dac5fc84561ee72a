import { writeFileSync } from "node:fs";
import type { Reporter } from "vitest/node";

type EndArguments = Parameters<NonNullable<Reporter["onTestRunEnd"]>>;

interface Count {
  passed: number;
  failed: number;
}

/** A test file that could not be loaded, and an error outside of any test, count as one failure each. */
function countResults(modules: EndArguments[0], unhandledErrors: EndArguments[1]): Count {
  const count: Count = { passed: 0, failed: unhandledErrors.length };
  for (const module of modules) {
    const loaded = module.errors().length === 0;
    if (!loaded) count.failed += 1;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === "passed") count.passed += 1;
      if (state === "failed") count.failed += 1;
    }
  }
  return count;
}

/** Writes `{"passed":N,"failed":N}` to the file named by TEST_COUNT_FILE. Without that variable it does nothing. */
export default class CountReporter implements Reporter {
  onTestRunEnd(...[modules, unhandledErrors]: EndArguments): void {
    const file = process.env["TEST_COUNT_FILE"];
    if (file !== undefined) writeFileSync(file, JSON.stringify(countResults(modules, unhandledErrors)));
  }
}
