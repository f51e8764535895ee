/**
 * The process that decodes what strangers sent (L3): no secrets in its environment, nothing written, ended by its parent
 * when it takes too long or too much. It ends by itself when the parent is gone.
 */
import type { Sharp } from "sharp";
import type { ThumbnailJob, ThumbnailReply } from "./thumbnail-job.ts";

const send = (reply: ThumbnailReply): void => void process.send?.(reply);
process.on("disconnect", () => process.exit(0));

const sharp = await load();

/** Undefined where the library is not installed, or has no build for this machine. */
async function load() {
  try {
    const { default: library } = await import("sharp");
    library.cache(false);
    library.concurrency(1);
    // Of libvips' many readers only those of the formats that browsers show.
    library.block({ operation: ["VipsForeignLoad"] });
    library.unblock({
      operation: [
        "VipsForeignLoadJpegFile",
        "VipsForeignLoadPngFile",
        "VipsForeignLoadNsgifFile",
        "VipsForeignLoadWebpFile",
      ],
    });
    return library;
  } catch {
    return undefined;
  }
}

type Library = NonNullable<typeof sharp>;

async function make(library: Library, job: ThumbnailJob): Promise<void> {
  const { id, path, width, height, method, animated, mostPixels } = job;
  const open = (moving: boolean): Sharp =>
    library(path, { animated: moving, limitInputPixels: mostPixels, failOn: "error", sequentialRead: true });
  const { hasAlpha, pages = 1 } = await open(false).metadata();
  const moves = animated && pages > 1;
  const fit = method === "crop" ? "cover" : "inside";
  const picture = open(moves)
    .autoOrient()
    .resize({ width, height, fit, withoutEnlargement: true })
    .timeout({ seconds: 10 });
  const [format, type] = moves
    ? ["webp", "image/webp"]
    : hasAlpha
      ? ["png", "image/png"]
      : ["jpeg", "image/jpeg"];
  const bytes = await picture.toFormat(format as "webp" | "png" | "jpeg", { quality: 80 }).toBuffer();
  send({ kind: "made", id, type, bytes });
}

if (sharp) {
  process.on("message", (job: ThumbnailJob) => {
    make(sharp, job).catch(() => send({ kind: "failed", id: job.id }));
  });
}
send({ kind: sharp ? "ready" : "unavailable" });
