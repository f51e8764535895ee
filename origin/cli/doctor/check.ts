import type { Check } from "../../app.ts";

/** What comes of it, and the command or the act that mends it. */
export interface Remedy {
  readonly why: string;
  readonly mend: string;
}

export function ok(name: string, detail: string): Check {
  return { name, status: "ok", detail };
}

export function warning(name: string, detail: string, remedy: Remedy): Check {
  return { name, status: "warning", detail, ...remedy };
}

export function failed(name: string, detail: string, remedy: Remedy): Check {
  return { name, status: "failed", detail, ...remedy };
}

/** Of an error whose message ends with what to do ("… Run: chmod 600 …"), as ours do. */
export function failedBy(name: string, error: unknown, why: string): Check {
  const message = messageOf(error);
  const mark = /(?<=[.)] )(?:Run|Put|Choose|Remove|Move|Stop|Install|Set|If nobody)\b/.exec(message);
  const detail = mark ? message.slice(0, mark.index).trim() : message;
  const mend = mark ? message.slice(mark.index) : "Do what the message says, then run doctor again.";
  return failed(name, detail, { why, mend });
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
