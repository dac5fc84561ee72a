import { stripVTControlCharacters } from "node:util";

// oxlint-disable-next-line no-control-regex -- escape sequences are what it is about
const COLOUR = /(\u001B\[[\d;:]*m)/;
/** A sequence that may go on in what comes next. */
// oxlint-disable-next-line no-control-regex -- escape sequences are what it is about
const UNFINISHED = /\u001B(?:[[\]PX^_][^\u0007\u001B]{0,4096})?$/;
// oxlint-disable-next-line no-control-regex -- escape sequences are what it is about
const FINISHED_CSI = /^\u001B\[[\d;:?<=>]*[ -/]*[@-~]/;
/** All but tabs and line breaks. */
const CONTROL_CHARACTERS = /[[\p{Cc}\p{Bidi_Control}]--[\t\n\r]]/gv;

/** A program's output, a piece at a time, made safe for a terminal: its colours stay, whatever else steers one goes. */
export class TerminalText {
  #rest = "";
  readonly #decoder = new TextDecoder();

  next(bytes: Uint8Array): string {
    const text = this.#rest + this.#decoder.decode(bytes, { stream: true });
    const [unfinished] = UNFINISHED.exec(text) ?? [];
    this.#rest = unfinished === undefined || FINISHED_CSI.test(unfinished) ? "" : unfinished;
    return text
      .slice(0, text.length - this.#rest.length)
      .split(COLOUR)
      .map((part, index) =>
        index % 2 === 1 ? part : stripVTControlCharacters(part).replaceAll(CONTROL_CHARACTERS, ""),
      )
      .join("");
  }
}
