import type { PanicLevel } from "../../shared/panic.ts";
import type { Env } from "../env.ts";

/** What of a message at the door is read; the rest is the origin's to parse. */
export type MessageAtDoor = Pick<ForwardableEmailMessage, "from" | "to" | "raw" | "rawSize" | "headers">;

/**
 * Keeps a message as it came, one object a delivery, under `pending/` (R1): durable before the sender is told that it
 * was taken. What throws is a temporary failure to the sender, who tries again.
 *
 * A lost device's key opens the one bucket, so what comes while the server is lost, or while nobody can tell whether it
 * is, goes into the other (P1).
 */
export async function storeMail(
  message: MessageAtDoor,
  env: Env,
  level: PanicLevel | undefined,
  now: number,
): Promise<void> {
  const isSafe = level !== undefined && level !== "lost";
  const bucket = isSafe ? env.MAIL : env.MAIL_LOST;
  const key = `pending/${now.toString().padStart(15, "0")}-${crypto.randomUUID()}.eml`;
  // R2 wants to know the length, and Email Routing does.
  const raw = message.raw.pipeThrough(new FixedLengthStream(message.rawSize));
  const kept = await bucket.put(key, raw, {
    customMetadata: metadataOf(message, now),
    // Never over another: a key that is taken is none of chance.
    onlyIf: { etagDoesNotMatch: "*" },
  });
  if (kept === null) throw new Error("the object's name was taken");
}

/** R2's S3 interface gives other characters than ASCII back as something else. */
function metadataOf({ from, to, rawSize, headers }: MessageAtDoor, now: number): Record<string, string> {
  return {
    from: encodeURIComponent(from),
    to: encodeURIComponent(to),
    size: String(rawSize),
    received: String(now),
    // What Email Routing found: here alone is the sender's address known, by which SPF goes.
    results: encodeURIComponent((headers.get("authentication-results") ?? "").slice(0, 1000)),
  };
}
