import type { Database } from "../../storage/database.ts";
import type { BlobLine } from "./manifest.ts";

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
  /** The encrypted form, at a target, of the blob with this content's hash. */
  blob(target: string, hash: string): BlobLine | undefined;
  keepBlob(target: string, hash: string, line: BlobLine): Promise<void>;
  forgetBlobs(target: string, cipherHashes: readonly string[]): Promise<void>;
}

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
  const selectBlob = database.prepare<BlobLine>(
    "SELECT bytes, cipher_hash AS cipherHash FROM backup_blob WHERE target = ? AND hash = ?",
  );
  const insertBlob = database.prepare(
    `INSERT INTO backup_blob (target, hash, bytes, cipher_hash) VALUES (?, ?, ?, ?)
     ON CONFLICT (target, hash) DO UPDATE SET bytes = excluded.bytes, cipher_hash = excluded.cipher_hash`,
  );
  const deleteBlob = database.prepare("DELETE FROM backup_blob WHERE target = ? AND cipher_hash = ?");

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
    keepBlob: (target, hash, { bytes, cipherHash }) =>
      database.write(() => void insertBlob.run(target, hash, bytes, cipherHash)),
    forgetBlobs: (target, cipherHashes) =>
      database.write(() => {
        for (const cipherHash of cipherHashes) deleteBlob.run(target, cipherHash);
      }),
  };
}
