import type { Outbound } from "../../../host/outbound/outbound.ts";
import { OutboundError } from "../../../host/outbound/outbound-error.ts";
import type { Database } from "../../../storage/database.ts";
import { inSmallWrites } from "../../../storage/small-writes.ts";
import type { JsonObject } from "../events/event.ts";
import { forbidden, invalidParam, MatrixError } from "../matrix-error.ts";
import { tooBusy } from "../route.ts";
import { decodePage } from "./decode-page.ts";
import { imageHeadBytes, readImageSize } from "./image-size.ts";
import { judgeContent } from "./judge-content.ts";
import type { KeptBlobs } from "../../../storage/kept-blobs.ts";
import { type MediaStore, newMediaId } from "./media-store.ts";
import { readPage } from "./read-page.ts";
import { watchEnds } from "./upload-body.ts";

export interface UrlPreviews {
  /**
   * What the page at the address says of itself, in the names of Open Graph; empty where it says nothing. Throws
   * MatrixError: 400 for no address, 403 for one that is not fetched, 429 where a member asks too much, 502 where the other
   * server does not answer.
   */
  find(userId: string, url: string): Promise<JsonObject>;
  tidy(): Promise<void>;
}

/** What is told in a page is in its head. */
const pageBytes = 512 * 1024;
const imageBytes = 5_000_000;
const pageMs = 10_000;
const answerMs = 60 * 60 * 1000;
/** Longer than the answer that names it: clients keep that for themselves. */
const imageMs = 3 * 24 * 60 * 60 * 1000;
/** Of all pictures together; without room a preview has none. */
const mostImageBytes = 200_000_000;
/** Of one member: at a time, and in a minute. */
const mostAtOnce = 4;
const mostAMinute = 30;
const minute = 60_000;
const holder = "previews";

export function createUrlPreviews(options: {
  readonly serverName: string;
  readonly database: Database;
  readonly media: MediaStore;
  readonly blobs: KeptBlobs;
  readonly outbound: Pick<Outbound, "fetch">;
  readonly now: () => number;
}): UrlPreviews {
  const { serverName, database, media, blobs, outbound, now } = options;
  const stored = database.prepare<{ answer: string }>(
    "SELECT answer FROM url_previews WHERE url = ? AND expires_at > ?",
  );
  const store = database.prepare(
    `INSERT INTO url_previews (url, answer, expires_at) VALUES (?, ?, ?)
       ON CONFLICT (url) DO UPDATE SET answer = excluded.answer, expires_at = excluded.expires_at`,
  );
  const removeExpired = database.prepare(
    "DELETE FROM url_previews WHERE url IN (SELECT url FROM url_previews WHERE expires_at <= ? LIMIT 100)",
  );
  const underWay = new Map<string, Promise<JsonObject>>();
  const members = new Map<string, { since: number; asked: number; open: number }>();

  /** Counts the member's request; what it returns says that it is over. */
  function admit(userId: string): () => void {
    const time = now();
    for (const [name, { since, open }] of members) {
      if (open === 0 && time - since >= minute) members.delete(name);
    }
    const own = members.get(userId) ?? { since: time, asked: 0, open: 0 };
    if (time - own.since >= minute) Object.assign(own, { since: time, asked: 0 });
    if (own.open >= mostAtOnce || own.asked >= mostAMinute) {
      throw tooBusy("That are many previews at once. Ask again in a moment.");
    }
    own.asked += 1;
    own.open += 1;
    members.set(userId, own);
    return () => void (own.open -= 1);
  }

  async function make(url: string): Promise<JsonObject> {
    const answer = await fetchPreview(url);
    await database.write(() => void store.run(url, JSON.stringify(answer), now() + answerMs));
    return answer;
  }

  async function fetchPreview(url: string): Promise<JsonObject> {
    const headers = { accept: "text/html, application/xhtml+xml, image/*;q=0.8, */*;q=0.1" };
    const response = await outbound.fetch("guarded", url, {
      headers,
      timeoutMs: pageMs,
      maxBytes: imageBytes,
    });
    const type = (response.headers.get("content-type") ?? "").toLowerCase();
    if (response.ok && type.startsWith("image/")) return await keepImage(response);
    if (!response.ok || !/^(?:text\/html|application\/xhtml\+xml)\b/.test(type)) {
      await response.body?.cancel();
      return {};
    }
    const bytes = await readStart(response, pageBytes);
    const { properties, image } = await readPage(decodePage(bytes, response.headers.get("content-type")));
    const address = image === undefined ? null : URL.parse(image, response.url || url);
    return { ...properties, ...(address && (await fetchImage(address.href))) };
  }

  /** A preview is one without its picture too. */
  async function fetchImage(url: string): Promise<JsonObject> {
    try {
      const headers = { accept: "image/*" };
      const response = await outbound.fetch("guarded", url, {
        headers,
        timeoutMs: pageMs,
        maxBytes: imageBytes,
      });
      if (response.ok) return await keepImage(response);
      await response.body?.cancel();
    } catch (error) {
      if (!(error instanceof OutboundError) && !(error instanceof MatrixError)) throw error;
    }
    return {};
  }

  /** Streams a picture into the store, of a format that is shown only. */
  async function keepImage(response: Response): Promise<JsonObject> {
    const declared = { type: response.headers.get("content-type") ?? "", name: null };
    if (!response.body || media.usage(holder) >= mostImageBytes) {
      await response.body?.cancel();
      return {};
    }
    const id = newMediaId();
    const expiresAt = now() + imageMs;
    let start: Buffer = Buffer.alloc(0);
    const body = watchEnds(
      (async function* () {
        for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
          if (start.length < imageHeadBytes) start = Buffer.concat([start, chunk]);
          yield chunk;
        }
      })(),
    );
    return await blobs.put(body.chunks, imageBytes, ({ hash, size }) => {
      const picture = readImageSize(start);
      if (!picture) throw forbidden("It is no picture of a format that is shown.");
      const { head, tail } = body.ends();
      const type = `image/${picture.format}`;
      // Polyglots are refused here as in uploads.
      judgeContent(head, tail, declared);
      media.insert({ id, holder, hash, size, type, shown: 1, name: null, expiresAt });
      return {
        "og:image": `mxc://${serverName}/${id}`,
        "og:image:type": type,
        "og:image:width": picture.width,
        "og:image:height": picture.height,
        "matrix:image:size": size,
      };
    });
  }

  return {
    async find(userId, text) {
      const url = URL.parse(text);
      if (!url || !/^https?:$/.test(url.protocol))
        throw invalidParam("url must be an http or https address.");
      url.hash = "";
      const known = stored.get(url.href, now());
      if (known) return JSON.parse(known.answer) as JsonObject;
      let making = underWay.get(url.href);
      if (!making) {
        const leave = admit(userId);
        making = make(url.href).finally(() => {
          leave();
          underWay.delete(url.href);
        });
        underWay.set(url.href, making);
      }
      try {
        return await making;
      } catch (error) {
        throw error instanceof OutboundError ? explain(error) : error;
      }
    },
    async tidy() {
      await inSmallWrites(database, () => removeExpired.run(now()).changes > 0);
    },
  };
}

function explain(error: OutboundError): MatrixError {
  switch (error.code) {
    case "busy":
      return tooBusy(error.message);
    case "bad-url":
    case "forbidden-address":
      return forbidden(error.message);
    default:
      return new MatrixError(502, "M_UNKNOWN", error.message);
  }
}

/** The first bytes of a body; the rest is not read. */
async function readStart(response: Response, most: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as unknown as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size >= most) break;
  }
  return Buffer.concat(chunks).subarray(0, most);
}
