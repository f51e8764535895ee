import { createECDH } from "node:crypto";
import type { SubscriptionRow } from "../sending/push-subscription-store.ts";

export interface PushMessage {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer<ArrayBuffer>;
}

/** For how long a push service keeps it for a device that is away (RFC 8030 §5.2). */
const lifetimeS = 24 * 60 * 60;

/** What a subscription is sent, encrypted where it has keys (RFC 8620 §7.2, RFC 8291). */
export async function composePush(
  { keys }: Pick<SubscriptionRow, "keys">,
  content: object,
): Promise<PushMessage> {
  const text = JSON.stringify(content);
  const headers = { ttl: String(lifetimeS), urgency: "normal" };
  if (keys === null) return { headers: { ...headers, "content-type": "application/json" }, body: text };
  const { p256dh, auth } = JSON.parse(keys) as { p256dh: string; auth: string };
  const { default: ece } = await import("http_ece");
  const privateKey = createECDH("prime256v1");
  privateKey.generateKeys();
  const body = ece.encrypt(Buffer.from(text), {
    version: "aes128gcm",
    privateKey,
    dh: p256dh,
    authSecret: auth,
  });
  return {
    headers: { ...headers, "content-type": "application/octet-stream", "content-encoding": "aes128gcm" },
    body: Buffer.from(body),
  };
}

/** Whether a message can be encrypted for them: a point of the curve P-256, and 16 bytes. */
export function areKeys(p256dh: string, auth: string): boolean {
  const isBase64url = [p256dh, auth].every((text) => /^[\w-]+={0,2}$/.test(text));
  if (!isBase64url || Buffer.from(auth, "base64url").length !== 16) return false;
  const own = createECDH("prime256v1");
  own.generateKeys();
  try {
    own.computeSecret(Buffer.from(p256dh, "base64url"));
    return Buffer.from(p256dh, "base64url").length === 65;
  } catch {
    return false;
  }
}
