import { buffer } from "node:stream/consumers";
import type { Database } from "../../../storage/database.ts";
import { MatrixError, tooLarge } from "../matrix-error.ts";
import { tooBusy } from "../route.ts";
import { imageHeadBytes, type ImageSize, readImageSize } from "./image-size.ts";
import type { KeptBlobs } from "../../../storage/kept-blobs.ts";
import type { PresentMedia } from "./media.ts";
import type { ServedMedia } from "./serve-media.ts";
import { ThumbnailError, type ThumbnailMaker } from "./thumbnail-maker.ts";
import { chooseThumbnailSize, type ThumbnailSize } from "./thumbnail-size.ts";
import { createThumbnailStore } from "./thumbnail-store.ts";

export interface ThumbnailWish extends ThumbnailSize {
  /** False forbids movement, undefined only advises against it. */
  readonly animated: boolean | undefined;
}

export interface Thumbnails {
  /**
   * The thumbnail nearest to the wish: kept, made, or the picture itself where this machine cannot make any. Throws
   * MatrixError: 400 for what is no picture, 413 for one that would take too much, 429 when too many are waiting.
   */
  find(media: PresentMedia, wish: ThumbnailWish): Promise<ServedMedia>;
  /** Deletes those that nobody looked at for long, and the longest unused ones of too many. */
  tidy(): Promise<void>;
}

/** Of the picture's file. */
const largestSource = 50_000_000;
/** A picture that is sent in the place of its thumbnail. */
const largestOriginal = 10_000_000;
/** A JPEG is decoded at an eighth of its size where that suffices; the others as a whole, four bytes a pixel. */
const mostPixels: Readonly<Record<ImageSize["format"], number>> = {
  jpeg: 220_000_000,
  png: 50_000_000,
  gif: 50_000_000,
  webp: 50_000_000,
};
const mostBytes = 500_000_000;
const unusedDays = 30;
/** Pictures of which none could be made are remembered for a while: each of them costs a process. */
const mostRemembered = 500;
const rememberedMs = 60 * 60 * 1000;

export function createThumbnails(options: {
  readonly database: Database;
  readonly blobs: KeptBlobs;
  readonly maker: ThumbnailMaker;
  readonly today: () => number;
}): Thumbnails {
  const { database, blobs, maker, today } = options;
  const store = createThumbnailStore(database);
  const underWay = new Map<string, Promise<ServedMedia>>();
  const failed = new Map<string, { readonly error: ThumbnailError; readonly until: number }>();

  async function inspect({ hash }: PresentMedia): Promise<ImageSize> {
    const head = await blobs.open(hash, { start: 0, end: imageHeadBytes - 1 });
    const size = head && readImageSize(await buffer(head.stream));
    if (!size) throw notThumbnailed("No thumbnail can be made of this file.");
    return size;
  }

  async function make(
    media: PresentMedia,
    wish: ThumbnailWish,
    { variant, moves }: { readonly variant: string; readonly moves: boolean },
  ): Promise<ServedMedia> {
    const { hash: source } = media;
    if (media.size > largestSource) throw tooCostly();
    const picture = await inspect(media);
    // Judged by what the file says of itself, before anything decodes it.
    if (picture.width * picture.height > mostPixels[picture.format]) throw tooCostly();
    try {
      const known = failed.get(source);
      if (known && performance.now() < known.until) throw known.error;
      const made = await maker.make({
        ...chooseThumbnailSize(wish),
        path: blobs.pathOf(source),
        animated: moves,
        mostPixels: mostPixels[picture.format],
      });
      const { type } = made;
      const hash = await blobs.put(made.bytes, made.bytes.byteLength, (blob) => {
        store.insert(source, variant, { ...blob, type, usedOn: today() });
        return blob.hash;
      });
      return served(hash, type);
    } catch (error) {
      if (!(error instanceof ThumbnailError)) throw error;
      return explain(error, media, picture, wish);
    }
  }

  /** The picture itself, or why there is nothing. */
  function explain(
    error: ThumbnailError,
    media: PresentMedia,
    picture: ImageSize,
    wish: ThumbnailWish,
  ): ServedMedia {
    if (error.code === "busy") throw tooBusy("Many thumbnails are being made. Ask again in a moment.");
    if (error.code === "unavailable") {
      if (media.size > largestOriginal) throw tooCostly();
      // These may move, and a picture that must not could not be made of them.
      if (wish.animated === false && picture.format !== "jpeg" && picture.format !== "png") {
        throw notThumbnailed("This server cannot make thumbnails.");
      }
      return served(media.hash, `image/${picture.format}`);
    }
    if (failed.get(media.hash)?.error !== error) {
      failed.delete(media.hash);
      failed.set(media.hash, { error, until: performance.now() + rememberedMs });
    }
    for (const [oldest] of failed) if (failed.size > mostRemembered) failed.delete(oldest);
    throw error.code === "unreadable" ? notThumbnailed("This picture cannot be read.") : tooCostly();
  }

  return {
    async find(media, wish) {
      const { width, height, method } = chooseThumbnailSize(wish);
      const moves = wish.animated === true && /^image\/(?:gif|webp)/i.test(media.type);
      const variant = `${width}x${height} ${method}${moves ? " animated" : ""}`;
      const kept = store.find(media.hash, variant);
      if (kept) {
        if (kept.usedOn < today()) await store.touch(media.hash, variant, today());
        return served(kept.hash, kept.type);
      }
      const key = `${media.hash} ${variant} ${wish.animated}`;
      let making = underWay.get(key);
      if (!making) {
        making = make(media, wish, { variant, moves });
        underWay.set(key, making);
        const done = (): void => void underWay.delete(key);
        making.then(done, done);
      }
      return making;
    },
    tidy: () => store.trim(today() - unusedDays, mostBytes),
  };
}

/** Specification: a thumbnail is always inline. */
function served(hash: string, type: string): ServedMedia {
  return { hash, type, shown: true, name: `thumbnail.${type.slice("image/".length)}` };
}

const notThumbnailed = (message: string): MatrixError => new MatrixError(400, "M_UNKNOWN", message);
const tooCostly = (): MatrixError =>
  tooLarge("This picture is too large for a thumbnail. Download it as it is.");
