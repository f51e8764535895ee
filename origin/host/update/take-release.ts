import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync, readFileSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { UpdateError } from "./update-error.ts";

/** The hash beside a file, as sha256sum writes it: `HASH  NAME`. Undefined where there is none. */
export function hashBeside(file: string): string | undefined {
  const path = `${file}.sha256`;
  if (!existsSync(path)) return undefined;
  return /^([0-9a-f]{64})\b/.exec(readFileSync(path, "utf8"))?.[1];
}

/**
 * Copies a release's archive to `target`, hashed on the way: what is unpacked then is what was verified, whatever
 * becomes of the original. Throws UpdateError when it is not what the hash names.
 */
export async function takeRelease(file: string, sha256: string, target: string): Promise<void> {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true)
    throw new UpdateError(`There is no file ${file}.`);
  const hash = createHash("sha256");
  await rm(target, { force: true });
  await pipeline(
    createReadStream(file),
    async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        yield chunk;
      }
    },
    createWriteStream(target, { flags: "wx", mode: 0o600 }),
  );
  const came = hash.digest("hex");
  if (came === sha256) return;
  await rm(target, { force: true });
  throw new UpdateError(
    `${file} is not the release that its SHA-256 names (${sha256}, it is ${came}). Nothing has changed. Fetch it again, and the hash from where it is published.`,
  );
}
