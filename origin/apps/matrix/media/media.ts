import { join } from "node:path";
import type { Config } from "../../../config/config.ts";
import type { Log } from "../../../host/log.ts";
import { createLine } from "../../../host/turns.ts";
import type { Outbound } from "../../../host/outbound/outbound.ts";
import type { BlobStore } from "../../../storage/blobs.ts";
import type { Database } from "../../../storage/database.ts";
import { MatrixError, notFound } from "../matrix-error.ts";
import { createArrivals } from "./arrivals.ts";
import { createKeptBlobs, type KeptBlobs } from "../../../storage/kept-blobs.ts";
import { createMediaStore, type MediaRow } from "./media-store.ts";
import { openResumableUploads, type ResumableUploads } from "./resumable.ts";
import { removeOldMedia } from "./retention.ts";
import { createThumbnailMaker } from "./thumbnail-maker.ts";
import { createThumbnails, type Thumbnails } from "./thumbnails.ts";
import { createUrlPreviews, type UrlPreviews } from "./url-previews.ts";
import { createUploads, type Uploads } from "./uploads.ts";

/** A media id with its content. */
export type PresentMedia = MediaRow & { readonly hash: string };

/** Which media a client asks for, and how long it waits for a content that is still to come. */
export interface MediaWish {
  readonly serverName: string;
  readonly id: string;
  readonly waitMs: number;
  readonly signal: AbortSignal;
  /** Throws when the session has ended while it waited. */
  readonly checkSession: () => void;
}

/** The content repository. */
export interface Media {
  readonly blobs: KeptBlobs;
  readonly uploads: Uploads;
  readonly resumable: ResumableUploads;
  readonly thumbnails: Thumbnails;
  readonly previews: UrlPreviews;
  /** Whether the addresses without authentication serve anything; see client-api/content-repo.ts. */
  readonly isOpen: boolean;
  /** The media asked for. Throws 404, or 504 M_NOT_YET_UPLOADED when the wait is over. */
  find(wish: MediaWish): Promise<PresentMedia>;
  /** Inside a write: deletes at most `limit` of the holder's media ids; how many it were. Their blobs go with `collect`. */
  erase(holder: string, limit: number): number;
  /** Deletes what is over: expired ids and uploads, what retention says, blobs that nothing needs. */
  tidy(): Promise<void>;
  close(): Promise<void>;
}

export function createMedia(options: {
  readonly config: Config;
  readonly database: Database;
  readonly blobs: BlobStore;
  readonly outbound: Pick<Outbound, "fetch">;
  /** Whether the user's account is there, and not deactivated. */
  readonly hasAccount: (userId: string) => boolean;
  readonly log: Log;
  readonly now: () => number;
}): Media {
  const { config, database, outbound, hasAccount, log, now } = options;
  const store = createMediaStore(database, now);
  const forgetThumbnails = database.prepare("DELETE FROM media_thumbnails WHERE source = ?");
  const blobs = createKeptBlobs({
    database,
    blobs: options.blobs,
    tables: { blobs: "media_blobs", search: "media_search" },
    forgetAlso: (hash) => void forgetThumbnails.run(hash),
    onError: (error) => log.error("matrix.media.collect-failed", { error }),
  });
  const arrivals = createArrivals();
  const uploads = createUploads({ config: config.matrix, database, store, blobs, arrivals, hasAccount, now });
  const resumable = openResumableUploads({
    folder: join(config.dataDir, "uploads"),
    largest: config.matrix.maxResumableSize,
    database,
    media: store,
    blobs,
    uploads,
    now,
  });
  const maker = createThumbnailMaker();
  const thumbnails = createThumbnails({ database, blobs, maker, today: () => store.today() });
  const { serverName } = config;
  const previews = createUrlPreviews({ serverName, database, media: store, blobs, outbound, now });

  const isAwaited = (row: MediaRow): boolean => row.hash === null && (row.expiresAt ?? 0) > now();
  const ending = new AbortController();

  async function tidyUp(): Promise<void> {
    const steps = [
      () => removeOldMedia(database, store, config.matrix.mediaRetentionDays, ending.signal),
      () => resumable.tidy(),
      () => thumbnails.tidy(),
      () => previews.tidy(),
      () => blobs.searchAfterRestore(),
      () => blobs.collect(),
    ];
    for (const step of steps) if (!ending.signal.aborted) await step();
  }
  const tidying = createLine(tidyUp);

  return {
    blobs,
    uploads,
    resumable,
    thumbnails,
    previews,
    isOpen: config.testing !== undefined,
    async find({ serverName: server, id, waitMs, signal, checkSession }) {
      // There is no federation: other servers' media are not here.
      const look = (): MediaRow | undefined => (server === serverName ? store.find(id) : undefined);
      let row = look();
      if (row && isAwaited(row)) {
        await arrivals.wait(id, waitMs, signal);
        checkSession();
        row = look();
        if (row && isAwaited(row)) {
          throw new MatrixError(
            504,
            "M_NOT_YET_UPLOADED",
            "This file has not been uploaded yet. Try again later.",
          );
        }
      }
      if (!row || row.hash === null) throw notFound("There is no such file here.");
      store.touch(row).catch((error: unknown) => log.error("matrix.media.touch-failed", { error }));
      return row as PresentMedia;
    },
    erase: (holder, limit) => store.erase(holder, limit),
    tidy: () => tidying.run(),
    async close() {
      ending.abort();
      arrivals.close();
      maker.close();
      await resumable.close();
      await blobs.close();
      await tidying.ended();
    },
  };
}
