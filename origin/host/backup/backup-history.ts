import type { Database } from "../../storage/database.ts";
import { noteFact, readFact } from "../facts.ts";

/** One backup or drill. Times are Unix milliseconds. */
export interface BackupRun {
  readonly kind: "backup" | "drill";
  readonly startedAt: number;
  /** Null while it runs, and for ever where it was killed. */
  readonly endedAt: number | null;
  readonly ok: boolean;
  /** What went wrong, or what was found. */
  readonly detail: string;
  /** Where the archive went: its path, or its name in the bucket. */
  readonly path: string | null;
  readonly bytes: number | null;
}

export interface KnownBlob {
  /** SHA-256 and bytes of the encrypted pack. */
  readonly pack: string;
  readonly packBytes: number;
  /** Where it is in the decrypted pack. */
  readonly start: number;
  readonly length: number;
}

/** The memory of backups, in host.db: what `doctor` shows, what the schedule catches up by. */
export interface BackupHistory {
  begin(kind: BackupRun["kind"], startedAt: number): Promise<number>;
  /** `sequence` and `manifestHash` are of the archive that was made. */
  end(
    run: number,
    outcome: Pick<BackupRun, "ok" | "detail"> & {
      endedAt: number;
      archive?: { path: string; bytes: number; instance: string; sequence: number; manifestHash: string };
    },
  ): Promise<void>;
  last(kind: BackupRun["kind"], ok?: boolean): BackupRun | undefined;
  /** What the next archive of this instance follows. */
  latest(instance: string): { sequence: number; manifestHash: string } | undefined;
  /** Where, at a target, the blob with this content's hash lies encrypted. */
  blob(target: string, hash: string): KnownBlob | undefined;
  keepBlobs(target: string, blobs: readonly (KnownBlob & { readonly hash: string })[]): Promise<void>;
  forgetPacks(target: string, packs: readonly string[]): Promise<void>;
  /** The pack at which the last good drill ended its round through those in the bucket. */
  comparedUpTo(): string | undefined;
  noteCompared(pack: string, at: number): Promise<void>;
}

const comparedFact = "backup-packs-compared-up-to";

/** Some ten milliseconds: nobody's request waits longer for its turn. */
const rowsAWrite = 500;

export function openBackupHistory(database: Database): BackupHistory {
  const insert = database.prepare("INSERT INTO backup_run (kind, started_at) VALUES (?, ?)");
  const update = database.prepare(
    `UPDATE backup_run SET ended_at = ?1, ok = ?2, detail = ?3, path = ?4, bytes = ?5, instance = ?6,
       sequence = ?7, manifest_hash = ?8 WHERE seq = ?9`,
  );
  const trim = database.prepare("DELETE FROM backup_run WHERE seq <= ? - 1000");
  interface Row extends Omit<BackupRun, "ok"> {
    ok: number;
  }
  const columns = `kind, started_at AS startedAt, ended_at AS endedAt, ok, detail, path, bytes`;
  const selectLast = database.prepare<Row>(
    `SELECT ${columns} FROM backup_run WHERE kind = ? ORDER BY seq DESC LIMIT 1`,
  );
  const selectLastWith = database.prepare<Row>(
    `SELECT ${columns} FROM backup_run WHERE kind = ? AND ok = ? AND ended_at IS NOT NULL ORDER BY seq DESC LIMIT 1`,
  );
  const selectLatest = database.prepare<{ sequence: number; manifestHash: string }>(
    `SELECT sequence, manifest_hash AS manifestHash FROM backup_run
     WHERE instance = ? AND sequence IS NOT NULL ORDER BY sequence DESC LIMIT 1`,
  );
  const selectBlob = database.prepare<KnownBlob>(
    "SELECT pack, pack_bytes AS packBytes, start, length FROM backup_blob WHERE target = ? AND hash = ?",
  );
  const insertBlob = database.prepare(
    "INSERT OR REPLACE INTO backup_blob (target, hash, pack, pack_bytes, start, length) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const deletePack = database.prepare("DELETE FROM backup_blob WHERE target = ? AND pack = ?");

  return {
    begin: (kind, startedAt) =>
      database.write(() => {
        const { lastInsertRowid } = insert.run(kind, startedAt);
        trim.run(lastInsertRowid);
        return lastInsertRowid;
      }),
    end: (run, { ok, detail, endedAt, archive }) =>
      database.write(
        () =>
          void update.run(
            endedAt,
            ok ? 1 : 0,
            detail,
            archive?.path ?? null,
            archive?.bytes ?? null,
            archive?.instance ?? null,
            archive?.sequence ?? null,
            archive?.manifestHash ?? null,
            run,
          ),
      ),
    last(kind, ok) {
      const row = ok === undefined ? selectLast.get(kind) : selectLastWith.get(kind, ok ? 1 : 0);
      return row && { ...row, ok: row.ok === 1 };
    },
    latest: (instance) => selectLatest.get(instance),
    blob: (target, hash) => selectBlob.get(target, hash),
    async keepBlobs(target, blobs) {
      for (let done = 0; done < blobs.length; done += rowsAWrite) {
        await database.write(() => {
          for (const { hash, pack, packBytes, start, length } of blobs.slice(done, done + rowsAWrite)) {
            insertBlob.run(target, hash, pack, packBytes, start, length);
          }
        });
      }
    },
    forgetPacks: (target, packs) =>
      database.write(() => {
        for (const pack of packs) deletePack.run(target, pack);
      }),
    comparedUpTo: () => readFact(database, comparedFact)?.value,
    noteCompared: (pack, notedAt) => noteFact(database, comparedFact, { value: pack, notedAt }),
  };
}
