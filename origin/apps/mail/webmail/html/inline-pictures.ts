import { buffer } from "node:stream/consumers";
import { sniff } from "../../../../host/sniff/sniff.ts";
import type { MailContext } from "../../mail-context.ts";
import type { BodyPart } from "../../message/message.ts";
import { readPart } from "../../message/read-part.ts";

/** Of one message, in bytes and in number: the rest are attachments. */
const largestPicture = 3_000_000;
const mostBytes = 6_000_000;
const mostPictures = 24;
const shown = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);

/**
 * The pictures that a page shows by `cid:`, as `data:` addresses. They are in the page itself, and no route serves them:
 * a frame of no origin has no cookie by which one could know who asks. What a picture is its bytes say.
 */
export async function inlinePictures(
  { blobs }: Pick<MailContext, "blobs">,
  hash: string,
  root: BodyPart,
  html: string,
): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  let left = mostBytes;
  for (const { cid, partId, type, size, name } of leavesOf(root).slice(0, 1000)) {
    if (Object.keys(found).length >= mostPictures) break;
    if (cid === null || partId === null || !type.startsWith("image/")) continue;
    if (size > Math.min(left, largestPicture) || !html.includes(cid.slice(0, 20))) continue;
    const bytes = await buffer(readPart(blobs.pathOf(hash), partId));
    const known = sniff(bytes, { type, name: name ?? undefined });
    if (!shown.has(known.type)) continue;
    left -= bytes.length;
    found[cid] = `data:${known.type};base64,${bytes.toString("base64")}`;
  }
  return found;
}

export function leavesOf(part: BodyPart): BodyPart[] {
  return part.subParts === null ? [part] : part.subParts.flatMap(leavesOf);
}
