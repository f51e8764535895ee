import { randomBytes, timingSafeEqual } from "node:crypto";
import type { Database } from "../../storage/database.ts";
import type { Accounts } from "../accounts.ts";
import { type Authority, requireOwn } from "../authority.ts";
import { MembersError } from "../members.ts";
import { seal, type SealingKeys, unseal } from "./seal.ts";
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
  /**
   * Seals by the newest key what is sealed by an older one or not at all, and drops the older keys. How many secrets
   * cannot be opened: their members need a recovery code. At the start.
   */
  readonly sealAll: () => Promise<{ readonly unreadable: number }>;
  /** Inside a write. False: there was none. */
  readonly removeInside: (memberId: number) => boolean;
}

interface Row {
  memberId: number;
  /** 0: both are in clear, as they were kept once. */
  sealed: number;
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
  sealingKeys: SealingKeys;
  now: () => number;
}): Totp {
  const { database, accounts, serverName, sealingKeys, now } = options;
  const columns = `member_id AS memberId, sealed, secret, enrolled_at AS enrolledAt, last_step AS lastStep,
    pending_secret AS pendingSecret, pending_until AS pendingUntil`;
  const select = database.prepare<Row>(`SELECT ${columns} FROM totp WHERE member_id = ?`);
  const selectAll = database.prepare<Row>(`SELECT ${columns} FROM totp`);
  const setPending = database.prepare(
    `INSERT INTO totp (member_id, sealed, pending_secret, pending_until) VALUES (?, 1, ?, ?)
     ON CONFLICT DO UPDATE SET pending_secret = excluded.pending_secret, pending_until = excluded.pending_until`,
  );
  const setSealed = database.prepare(
    "UPDATE totp SET sealed = 1, secret = ?, pending_secret = ? WHERE member_id = ?",
  );
  const enrol = database.prepare(
    `UPDATE totp SET secret = pending_secret, enrolled_at = ?, last_step = ?, pending_secret = NULL,
     pending_until = NULL WHERE member_id = ?`,
  );
  const setStep = database.prepare("UPDATE totp SET last_step = ? WHERE member_id = ?");
  const remove = database.prepare("DELETE FROM totp WHERE member_id = ?");

  const about = (memberId: number): string => `totp of member ${memberId}`;

  function open({ memberId, sealed }: Row, secret: Uint8Array): Uint8Array | undefined {
    if (sealed === 0) return secret;
    for (const key of sealingKeys.all()) {
      const opened = unseal(key, about(memberId), secret);
      if (opened) return opened;
    }
    return undefined;
  }

  function isOld({ memberId, sealed, secret, pendingSecret }: Row): boolean {
    const [newest] = sealingKeys.all();
    return [secret, pendingSecret].some(
      (each) => each && (sealed === 0 || !newest || !unseal(newest, about(memberId), each)),
    );
  }

  /** Inside a write. What cannot be opened stays as it is, for the key may come back. */
  function sealAnew(row: Row): void {
    const again = (secret: Uint8Array | null): Uint8Array | null => {
      const opened = secret && open(row, secret);
      return opened ? seal(sealingKeys.newest(), about(row.memberId), opened) : secret;
    };
    setSealed.run(again(row.secret), again(row.pendingSecret), row.memberId);
  }

  /** What was in clear must not stay in pages that are free, or in the log. Some milliseconds: the database is small. */
  function wipeFreed(): void {
    database.prepareOnce("VACUUM").run();
    database.prepareOnce("PRAGMA wal_checkpoint(TRUNCATE)").get();
  }

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
        const row = select.get(memberId);
        if (row?.sealed === 0) sealAnew(row);
        const sealed = seal(sealingKeys.newest(), about(memberId), secret);
        setPending.run(memberId, sealed, now() + pendingLifetime);
        const issuer = encodeURIComponent(serverName);
        const uri = `otpauth://totp/${issuer}:${encodeURIComponent(name)}?secret=${base32(secret)}&issuer=${issuer}`;
        return { secret: base32(secret), uri };
      }),
    confirm: (authority, memberId, code) =>
      database.write(() => {
        requireOwn(authority, memberId);
        const row = select.get(memberId);
        const pendingSecret = row?.pendingSecret && open(row, row.pendingSecret);
        if (!pendingSecret || (row.pendingUntil ?? 0) <= now()) {
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
        const row = select.get(memberId);
        const secret = row?.secret && open(row, row.secret);
        const step = secret ? matchingStep(secret, code, row.lastStep) : undefined;
        if (step === undefined) return false;
        setStep.run(step, memberId);
        return true;
      }),
    async sealAll() {
      const old = selectAll.all().filter(isOld);
      if (old.length > 0) await database.write(() => selectAll.all().filter(isOld).forEach(sealAnew));
      if (old.some(({ sealed }) => sealed === 0)) wipeFreed();
      const unreadable = selectAll.all().filter((row) => row.secret && !open(row, row.secret)).length;
      if (unreadable === 0) sealingKeys.dropOld();
      return { unreadable };
    },
    enrolledAt: (memberId) => select.get(memberId)?.enrolledAt ?? undefined,
    removeInside(memberId) {
      const enrolled = select.get(memberId)?.secret != null;
      remove.run(memberId);
      return enrolled;
    },
  };
}

const invalid = (message: string): MembersError => new MembersError("totp-invalid", message);
