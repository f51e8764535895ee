import type { Envelope } from "./arrival-store.ts";

/** As the edge names what it keeps (workers/mail/store-mail.ts): the time in Unix ms, then chance. */
const namePattern = /^pending\/(\d{15})-[0-9a-f-]{36}\.eml$/;

/** Under which everything lies that is to be fetched. */
export const pendingPrefix = "pending/";

/** When the edge took it, in Unix ms, by its name; undefined for what is not the edge's. */
export function takenAt(object: string): number | undefined {
  const time = namePattern.exec(object)?.[1];
  return time === undefined ? undefined : Number(time);
}

/** What stands beside an object. What is missing or garbled is left empty: the message itself is not lost for it. */
export function readEnvelope(object: string, headers: Headers): Envelope & { size: number | undefined } {
  const text = (name: string): string => decode(headers.get(`x-amz-meta-${name}`) ?? "");
  const number = (name: string): number | undefined => {
    const digits = text(name);
    return /^\d{1,15}$/.test(digits) ? Number(digits) : undefined;
  };
  return {
    mailFrom: text("from"),
    recipient: text("to"),
    receivedAt: number("received") ?? takenAt(object) ?? 0,
    results: text("results"),
    size: number("size"),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
