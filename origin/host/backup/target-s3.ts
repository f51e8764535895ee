import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { AwsV4Signer } from "aws4fetch";
import type { Outbound } from "../outbound/outbound.ts";
import { OutboundError, type OutboundFault } from "../outbound/outbound-error.ts";
import { BackupError, type BackupFault } from "./backup-error.ts";
import { type BucketTarget, byAge, packPath, parseArchiveName } from "./target.ts";

/** The part of the way out that is used here. */
export type BackupOutbound = Pick<Outbound, "fetch">;

export interface BucketSettings {
  /** Of the bucket itself: `https://ACCOUNT.r2.cloudflarestorage.com/BUCKET`. */
  readonly url: string;
  readonly region: string;
  readonly keyId: string;
  readonly secret: string;
}

const emptyHash = createHash("sha256").digest("hex");
const attempts = 3;
/** What the next moment may bring; the other faults of the way out are answers. */
const passing: readonly OutboundFault[] = ["unreachable", "timeout", "busy"];
/** Asked for at once: each has its own time, so that a slow line brings something home too. */
const rangeBytes = 8 * 1024 * 1024;
/** What is no object: lists, errors, pieces of archives and their manifests. */
const answerBytes = 64 * 1024 * 1024;

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
  const bucket = settings.url.replace(/\/+$/, "");
  const urlOf = (key: string): string => `${bucket}/${key}`;

  async function send(
    method: "GET" | "HEAD" | "PUT" | "DELETE",
    url: string,
    extra: { headers?: Record<string, string>; file?: string; bytes?: number; hash?: string } = {},
  ): Promise<Response> {
    for (let attempt = 1; ; attempt += 1) {
      const sign = new AwsV4Signer({
        method,
        url,
        accessKeyId: settings.keyId,
        secretAccessKey: settings.secret,
        service: "s3",
        region: settings.region,
        headers: { ...extra.headers, "x-amz-content-sha256": extra.hash ?? emptyHash },
      });
      const signed = await sign.sign();
      const headers = Object.fromEntries(signed.headers);
      if (extra.bytes !== undefined) headers["content-length"] = String(extra.bytes);
      let fault: unknown;
      try {
        const body = extra.file === undefined ? undefined : createReadStream(extra.file);
        const answer = await outbound.fetch("backup", signed.url.href, {
          method,
          headers,
          ...(body && { body }),
          maxBytes: answerBytes,
        });
        if (answer.status < 500 && answer.status !== 429) return answer;
        fault = `it answered ${answer.status}`;
        await answer.body?.cancel();
      } catch (error) {
        fault = error;
      }
      await waitOrGiveUp(attempt, fault);
    }
  }

  async function waitOrGiveUp(attempt: number, fault: unknown): Promise<void> {
    const isPassing = !(fault instanceof OutboundError) || passing.includes(fault.code);
    if (!isPassing) throw unusable(fault);
    if (attempt === attempts) throw unusable(fault, "unreachable");
    await pause(500 * 2 ** attempt);
  }

  async function expect(answer: Response, what: string, ...statuses: number[]): Promise<Response> {
    if (statuses.includes(answer.status)) return answer;
    const said = /<Code>([\w.]{1,60})<\/Code>/.exec((await answer.text()).slice(0, 4000))?.[1] ?? "";
    const isRefused = answer.status === 401 || answer.status === 403;
    throw unusable(`${what} was answered ${answer.status} ${said}`, isRefused ? "refused" : "unusable");
  }

  /** Bytes `from` to `until` of an object, at most `rangeBytes`. */
  async function* range(key: string, from: number, until: number): AsyncGenerator<Uint8Array> {
    let at = from;
    for (let attempt = 1; at < until; attempt += 1) {
      const answer = await send("GET", urlOf(key), { headers: { range: `bytes=${at}-${until - 1}` } });
      if (answer.status === 404) throw new BackupError("missing", `${key} is not in ${bucket} any more.`);
      const { body } = await expect(answer, "GET", 206);
      let fault: unknown = "it sent less than it said";
      try {
        for await (const piece of body ?? []) {
          at += piece.byteLength;
          yield piece;
        }
      } catch (error) {
        fault = error;
      }
      if (at < until) await waitOrGiveUp(attempt, fault);
    }
  }

  async function put(key: string, file: string, hash: string): Promise<void> {
    const { size } = await stat(file);
    const answer = await send("PUT", urlOf(key), { file, bytes: size, hash });
    await (await expect(answer, "PUT", 200, 201)).body?.cancel();
    await rm(file);
  }

  /** Objects by key below a prefix, page by page. */
  async function* objects(below: string, delimiter = ""): AsyncGenerator<{ key: string; bytes: number }> {
    for (let token = ""; ; ) {
      const query = new URLSearchParams({ "list-type": "2", prefix: below });
      if (delimiter !== "") query.set("delimiter", delimiter);
      if (token !== "") query.set("continuation-token", token);
      const answer = await send("GET", `${bucket}?${query.toString()}`);
      const page = await (await expect(answer, "the list", 200)).text();
      for (const [, entry = ""] of page.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
        const key = unescapeXml(/<Key>(.*?)<\/Key>/s.exec(entry)?.[1] ?? "");
        const bytes = Number(/<Size>(\d+)<\/Size>/.exec(entry)?.[1]);
        yield { key, bytes };
      }
      token = unescapeXml(/<NextContinuationToken>(.*?)<\/NextContinuationToken>/s.exec(page)?.[1] ?? "");
      if (token === "") return;
    }
  }

  async function remove(key: string): Promise<void> {
    const answer = await send("DELETE", urlOf(key));
    await (await expect(answer, "DELETE", 200, 204, 404)).body?.cancel();
  }

  function unusable(cause: unknown, fault: BackupFault = "unusable"): BackupError {
    const what = (cause instanceof Error ? cause.message : String(cause)).replace(/[. ]+$/, "");
    const cannot = { refused: "does not take the key", unreachable: "cannot be reached" };
    return new BackupError(
      fault,
      `The bucket for backups (${new URL(bucket).host}) ${cannot[fault as keyof typeof cannot] ?? "cannot be used"}: ${what}. Check its URL and region, the key's id and its secret; in burrow.toml those are [backup] s3_url, s3_region and s3_key_id, and the secret is s3-secret.`,
      { cause },
    );
  }

  return {
    description: bucket,
    folder: undefined,
    incoming,
    async list() {
      const found = [];
      for await (const { key, bytes } of objects(serverName === undefined ? "" : `${serverName}-`, "/")) {
        const parsed = parseArchiveName(key);
        if (parsed && parsed.serverName === (serverName ?? parsed.serverName))
          found.push({ ...parsed, bytes });
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
      const head = await send("HEAD", urlOf(name));
      if (head.status === 404) throw new BackupError("missing", `There is no ${name} in the bucket.`);
      const size = Number((await expect(head, "HEAD", 200)).headers.get("content-length"));
      return {
        size,
        async read(offset, length) {
          if (length === 0) return new Uint8Array();
          const headers = { range: `bytes=${offset}-${offset + length - 1}` };
          const answer = await expect(await send("GET", urlOf(name), { headers }), "GET", 200, 206);
          const bytes = new Uint8Array(await answer.arrayBuffer());
          return answer.status === 200 ? bytes.subarray(offset, offset + length) : bytes;
        },
        close: () => Promise.resolve(),
      };
    },
    async packs(instance) {
      const sizes = new Map<string, number>();
      for await (const { key, bytes } of objects(`packs/${instance}/`)) {
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
    remove,
    removePack: (instance, hash) => remove(packPath(instance, hash)),
  };
}

function unescapeXml(text: string): string {
  const names: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
  return text.replace(/&(amp|lt|gt|quot|apos);/g, (_, name: string) => names[name] ?? "");
}
