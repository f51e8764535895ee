import { randomBytes } from "node:crypto";
import type { Database } from "../../storage/database.ts";
import type { Accounts } from "../accounts.ts";
import { type Authority, requireOwn } from "../authority.ts";
import { readLabel } from "../labels.ts";
import { type Member, MembersError } from "../members.ts";
import { createChallenges } from "./challenges.ts";
import {
  type Credential,
  creationOptions,
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
  requestOptions,
  verifyAuthentication,
  verifyRegistration,
} from "./webauthn.ts";

export interface Passkey {
  readonly id: number;
  readonly name: string;
  /** In an account of the member's rather than on one device alone; and whether it is saved there by now. */
  readonly synced: boolean;
  readonly backedUp: boolean;
  /** Unix ms. */
  readonly createdAt: number;
  readonly lastUsedAt: number | null;
}

/**
 * Passkeys (WebAuthn level 3). They are the server's name's (`rpId`): a passkey then outlives a change of the sign-in
 * host, and an app can ask for a touch on its own host later. What a page of another host gets out of a member is of
 * no use here, for the origin that the browser signs is compared.
 */
export interface Passkeys {
  /** Throws not-allowed, too-many. */
  readonly beginRegistration: (
    authority: Authority,
    memberId: number,
  ) => Promise<PublicKeyCredentialCreationOptionsJSON>;
  /** `answer` is the browser's, as it came. Throws passkey-invalid, label-invalid, not-allowed, too-many. */
  readonly register: (
    authority: Authority,
    request: { memberId: number; answer: unknown; origin: string; name: string },
  ) => Promise<Passkey>;
  /** Of one member, as a second step; or of whoever answers, who then needs neither name nor password. */
  readonly beginAuthentication: (memberId?: number) => PublicKeyCredentialRequestOptionsJSON;
  /** Undefined: no good answer to a challenge that was given out for this member, or for anybody. */
  readonly authenticate: (request: {
    answer: unknown;
    origin: string;
    memberId?: number | undefined;
  }) => Promise<Member | undefined>;
  readonly list: (memberId: number) => Passkey[];
  readonly rename: (authority: Authority, memberId: number, id: number, name: string) => Promise<boolean>;
  /** Inside a write: one, or all. How many there were. */
  readonly removeInside: (memberId: number, id?: number) => number;
}

interface Row extends Omit<Passkey, "synced" | "backedUp"> {
  readonly credentialId: string;
  readonly memberId: number;
  readonly publicKey: Uint8Array;
  readonly counter: number;
  readonly transports: string;
  readonly synced: number;
  readonly backedUp: number;
}

const mostOfOneMember = 20;

