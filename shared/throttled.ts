import type { Complaint } from "./answers.ts";

/** 429, and when to try again: the same words at the edge and at the origin. */
export function throttled(retryAfterMs: number): Complaint {
  return {
    status: 429,
    code: "throttled",
    errcode: "M_LIMIT_EXCEEDED",
    title: "Too many wrong tries",
    message: `Too many wrong passwords or codes came from where you are, or somebody is trying to guess one. Try again in ${inWords(retryAfterMs)}.`,
    retryAfterMs: Math.ceil(retryAfterMs),
  };
}

function inWords(milliseconds: number): string {
  const seconds = Math.max(1, Math.ceil(milliseconds / 1000));
  if (seconds <= 90) return seconds === 1 ? "a second" : `${seconds} seconds`;
  return `${Math.ceil(seconds / 60)} minutes`;
}
