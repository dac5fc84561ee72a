import fc from "fast-check";
import { TEMPLATE_NAMES, type TemplateName } from "office-contract/session.ts";
import { describe, expect, test } from "vitest";
import { fillTemplate, templateValues } from "../../../src/services/session/template.ts";
import { sessionRequest } from "./factories.ts";

const values = templateValues(sessionRequest());

const anyValues = fc.record(
  Object.fromEntries(TEMPLATE_NAMES.map((name) => [name, fc.string()])) as Record<TemplateName, fc.Arbitrary<string>>,
);

test("each name stands for its value", () => {
  const request = sessionRequest();
  const filled = fillTemplate(TEMPLATE_NAMES.map((name) => `{{${name}}}`).join("|"), templateValues(request));
  const { prompt, title, jobKey, role, officeId, taskId, jobId, executionId, attempt, fencingToken } = request;
  const expected = [prompt, title, jobKey, role, officeId, taskId, jobId, executionId, attempt, fencingToken];
  expect(filled).toBe(expected.join("|"));
});

test("what there is none of is empty", () => {
  const none = templateValues(sessionRequest({}, { prompt: null, taskId: null, jobKey: null }));
  expect(fillTemplate("[{{prompt}}{{task_id}}{{key}}]", none)).toBe("[]");
});

test.each(["{{nobody}}", "{{ title }}", "{title}", "{{}}", "{{constructor}}", "$title"])("%s stays", (text) => {
  expect(fillTemplate(text, values)).toBe(text);
});

describe("a value is put in as it is", () => {
  test.each(['it\'s "quoted"', "two\nlines", "$(rm -rf /) `id` $HOME", "{{title}}", "$& $1 $` $'", "{{", "\\"])(
    "%j",
    (title) => {
      expect(fillTemplate("<{{title}}>", { ...values, title })).toBe(`<${title}>`);
    },
  );

  test("any value, between any others", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...TEMPLATE_NAMES)), anyValues, (names, drawn) => {
        const filled = fillTemplate(names.map((name) => `<{{${name}}}>`).join(""), drawn);
        expect(filled).toBe(names.map((name) => `<${drawn[name]}>`).join(""));
      }),
    );
  });

  test("a text without placeholders never changes", () => {
    fc.assert(
      fc.property(fc.string(), anyValues, (text, drawn) => {
        fc.pre(!text.includes("{{"));
        expect(fillTemplate(text, drawn)).toBe(text);
      }),
    );
  });
});
