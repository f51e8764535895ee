import { rm, stat } from "node:fs/promises";
import type { Outbound } from "../outbound/outbound.ts";
import { type BucketSettings, openS3Bucket, type S3Fault } from "../s3/s3-bucket.ts";
import { BackupError, type BackupFault } from "./backup-error.ts";
import { type BucketTarget, byAge, packPath, parseArchiveName } from "./target.ts";

/** The part of the way out that is used here. */
export type BackupOutbound = Pick<Outbound, "fetch">;

/** Asked for at once: each has its own time, so that a slow line brings something home too. */
const rangeBytes = 8 * 1024 * 1024;

/**
 * A bucket that speaks S3 (R2, for one). Bodies are signed by their hash, so what arrives is what was sent. An object
 * appears whole or not at all: that is S3's own promise for PUT.
 */
export function openS3Target(options: {
  settings: BucketSettings;
  /** Whose archives are listed; undefined: every server's, on a machine that is none yet. */
  serverName: string | undefined;
  incoming: string;
  outbound: BackupOutbound;
}): BucketTarget {
  const { settings, serverName, incoming, outbound } = options;
  const bucket = openS3Bucket({
    settings,
    ask: (url, init) => outbound.fetch("backup", url, init),
    fail: unusable,
  });

  /** Bytes `from` to `until` of an object, at most `rangeBytes`. */
  async function* range(key: string, from: number, until: number): AsyncGenerator<Uint8Array> {
    let at = from;
    for (let attempt = 1; at < until; attempt += 1) {
      const answer = await bucket.send("GET", key, { headers: { range: `bytes=${at}-${until - 1}` } });
      if (answer.status === 404) throw new BackupError("missing", `${key} is not in ${bucket.url} any more.`);
      const { body } = await bucket.expect(answer, "GET", 206);
      let fault: unknown = "it sent less than it said";
      try {
        for await (const piece of body ?? []) {
          at += piece.byteLength;
          yield piece;
        }
      } catch (error) {
        fault = error;
      }
      if (at < until) await bucket.retry(attempt, fault);
    }
  }

  async function put(key: string, file: string, hash: string): Promise<void> {
    const { size } = await stat(file);
    const answer = await bucket.send("PUT", key, { file: { path: file, bytes: size, hash } });
    await (await bucket.expect(answer, "PUT", 200, 201)).body?.cancel();
    await rm(file);
  }

  function unusable(found: S3Fault, cause: unknown): BackupError {
    const fault: BackupFault = found === "closed" ? "unusable" : found;
    const what = (cause instanceof Error ? cause.message : String(cause)).replace(/[. ]+$/, "");
    const cannot = { refused: "does not take the key", unreachable: "cannot be reached" };
    return new BackupError(
      fault,
      `The bucket for backups (${new URL(settings.url).host}) ${cannot[fault as keyof typeof cannot] ?? "cannot be used"}: ${what}. Check its URL and region, the key's id and its secret; in burrow.toml those are [backup] s3_url, s3_region and s3_key_id, and the secret is s3-secret.`,
      { cause },
    );
  }

  return {
    description: bucket.url,
    folder: undefined,
    incoming,
    async list() {
      const found = [];
      const prefix = serverName === undefined ? "" : `${serverName}-`;
      for await (const page of bucket.pages(prefix, { delimiter: "/" })) {
        for (const { key, bytes } of page) {
          const parsed = parseArchiveName(key);
          if (parsed && parsed.serverName === (serverName ?? parsed.serverName))
            found.push({ ...parsed, bytes });
        }
      }
      return found.toSorted(byAge);
    },
    async *stream(key, offset, length) {
      const end = offset + length;
      for (let at = offset; at < end; at += rangeBytes) {
        yield* range(key, at, Math.min(at + rangeBytes, end));
      }
    },
    async open(name) {
      const head = await bucket.send("HEAD", name);
      if (head.status === 404) throw new BackupError("missing", `There is no ${name} in the bucket.`);
      const size = Number((await bucket.expect(head, "HEAD", 200)).headers.get("content-length"));
      return {
        size,
        async read(offset, length) {
          if (length === 0) return new Uint8Array();
          const headers = { range: `bytes=${offset}-${offset + length - 1}` };
          const answer = await bucket.expect(await bucket.send("GET", name, { headers }), "GET", 200, 206);
          const bytes = new Uint8Array(await answer.arrayBuffer());
          return answer.status === 200 ? bytes.subarray(offset, offset + length) : bytes;
        },
        close: () => Promise.resolve(),
      };
    },
    async packs(instance) {
      const sizes = new Map<string, number>();
      for await (const page of bucket.pages(`packs/${instance}/`)) {
        for (const { key, bytes } of page)
          sizes.set(key.slice(key.lastIndexOf("/") + 1).replace(/\.age$/, ""), bytes);
      }
      return {
        size: (hash) => Promise.resolve(sizes.get(hash)),
        async *all() {
          yield* sizes.keys();
        },
      };
    },
    putPack: (instance, hash, file) => put(packPath(instance, hash), file, hash),
    putArchive: (name, file, hash) => put(name, file, hash),
    remove: (key) => bucket.remove(key),
    removePack: (instance, hash) => bucket.remove(packPath(instance, hash)),
  };
}