export function createPasskeys(options: {
  database: Database;
  accounts: Accounts;
  serverName: string;
  now: () => number;
}): Passkeys {
  const { database, accounts, serverName: rpId, now } = options;
  const challenges = createChallenges(now);
  const columns = `id, credential_id AS credentialId, member_id AS memberId, public_key AS publicKey, counter,
    transports, synced, backed_up AS backedUp, name, created_at AS createdAt, last_used_at AS lastUsedAt`;
  const selectOf = database.prepare<Row>(`SELECT ${columns} FROM passkeys WHERE member_id = ? ORDER BY id`);
  const selectOne = database.prepare<Row>(`SELECT ${columns} FROM passkeys WHERE credential_id = ?`);
  const selectHandle = database.prepare<{ handle: string }>(
    "SELECT handle FROM passkey_users WHERE member_id = ?",
  );
  const insertHandle = database.prepare(
    "INSERT INTO passkey_users (member_id, handle) VALUES (?, ?) ON CONFLICT DO NOTHING",
  );
  const insert = database.prepare(
    `INSERT INTO passkeys (credential_id, member_id, public_key, counter, transports, synced, backed_up, name, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  );
  // The counter it was verified against: of two answers at once only one moves it.
  const setUsed = database.prepare(
    `UPDATE passkeys SET counter = ?, synced = ?, backed_up = ?, last_used_at = ? WHERE id = ? AND counter = ?`,
  );
  const rename = database.prepare("UPDATE passkeys SET name = ? WHERE id = ? AND member_id = ?");
  const remove = database.prepare("DELETE FROM passkeys WHERE id = ? AND member_id = ?");
  const removeAll = database.prepare("DELETE FROM passkeys WHERE member_id = ?");

  function refuseMore(memberId: number): void {
    if (selectOf.all(memberId).length < mostOfOneMember) return;
    throw new MembersError("too-many", `There are ${mostOfOneMember} passkeys already. Remove one first.`);
  }

  /** The same for all passkeys of a member, so that an authenticator replaces its own instead of keeping two. */
  async function handleOf(memberId: number): Promise<string> {
    const known = selectHandle.get(memberId)?.handle;
    if (known !== undefined) return known;
    await database.write(() => insertHandle.run(memberId, randomBytes(32).toString("base64url")));
    return selectHandle.get(memberId)?.handle ?? "";
  }

  return {
    async beginRegistration(authority, memberId) {
      requireOwn(authority, memberId);
      const member = accounts.require(memberId);
      refuseMore(memberId);
      const created = await creationOptions({
        rpId,
        userHandle: Buffer.from(await handleOf(memberId), "base64url"),
        userName: member.name,
        known: selectOf.all(memberId).map(toCredential),
      });
      challenges.remember(created.challenge, { ceremony: "registration", memberId });
      return created;
    },
    async register(authority, { memberId, answer, origin, name: wished }) {
      requireOwn(authority, memberId);
      const name = readLabel(wished, "Passkey");
      const verified = await verifyRegistration(answer, {
        rpId,
        origin,
        challenge: (challenge) => challenges.take(challenge, { ceremony: "registration", memberId }),
      });
      if (!verified)
        throw invalid("The passkey was not added: the answer came too late or is not right. Try again.");
      const { credential, synced, backedUp } = verified;
      return database.write(() => {
        accounts.require(memberId);
        refuseMore(memberId);
        const createdAt = now();
        const { changes, lastInsertRowid: id } = insert.run(
          credential.id,
          memberId,
          credential.publicKey,
          credential.counter,
          credential.transports.join(" "),
          synced ? 1 : 0,
          backedUp ? 1 : 0,
          name,
          createdAt,
        );
        if (changes === 0) throw invalid("This passkey is known already.");
        return { id, name, synced, backedUp, createdAt, lastUsedAt: null };
      });
    },
    beginAuthentication(memberId) {
      const allowed = memberId === undefined ? [] : selectOf.all(memberId).map(toCredential);
      const requested = requestOptions(rpId, allowed);
      challenges.remember(requested.challenge, { ceremony: "authentication", memberId });
      return requested;
    },
    async authenticate({ answer, origin, memberId }) {
      const { id, response } = (answer ?? {}) as { id?: unknown; response?: { userHandle?: unknown } };
      const row = typeof id === "string" ? selectOne.get(id) : undefined;
      if (!row || (memberId !== undefined && row.memberId !== memberId)) return undefined;
      // WebAuthn §7.2 step 6: where nobody was named, the authenticator must say whose it is, and be right.
      const handle = response?.userHandle;
      const namesMember = handle === selectHandle.get(row.memberId)?.handle;
      if (!namesMember && (memberId === undefined || handle != null)) return undefined;
      const verified = await verifyAuthentication(answer, toCredential(row), {
        rpId,
        origin,
        challenge: (challenge) => challenges.take(challenge, { ceremony: "authentication", memberId }),
      });
      if (!verified) return undefined;
      const { counter, synced, backedUp } = verified;
      const { changes } = await database.write(() =>
        setUsed.run(counter, synced ? 1 : 0, backedUp ? 1 : 0, now(), row.id, row.counter),
      );
      return changes > 0 ? accounts.get(row.memberId) : undefined;
    },
    list: (memberId) => selectOf.all(memberId).map(toPasskey),
    rename: (authority, memberId, id, wished) =>
      database.write(() => {
        requireOwn(authority, memberId);
        return rename.run(readLabel(wished, "Passkey"), id, memberId).changes > 0;
      }),
    removeInside: (memberId, id) =>
      (id === undefined ? removeAll.run(memberId) : remove.run(id, memberId)).changes,
  };
}

const invalid = (message: string): MembersError => new MembersError("passkey-invalid", message);

function toCredential({ credentialId, publicKey, counter, transports }: Row): Credential {
  return { id: credentialId, publicKey, counter, transports: transports.split(" ") };
}

function toPasskey({ id, name, synced, backedUp, createdAt, lastUsedAt }: Row): Passkey {
  return { id, name, synced: synced === 1, backedUp: backedUp === 1, createdAt, lastUsedAt };
}
