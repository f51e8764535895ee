import { chmod, stat } from "node:fs/promises";
import type { Outbound } from "../outbound/outbound.ts";
import { OutboundError } from "../outbound/outbound-error.ts";
import { DownloadError } from "./download-error.ts";
import { hashFile, openPartialFile, type PartialFile } from "./partial-file.ts";

/** One file, pinned: these bytes and no others. */
export interface PinnedFile {
  readonly url: string;
  /** 64 hexadecimal digits, lower case. */
  readonly sha256: string;
  /** Bytes past which nobody reads on. */
  readonly maxBytes: number;
  readonly executable?: boolean;
}

export interface FetchOptions {
  readonly outbound: Pick<Outbound, "fetch">;
  readonly signal?: AbortSignal | undefined;
  /** `total` is undefined where the server does not tell. */
  readonly onProgress?: (progress: { bytes: number; total: number | undefined }) => void;
}

/**
 * Brings a pinned file to `target` (K5): streamed to a file beside it, hashed on the way, and renamed only when the
 * hash is the pinned one. What broke off is continued the next time, as long as the server says that it still is the
 * same file. A target that already holds these bytes is left alone, with nothing asked. For each target one at a time.
 *
 * Throws DownloadError, what the disk throws, and `signal.reason` when aborted. Whatever it throws, no file stands at
 * `target` that was not verified.
 */
export async function fetchVerified(
  pin: PinnedFile,
  target: string,
  options: FetchOptions,
): Promise<{ bytes: number; fetched: boolean }> {
  const mode = pin.executable === true ? 0o700 : 0o600;
  if ((await hashFile(target)) === pin.sha256) {
    await chmod(target, mode);
    return { bytes: (await stat(target)).size, fetched: false };
  }
  const partial = await openPartialFile(target, pin);
  try {
    if (partial.size > pin.maxBytes) await partial.restart(undefined);
    // A beginning that the server no longer knows is given up, once.
    if (!(await receive(pin, partial, options))) await receive(pin, partial, options);
  } catch (error) {
    if (error instanceof DownloadError && error.code === "too-large") await partial.remove();
    else await partial.leave();
    options.signal?.throwIfAborted();
    throw error;
  }
  if (partial.digest() !== pin.sha256) {
    const came = partial.digest();
    await partial.remove();
    throw new DownloadError("checksum", `pinned ${pin.sha256}, came ${came}`);
  }
  await partial.finish(mode);
  return { bytes: partial.size, fetched: true };
}

/** Asks for what is missing. False: the beginning is none of what the server has, and was dropped; ask again. */
async function receive(pin: PinnedFile, partial: PartialFile, options: FetchOptions): Promise<boolean> {
  const from = partial.size;
  const { validator } = partial;
  const headers: Record<string, string> =
    from > 0 && validator !== undefined ? { range: `bytes=${from}-`, "if-range": validator } : {};
  const response = await ask(pin, headers, options);
  const body = response.body as ReadableStream<Uint8Array> | null;
  const found = judge(response, from, validator);
  if (found === "again" || found instanceof DownloadError) {
    await body?.cancel();
    if (found instanceof DownloadError) throw found;
    await partial.restart(undefined);
    return false;
  }
  if (found.from === 0) await partial.restart(validatorOf(response.headers));
  if (found.total !== undefined && found.total > pin.maxBytes) {
    await body?.cancel();
    throw new DownloadError("too-large", `${found.total} bytes`);
  }
  try {
    for await (const chunk of body ?? []) {
      if (partial.size + chunk.byteLength > pin.maxBytes) throw new DownloadError("too-large");
      await partial.append(chunk);
      options.onProgress?.({ bytes: partial.size, total: found.total });
    }
  } catch (error) {
    throw explain(error, pin);
  }
  // Without a length only the hash tells a short body from a whole one, and it is about to.
  if (found.total !== undefined && partial.size < found.total) throw new DownloadError("cut-off");
  return true;
}

async function ask(
  pin: PinnedFile,
  headers: Record<string, string>,
  { outbound, signal }: FetchOptions,
): Promise<Response> {
  try {
    return await outbound.fetch("download", pin.url, { headers, signal, maxBytes: pin.maxBytes });
  } catch (error) {
    throw explain(error, pin);
  }
}

/** Where the body begins and how much the whole is, or what is wrong with the answer. */
function judge(
  response: Response,
  from: number,
  validator: string | undefined,
): { from: number; total: number | undefined } | "again" | DownloadError {
  const { status, headers } = response;
  if (status === 200) return { from: 0, total: numberOf(headers.get("content-length")) };
  if (from > 0 && status === 416) return "again";
  if (from > 0 && status === 206) {
    const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get("content-range") ?? "");
    // RFC 9110 §15.3.7: a part bears the validator of what it is a part of.
    const isSame = [validatorOf(headers), headers.get("last-modified")].includes(validator ?? "");
    if (!range || Number(range[1]) !== from || !isSame) return "again";
    return { from, total: numberOf(range[2] ?? null) };
  }
  return status >= 400
    ? new DownloadError("refused", `status ${status}`)
    : new DownloadError("bad-answer", `status ${status}`);
}

/** A weak ETag names what may differ byte by byte (RFC 9110 §8.8.1): it is no ground to continue on. */
function validatorOf(headers: Headers): string | undefined {
  const tag = headers.get("etag");
  return tag !== null && /^"[^"]*"$/.test(tag) ? tag : (headers.get("last-modified") ?? undefined);
}

function numberOf(text: string | null): number | undefined {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function explain(error: unknown, pin: PinnedFile): unknown {
  if (!(error instanceof OutboundError)) return error;
  const { host } = new URL(pin.url);
  switch (error.code) {
    case "too-large":
      return new DownloadError("too-large", undefined, { cause: error });
    case "not-listed":
    case "bad-url":
    case "bad-redirect":
    case "too-many-redirects":
      return new DownloadError("not-allowed", host, { cause: error });
    case "bad-answer":
      return new DownloadError("bad-answer", host, { cause: error });
    default:
      return new DownloadError("cut-off", host, { cause: error });
  }
}
