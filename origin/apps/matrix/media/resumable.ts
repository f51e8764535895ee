import { mkdirSync } from "node:fs";
import { open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { sniffHeadBytes } from "../../../host/sniff/sniff.ts";
import type { ByteRange } from "../../../storage/blobs.ts";
import type { Database } from "../../../storage/database.ts";
import { MatrixError, notFound, tooLarge } from "../matrix-error.ts";
import { appendBody } from "./append-body.ts";
import { judgeContent } from "./judge-content.ts";
import type { KeptBlobs } from "../../../storage/kept-blobs.ts";
import { type MediaStore, newMediaId } from "./media-store.ts";
import { createResumableStore, type ResumableRow } from "./resumable-store.ts";
import { tailBytes } from "./upload-body.ts";
import { asMatrixError, type DeclaredFile, type Uploads } from "./uploads.ts";

/** How far an upload in parts has come. */
export interface ResumableState {
  readonly id: string;
  readonly offset: number;
  readonly length: number;
  /** Unix ms. */
  readonly expiresAt: number;
  /** The media id that it became once it was complete. */
  readonly media: string | null;
}

/**
 * Uploads in parts, of files that one request cannot carry. The content so far is a file, and its size is the offset: so
 * it outlives a restart as it is. Each throws MatrixError, 404 where the upload is not the member's or is over.
 */
export interface ResumableUploads {
  create(holder: string, length: number, file: DeclaredFile): Promise<ResumableState>;
  look(id: string, holder: string): Promise<ResumableState>;
  /** Appends the body, or what comes of it. The last part makes the media id. 409 when `offset` is another one. */
  append(id: string, holder: string, offset: number, request: Request): Promise<ResumableState>;
  remove(id: string, holder: string): Promise<void>;
  /** Removes all of the holder's. */
  erase(holder: string): Promise<void>;
  /** Removes what expired, and files that no upload has. */
  tidy(): Promise<void>;
  /** Breaks off what is under way. */
  close(): Promise<void>;
}

/** After its last part. */
const lastingMs = 24 * 60 * 60 * 1000;
/** Unfinished ones of one member. */
const mostOpen = 16;

export function openResumableUploads(options: {
  /** The folder of the files. */
  readonly folder: string;
  readonly largest: number;
  readonly database: Database;
  readonly media: MediaStore;
  readonly blobs: KeptBlobs;
  readonly uploads: Uploads;
  readonly now: () => number;
}): ResumableUploads {
  const { folder, largest, database, media, blobs, uploads, now } = options;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const store = createResumableStore(database);
  const underWay = new Map<string, { stop: AbortController; done: Promise<void> }>();
  const pathOf = (id: string): string => join(folder, id);

  /**
   * One at a time for each upload. Who comes later ends who is there: a client that asks again has lost its first
   * connection, which may look alive here for long.
   */
  async function alone<T>(id: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    for (let other = underWay.get(id); other; other = underWay.get(id)) {
      other.stop.abort();
      await other.done;
    }
    const { promise: done, resolve } = Promise.withResolvers<void>();
    const stop = new AbortController();
    underWay.set(id, { stop, done });
    try {
      return await work(stop.signal);
    } finally {
      underWay.delete(id);
      resolve();
    }
  }

  function rowOf(id: string, holder: string): ResumableRow {
    const row = store.find(id);
    if (!row || row.holder !== holder || row.expiresAt <= now()) {
      throw notFound("There is no such upload: it may have expired. Begin a new one.");
    }
    return row;
  }

  async function stateOf(row: ResumableRow): Promise<ResumableState> {
    const { id, length, expiresAt } = row;
    if (row.media !== null) return { id, offset: length, length, expiresAt, media: row.media };
    const offset = await sizeOf(pathOf(id));
    // Killed between the last part and its answer: what is missing is done now.
    if (offset === length || (offset === undefined && row.hash !== null && (await blobs.has(row.hash)))) {
      return { id, offset: length, length, expiresAt, media: await finish(row, offset !== undefined) };
    }
    if (offset === undefined) throw notFound("This upload is lost. Begin a new one.");
    return { id, offset, length, expiresAt, media: null };
  }

  /** Makes media of a complete file, or of the blob that it has become. */
  async function finish(row: ResumableRow, isFile: boolean): Promise<string> {
    const id = newMediaId();
    const path = pathOf(row.id);
    const { type, shown } = await judge(row, isFile ? path : blobs.pathOf(row.hash ?? ""));
    const keep = (hash: string): void => {
      uploads.requireRoom(row.holder, row.length);
      const { holder, length: size, name } = row;
      media.insert({ id, holder, hash, size, type, shown: Number(shown), name, expiresAt: null });
      store.setMedia(row.id, id);
    };
    if (!isFile) {
      await database.write(() => keep(row.hash ?? ""));
      return id;
    }
    await blobs.adopt(
      path,
      ({ hash }) => store.setHash(row.id, hash),
      ({ hash }) => keep(hash),
    );
    return id;
  }

  async function judge(row: ResumableRow, path: string) {
    const { head, tail } = await readEnds(path, row.length);
    try {
      return judgeContent(head, tail, row);
    } catch (error) {
      await discard(row.id);
      throw error;
    }
  }

  async function discard(id: string): Promise<void> {
    await database.write(() => store.remove(id));
    await rm(pathOf(id), { force: true });
  }

  return {
    async create(holder, length, { type, name }) {
      if (length > largest) {
        throw tooLarge(
          `An upload in parts may have ${largest} bytes here. Ask the owner of this server for more.`,
        );
      }
      const id = newMediaId();
      return alone(id, async () => {
        const expiresAt = now() + lastingMs;
        const row: ResumableRow = { id, holder, length, type, name, expiresAt, hash: null, media: null };
        requireRoomFor(holder, length);
        await (await open(pathOf(id), "wx", 0o600)).close();
        try {
          await database.write(() => {
            requireRoomFor(holder, length);
            store.insert(row);
          });
        } catch (error) {
          await rm(pathOf(id), { force: true });
          throw error;
        }
        return stateOf(row);
      });
    },
    async look(id, holder) {
      rowOf(id, holder);
      return alone(id, () => stateOf(rowOf(id, holder)));
    },
    async append(id, holder, offset, request) {
      rowOf(id, holder);
      return alone(id, async (signal) => {
        const row = rowOf(id, holder);
        const state = await stateOf(row);
        if (state.offset !== offset) {
          throw new MatrixError(409, "M_UNKNOWN", `The upload has ${state.offset} bytes: go on from there.`);
        }
        if (state.media !== null) return state;
        const most = row.length - offset;
        if (Number(request.headers.get("content-length") ?? 0) > most) throw tooMuch();
        const expiresAt = now() + lastingMs;
        await database.write(() => store.extend(id, expiresAt));
        const file = await open(pathOf(id), "r+");
        try {
          await appendBody(file, request.body, { offset, most, signal });
        } catch (error) {
          throw asMatrixError(error, tooMuch);
        } finally {
          await file.close();
        }
        return stateOf({ ...row, expiresAt });
      });
    },
    async remove(id, holder) {
      rowOf(id, holder);
      await alone(id, () => discard(id));
    },
    async erase(holder) {
      for (const id of store.of(holder)) await alone(id, () => discard(id));
    },
    async tidy() {
      for (let ids = store.expired(now(), 100); ids.length > 0; ids = store.expired(now(), 100)) {
        for (const id of ids) await alone(id, () => discard(id));
      }
      for (const name of await readdir(folder)) {
        if (!underWay.has(name) && !store.find(name)) await rm(pathOf(name), { force: true });
      }
    },
    async close() {
      for (const { stop } of underWay.values()) stop.abort();
      await Promise.all([...underWay.values()].map(({ done }) => done));
    },
  };

  function requireRoomFor(holder: string, length: number): void {
    const others = store.open(holder);
    uploads.requireRoom(holder, others.bytes + length);
    if (others.count >= mostOpen) {
      throw new MatrixError(
        429,
        "M_LIMIT_EXCEEDED",
        `${mostOpen} of your uploads are unfinished. Finish some of them, or delete them.`,
        { retry_after_ms: 60_000 },
      );
    }
  }
}

const tooMuch = (): MatrixError => tooLarge("The part is longer than what the upload lacks of its length.");

/** The first and the last bytes of a file, for sniffing. */
async function readEnds(path: string, size: number): Promise<{ head: Uint8Array; tail: Uint8Array }> {
  if (size === 0) return { head: new Uint8Array(), tail: new Uint8Array() };
  const file = await open(path, "r");
  const read = ({ start, end }: ByteRange): Promise<Uint8Array> =>
    buffer(file.createReadStream({ autoClose: false, start, end }) as Readable);
  try {
    return {
      head: await read({ start: 0, end: Math.min(size, sniffHeadBytes) - 1 }),
      tail: await read({ start: Math.max(0, size - tailBytes), end: size - 1 }),
    };
  } finally {
    await file.close();
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
