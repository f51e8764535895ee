import { createTurns, stringifyInTurns } from "../../../host/turns.ts";
import { MethodError } from "./jmap-error.ts";
import type { Invocation } from "./result-references.ts";

/**
 * Characters that one answer may have. A call may name a thousand messages of megabytes, and a reference may put an
 * answer into the next one twice.
 */
export const longestAnswer = 16_000_000;

export const answerTooLong = (): MethodError =>
  new MethodError(
    "requestTooLarge",
    `The answers would have more than ${longestAnswer / 1_000_000} million characters. Ask for less at a time, or set maxBodyValueBytes.`,
  );

/** What has changed something is told, whatever its length, and so is why nothing came of a call. */
const isDone = (name: string): boolean => /^error$|\/(?:set|import)$/.test(name);

export interface AnswerText {
  /** Adds a response. Throws MethodError requestTooLarge, and adds nothing, where the answer would be too long. */
  add(response: Invocation): Promise<void>;
  /** The Response object (RFC 8620 §3.4) as JSON, with what stands beside the responses. */
  finish(rest: object): string;
}

/** Writes an answer piece by piece, with turns for others: none of it is held as objects longer than needed. */
export function createAnswerText(): AnswerText {
  const turns = createTurns();
  const responses: string[] = [];
  let length = 0;
  return {
    async add([name, args, callId]) {
      const entries: string[] = [];
      let longer = length;
      for (const [key, value] of Object.entries(args)) {
        await turns();
        // Down to each object of a list.
        const text =
          typeof value === "object" && value !== null
            ? await stringifyInTurns(value, 2, turns)
            : JSON.stringify(value);
        if (text === undefined) continue;
        entries.push(`${JSON.stringify(key)}:${text}`);
        longer += text.length;
        if (longer > longestAnswer && !isDone(name)) throw answerTooLong();
      }
      length = longer;
      responses.push(`[${JSON.stringify(name)},{${entries.join(",")}},${JSON.stringify(callId)}]`);
    },
    finish: (rest) => `{"methodResponses":[${responses.join(",")}],${JSON.stringify(rest).slice(1)}`,
  };
}
