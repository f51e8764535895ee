import { lastField } from "../message/header-forms.ts";
import type { BodyPart } from "../message/message.ts";

// RFC 3676 by hand: libmime's has no quotes, which are the half of it.

/** Columns of a line that is broken (§4.2: at most 78 with its marks). */
const width = 72;

export const flowedType = "text/plain; charset=utf-8; format=flowed";

const signature = "-- ";

/** Marks of a quote, and what follows them; one space between is no part of it. */
function takeApart(line: string): { marks: string; words: string } {
  const [marks = ""] = /^>*/.exec(line) ?? [];
  return { marks, words: line.slice(marks.length).replace(/^ /, marks === "" ? " " : "") };
}

/** A text with a line for each paragraph, quotes marked by `>`, as flowed lines (RFC 3676 §4). */
export function flow(text: string): string {
  return text.split("\n").flatMap(flowLine).join("\n");
}

function flowLine(line: string): string[] {
  const { marks, words } = takeApart(line);
  const write = (piece: string): string => {
    if (marks !== "") return piece === "" ? marks : `${marks} ${piece}`;
    return /^(?:[ >]|From )/.test(piece) ? ` ${piece}` : piece;
  };
  // A space at its end would say that the line runs on.
  return words === signature ? [write(words)] : breakWords(words.trimEnd(), width - marks.length).map(write);
}

/** At spaces, which stay at the ends; what has none stays whole. */
function breakWords(text: string, most: number): string[] {
  const pieces: string[] = [];
  let piece = "";
  for (const [word] of text.matchAll(/[^ ]+ *| +/g)) {
    // A piece that says "-- " would begin a signature.
    if (piece !== "" && piece !== signature && piece.length + word.trimEnd().length > most) {
      pieces.push(piece);
      piece = "";
    }
    piece += word;
  }
  return [...pieces, piece];
}

/** The words of a part of plain text, a line for each paragraph where its lines are flowed. */
export function unflow(text: string, { headers }: BodyPart): string {
  const type = lastField(headers, "content-type") ?? "";
  if (!/format\s*=\s*"?flowed/i.test(type)) return text;
  const isSpaceLeftOut = /delsp\s*=\s*"?yes/i.test(type);
  const lines: string[] = [];
  let open = false;
  let depth = 0;
  for (const line of text.split("\n")) {
    const [marks = ""] = /^>*/.exec(line) ?? [];
    const words = line.slice(marks.length).replace(/^ /, "");
    const isFixed = words === signature;
    const isOpen = words.endsWith(" ") && !isFixed;
    const shown = isOpen && isSpaceLeftOut ? words.slice(0, -1) : words;
    if (open && marks.length === depth && !isFixed) lines.push(`${lines.pop() ?? ""}${shown}`);
    else lines.push(marks === "" || shown === "" ? `${marks}${shown}` : `${marks} ${shown}`);
    open = isOpen;
    depth = marks.length;
  }
  return lines.join("\n");
}
