import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { createMembers } from "../../origin/members/create-members.ts";
import { createKdf, type Kdf } from "../../origin/members/kdf.ts";
import type { SealingKeys } from "../../origin/members/factors/seal.ts";
import type { Members } from "../../origin/members/members.ts";
import { membersMigrations } from "../../origin/members/migrations.ts";
import { type Database, openDatabase } from "../../origin/storage/database.ts";
import { chooseDriver } from "../../origin/storage/open-driver.ts";

export const ownerPassword = "heron lantern oatmeal quarry";
export const memberPassword = "violet anchor biscuit";

/** The real derivation at the lowest cost that argon2 allows, and a count of how often it ran. */
function quickKdf(): Kdf & { calls: number } {
  const kdf = createKdf({ memory: 8, passes: 1 });
  const counting = {
    ...kdf,
    calls: 0,
    hash(password: string) {
      counting.calls += 1;
      return kdf.hash(password);
    },
    verify(stored: string, password: string) {
      counting.calls += 1;
      return kdf.verify(stored, password);
    },
  };
  return counting;
}

export interface Household {
  readonly folder: string;
  readonly members: Members & { close(): void };
  readonly database: Database;
  readonly kdf: ReturnType<typeof quickKdf>;
  readonly clock: { now: number };
  /** A second door to the same file, as the command line opens it beside the daemon. */
  readonly openAnother: (kdf?: Kdf) => Members;
  /** Closes everything and opens the file anew. */
  readonly restart: () => Promise<Members>;
}

/** As the secrets folder holds them, in memory. */
export function heldKeys(...keys: Uint8Array[]): SealingKeys & { keys: Uint8Array[] } {
  const held = {
    keys,
    all: () => held.keys,
    newest: () => (held.keys[0] ??= randomBytes(32)),
    dropOld: () => void held.keys.splice(1),
  };
  return held;
}

/** Members on a real database in a temporary folder, with a clock that stands still. */
export async function openHousehold(t: TestContext, sealingKeys = heldKeys()): Promise<Household> {
  const folder = await mkdtemp(join(tmpdir(), "burrow-members-"));
  const clock = { now: Date.UTC(2026, 5, 1) };
  const kdf = quickKdf();
  const opened: { members: { close(): void }; database: Database }[] = [];

  function open(chosen: Kdf = kdf) {
    const database = openDatabase({
      name: "members",
      file: join(folder, "members.db"),
      migrations: membersMigrations,
      open: chooseDriver(),
    });
    const members = createMembers({
      database,
      now: () => clock.now,
      serverName: "example.org",
      kdf: chosen,
      sealingKeys,
    });
    const door = { members, database };
    opened.push(door);
    return door;
  }

  async function closeAll(): Promise<void> {
    for (const { members, database } of opened.splice(0)) {
      members.close();
      await database.close();
    }
  }

  t.after(async () => {
    await closeAll();
    await rm(folder, { recursive: true, force: true });
  });
  const first = open();
  return {
    ...first,
    folder,
    kdf,
    clock,
    openAnother: (chosen) => open(chosen).members,
    async restart() {
      await closeAll();
      return open().members;
    },
  };
}

/** The owner ada and an invite for one person. */
export async function settle(members: Members): Promise<{ ownerId: number; invite: string }> {
  const owner = await members.createOwner({ name: "ada", password: ownerPassword });
  const invite = await members.createInvite({ name: "Ben", uses: 1, expiresInMs: 1000, createdBy: owner.id });
  return { ownerId: owner.id, invite: invite.token };
}

export function refusedAs(code: string): (error: Error) => boolean {
  return (error) => "code" in error && error.code === code;
}
