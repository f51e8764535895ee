import { randomBytes, timingSafeEqual } from "node:crypto";
import type { Database } from "../../storage/database.ts";
import type { Accounts } from "../accounts.ts";
import { type Authority, requireOwn } from "../authority.ts";
import { MembersError } from "../members.ts";
import { base32, totpCode, totpStep } from "./totp-code.ts";

/** An authenticator app: six digits that change every 30 seconds (RFC 6238). One a member. */
export interface Totp {
  /**
   * A new secret, which counts once `confirm` has seen a code of it (within 15 minutes); until then the one before
   * stays. `uri` is what a QR code holds (otpauth://), `secret` the same to type in. Throws not-allowed.
   */
  readonly begin: (authority: Authority, memberId: number) => Promise<{ secret: string; uri: string }>;
  /** Throws totp-invalid, not-allowed. */
  readonly confirm: (authority: Authority, memberId: number, code: string) => Promise<void>;
  /** True once for each code: of this step, the one before or the one after. */
  readonly verify: (memberId: number, code: string) => Promise<boolean>;
  /** Unix ms; undefined: none is enrolled. */
  readonly enrolledAt: (memberId: number) => number | undefined;
  /** Inside a write. False: there was none. */
  readonly removeInside: (memberId: number) => boolean;
}

interface Row {
  secret: Uint8Array | null;
  enrolledAt: number | null;
  lastStep: number;
  pendingSecret: Uint8Array | null;
  pendingUntil: number | null;
}

/** RFC 4226 §4 R6: 160 bits. */
const secretBytes = 20;
const pendingLifetime = 15 * 60 * 1000;
/** RFC 6238 §5.2: one step either way, for slow typing and clocks that differ. */
const tolerance = 1;

export function createTotp(options: {
  database: Database;
  accounts: Accounts;
  serverName: string;
  now: () => number;
}): Totp {
  const { database, accounts, serverName, now } = options;
  const select = database.prepare<Row>(
    `SELECT secret, enrolled_at AS enrolledAt, last_step AS lastStep, pending_secret AS pendingSecret,
     pending_until AS pendingUntil FROM totp WHERE member_id = ?`,
  );
  const setPending = database.prepare(
    `INSERT INTO totp (member_id, pending_secret, pending_until) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET pending_secret = excluded.pending_secret, pending_until = excluded.pending_until`,
  );
  const enrol = database.prepare(
    `UPDATE totp SET secret = pending_secret, enrolled_at = ?, last_step = ?, pending_secret = NULL,
     pending_until = NULL WHERE member_id = ?`,
  );
  const setStep = database.prepare("UPDATE totp SET last_step = ? WHERE member_id = ?");
  const remove = database.prepare("DELETE FROM totp WHERE member_id = ?");

  /** The step of a code that is good now and newer than `after`, or undefined. */
  function matchingStep(secret: Uint8Array, input: string, after: number): number | undefined {
    const code = input.replaceAll(/\s/g, "");
    if (!/^\d{6}$/.test(code)) return undefined;
    const current = totpStep(now());
    // A step that this clock has not reached yet was taken by a clock that ran ahead: it must lock nobody out.
    const newest = after > current + tolerance ? 0 : after;
    let found: number | undefined;
    for (let step = current - tolerance; step <= current + tolerance; step += 1) {
      const right = timingSafeEqual(Buffer.from(totpCode(secret, step)), Buffer.from(code));
      if (right && step > newest) found ??= step;
    }
    return found;
  }

  return {
    begin: (authority, memberId) =>
      database.write(() => {
        requireOwn(authority, memberId);
        const { name } = accounts.require(memberId);
        const secret = randomBytes(secretBytes);
        setPending.run(memberId, secret, now() + pendingLifetime);
        const issuer = encodeURIComponent(serverName);
        const uri = `otpauth://totp/${issuer}:${encodeURIComponent(name)}?secret=${base32(secret)}&issuer=${issuer}`;
        return { secret: base32(secret), uri };
      }),
    confirm: (authority, memberId, code) =>
      database.write(() => {
        requireOwn(authority, memberId);
        const { pendingSecret, pendingUntil } = select.get(memberId) ?? {};
        if (!pendingSecret || (pendingUntil ?? 0) <= now()) {
          throw invalid("This took too long. Begin again: there is a new code to scan.");
        }
        const step = matchingStep(pendingSecret, code, 0);
        if (step === undefined) {
          throw invalid(
            "This code is not the one. Enter the newest; if it fails, see that the clocks are right.",
          );
        }
        enrol.run(now(), step, memberId);
      }),
    verify: (memberId, code) =>
      database.write(() => {
        const { secret, lastStep = 0 } = select.get(memberId) ?? {};
        const step = secret ? matchingStep(secret, code, lastStep) : undefined;
        if (step === undefined) return false;
        setStep.run(step, memberId);
        return true;
      }),
    enrolledAt: (memberId) => select.get(memberId)?.enrolledAt ?? undefined,
    removeInside(memberId) {
      const enrolled = select.get(memberId)?.secret != null;
      remove.run(memberId);
      return enrolled;
    },
  };
}

const invalid = (message: string): MembersError => new MembersError("totp-invalid", message);
