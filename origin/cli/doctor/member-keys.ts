import type { Check } from "../../app.ts";
import type { Key, KeyKind } from "../../members/keys/keys.ts";
import { ok, warning } from "./check.ts";

const day = 86_400_000;
/** By then another is made in its place. App passwords are typed by people, so less often. */
const rotationAge: Record<KeyKind, number> = { "api-key": 180 * day, "app-password": 366 * day };
/** What nobody has used for so long is likely forgotten. */
const forgottenAfter = 90 * day;

/** API keys and app passwords that open something: those past their rotation age, and those that nobody uses. */
export function checkMemberKeys(keys: readonly Key[], now: number): Check {
  const good = keys.filter(
    ({ revokedAt, expiresAt }) => revokedAt === null && (expiresAt === null || expiresAt > now),
  );
  const old = good.filter(({ kind, createdAt }) => now - createdAt > rotationAge[kind]);
  const forgotten = good.filter(
    (key) => !old.includes(key) && now - (key.lastUsedAt ?? key.createdAt) > forgottenAfter,
  );
  const count = `${good.length} API keys and app passwords`;
  if (old.length + forgotten.length === 0) return ok("keys", `${count}.`);
  const found = [
    ...(old.length > 0 ? [`past their rotation age: ${ids(old)}`] : []),
    ...(forgotten.length > 0 ? [`unused for 90 days: ${ids(forgotten)}`] : []),
  ];
  return warning("keys", `${count}; ${found.join("; ")}.`, {
    why: "The longer a key lives, the more places it may have got to; one that nobody uses, nobody misses when it is stolen.",
    mend: "burrow key list, then make another in its place where it is needed, and burrow key revoke ID",
  });
}

const ids = (keys: readonly Key[]): string => keys.map(({ id }) => id).join(", ");
