import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { AwsV4Signer } from "aws4fetch";
import type { OutboundInit } from "../outbound/outbound.ts";
import { OutboundError, type OutboundFault } from "../outbound/outbound-error.ts";
import { readAnswer } from "./read-answer.ts";

export interface BucketSettings {
  /** Of the bucket itself: `https://ACCOUNT.r2.cloudflarestorage.com/BUCKET`. */
  readonly url: string;
  readonly region: string;
  readonly keyId: string;
  readonly secret: string;
}

/** `refused`: the key is not taken. `unreachable`: tried some times. `closed`: nothing goes out now. */
export type S3Fault = "refused" | "unreachable" | "unusable" | "closed";

export interface S3Object {
  readonly key: string;
  readonly bytes: number;
}

export interface S3Request {
  readonly headers?: Record<string, string>;
  /** A file's content, with its SHA-256 in hex; or a text. */
  readonly file?: { readonly path: string; readonly bytes: number; readonly hash: string };
  readonly text?: string;
  readonly signal?: AbortSignal | undefined;
  /** Of the answer. */
  readonly maxBytes?: number;
  /** For one attempt, the answer's body too. */
  readonly timeoutMs?: number;
}

/** A bucket that speaks S3 (R2, for one). Bodies are signed by their hash, so what arrives is what was sent. */
export interface S3Bucket {
  /** Without a slash at its end. */
  readonly url: string;
  /** `key` empty: the bucket itself. Tries again what the next moment may mend; any status below 500 is an answer. */
  send(
    method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE",
    key: string,
    request?: S3Request,
  ): Promise<Response>;
  /** The answer, where its status is one of these. */
  expect(answer: Response, what: string, ...statuses: number[]): Promise<Response>;
  /** Waits before another attempt, the first being 1, or throws where one more would not help. */
  retry(attempt: number, fault: unknown, signal?: AbortSignal): Promise<void>;
  /** Objects by key below a prefix, at most 1,000 a page; one page at least, which may be empty. */
  pages(
    prefix: string,
    options?: { delimiter?: string; signal?: AbortSignal },
  ): AsyncGenerator<readonly S3Object[]>;
  /** It is gone afterwards, whether it was there or not. */
  remove(key: string): Promise<void>;
  /** The same for at most 1,000 at once. Answers those that are still there. */
  removeAll(keys: readonly string[], signal?: AbortSignal): Promise<readonly string[]>;
}

const attempts = 3;
/** What the next moment may bring; the other faults of the way out are answers. */
const passing: readonly OutboundFault[] = ["unreachable", "timeout", "busy"];
const closing: readonly OutboundFault[] = ["closed", "aborted"];
/** What is no object: lists, errors, pieces of archives and their manifests. */
const answerBytes = 64 * 1024 * 1024;
const emptyHash = createHash("sha256").digest("hex");

export function openS3Bucket(options: {
  settings: BucketSettings;
  /** The way out, for one purpose of its table. */
  ask: (url: string, init: OutboundInit) => Promise<Response>;
  /** What is thrown, in the words of who uses the bucket. `cause` says what was found. */
  fail: (fault: S3Fault, cause: unknown) => Error;
}): S3Bucket {
  const { settings, ask, fail } = options;
  const url = settings.url.replace(/\/+$/, "");
  /** Of the signer: the day's key, which else is derived anew for each request. */
  const derivedKeys = new Map<string, ArrayBuffer>();

  async function send(
    method: string,
    target: string,
    { headers, file, text, signal, maxBytes, timeoutMs }: S3Request,
  ): Promise<Response> {
    const hash = text === undefined ? file?.hash : createHash("sha256").update(text).digest("hex");
    for (let attempt = 1; ; attempt += 1) {
      const sign = new AwsV4Signer({
        method,
        url: target,
        accessKeyId: settings.keyId,
        secretAccessKey: settings.secret,
        service: "s3",
        region: settings.region,
        cache: derivedKeys,
        headers: { ...headers, "x-amz-content-sha256": hash ?? emptyHash },
      });
      const signed = await sign.sign();
      const sent = Object.fromEntries(signed.headers);
      if (file) sent["content-length"] = String(file.bytes);
      let fault: unknown;
      try {
        const body = file ? createReadStream(file.path) : text;
        const answer = await ask(signed.url.href, {
          method,
          headers: sent,
          ...(body !== undefined && { body }),
          signal,
          maxBytes: maxBytes ?? answerBytes,
          timeoutMs,
        });
        if (answer.status < 500 && answer.status !== 429) return answer;
        fault = `it answered ${answer.status}`;
        await answer.body?.cancel();
      } catch (error) {
        fault = error;
      }
      await retry(attempt, fault, signal);
    }
  }

  async function retry(attempt: number, fault: unknown, signal?: AbortSignal): Promise<void> {
    if (fault instanceof OutboundError && !passing.includes(fault.code))
      throw fail(closing.includes(fault.code) ? "closed" : "unusable", fault);
    if (attempt === attempts) throw fail("unreachable", fault);
    try {
      await pause(500 * 2 ** attempt, undefined, { signal });
    } catch {
      throw fail("closed", fault);
    }
  }

  async function expect(answer: Response, what: string, ...statuses: number[]): Promise<Response> {
    if (statuses.includes(answer.status)) return answer;
    const said = /<Code>([\w.]{1,60})<\/Code>/.exec((await answer.text()).slice(0, 4000))?.[1] ?? "";
    const isRefused = answer.status === 401 || answer.status === 403;
    throw fail(isRefused ? "refused" : "unusable", `${what} was answered ${answer.status} ${said}`);
  }

  const urlOf = (key: string): string => (key === "" ? url : `${url}/${key}`);

  return {
    url,
    send: (method, key, request = {}) => send(method, urlOf(key), request),
    expect,
    retry,
    async *pages(prefix, { delimiter = "", signal } = {}) {
      for (let token = ""; ; ) {
        const query = new URLSearchParams({ "list-type": "2", prefix });
        if (delimiter !== "") query.set("delimiter", delimiter);
        if (token !== "") query.set("continuation-token", token);
        const answer = await send("GET", `${url}?${query.toString()}`, { signal });
        const page = await readAnswer(await (await expect(answer, "the list", 200)).text());
        yield page
          .all("Contents")
          .map((entry) => ({ key: entry.get("Key") ?? "", bytes: Number(entry.get("Size")) }));
        token = page.get("NextContinuationToken") ?? "";
        if (token === "") return;
      }
    },
    async remove(key) {
      const answer = await send("DELETE", urlOf(key), {});
      await (await expect(answer, "DELETE", 200, 204, 404)).body?.cancel();
    },
    async removeAll(keys, signal) {
      if (keys.length === 0) return [];
      const objects = keys.map((key) => `<Object><Key>${escapeXml(key)}</Key></Object>`).join("");
      const text = `<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet>${objects}</Delete>`;
      const md5 = createHash("md5").update(text).digest("base64");
      const headers = { "content-md5": md5, "content-type": "application/xml" };
      const answer = await send("POST", `${url}?delete=`, { text, headers, signal });
      const told = await readAnswer(await (await expect(answer, "the deletion", 200)).text());
      return told
        .all("Error")
        .filter((entry) => entry.get("Code") !== "NoSuchKey")
        .map((entry) => entry.get("Key") ?? "");
    },
  };
}

function escapeXml(text: string): string {
  const names: Record<string, string> = { "&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos" };
  return text.replace(/[&<>"']/g, (character) => `&${names[character]};`);
}
