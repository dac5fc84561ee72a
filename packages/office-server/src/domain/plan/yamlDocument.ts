import { Composer, type Document, Lexer, type LineCounter, Parser } from "yaml";
import type { TextProblem } from "./errors.ts";

/** A plan needs six levels; the composer recurses once for each. */
const DEPTH_MAX = 64;
/** The largest plan within the limits takes about half of these. They bound time and memory for any text. */
const LEXEMES_MAX = 2_000_000;
/** A text that is not YAML at all has an error for every few characters: reading on is of no use. */
const ERRORS_MAX = 1000;

export type YamlDocument = { ok: true; document: Document.Parsed } | { ok: false; problems: TextProblem[] };

/**
 * The one YAML document that `text` holds, JSON included, or what is wrong with it. Takes time in proportion to the
 * text and stops early where it is nested too deeply, holds too many parts or a second document.
 * Duplicate names are left to the reader of the document: the library's own check is quadratic.
 */
export const parseYamlDocument = (text: string, lineCounter: LineCounter): YamlDocument => {
  const excess: TextProblem[] = [];
  const tokens = boundedTokens(text, lineCounter, excess);
  const composer = new Composer({ uniqueKeys: false, prettyErrors: false, logLevel: "silent", lineCounter });
  const documents: Document.Parsed[] = [];
  for (const document of composer.compose(tokens, true, text.length)) {
    documents.push(document);
    if (documents.length === 2) break;
  }
  const [document, second] = documents;
  if (excess.length > 0 || document === undefined) return { ok: false, problems: excess };

  const problems = [...document.errors, ...document.warnings].slice(0, ERRORS_MAX).map(({ pos, message }) => ({
    offset: pos[0],
    message: `not valid YAML: ${message}`,
  }));
  if (second !== undefined) {
    problems.push({ offset: second.range[0], message: "a plan is one document: remove this one, or its --- line" });
  }
  return problems.length === 0 ? { ok: true, document } : { ok: false, problems };
};

/** The tokens of `text`, cut short with a problem in `excess` where there are too many or they nest too deeply. */
function* boundedTokens(text: string, lineCounter: LineCounter, excess: TextProblem[]) {
  const parser = new Parser(lineCounter.addNewLine);
  let lexemes = 0;
  let errors = 0;
  lineCounter.addNewLine(0);
  for (const lexeme of new Lexer().lex(text)) {
    lexemes += 1;
    if (lexemes > LEXEMES_MAX) {
      excess.push({ offset: parser.offset, message: "the plan holds too much: split it into smaller plans" });
      return;
    }
    for (const token of parser.next(lexeme)) {
      if (token.type === "error") errors += 1;
      yield token;
    }
    if (errors > ERRORS_MAX) return;
    if (parser.stack.length > DEPTH_MAX) {
      excess.push({ offset: parser.offset, message: `nested more than ${DEPTH_MAX} levels deep: no plan needs that` });
      return;
    }
  }
  yield* parser.end();
}
