import { BODY_MAX_BYTES, RESUMABLE_UPLOAD_PATH } from "../../../../shared/limits.ts";
import type { MatrixConfig } from "../../../config/config.ts";
import { BlobTooLargeError } from "../../../storage/blobs.ts";
import type { Database } from "../../../storage/database.ts";
import { forbidden, MatrixError, notFound, tooLarge } from "../matrix-error.ts";
import type { Arrivals } from "./arrivals.ts";
import { type JudgedContent, judgeContent, readContentType, readFileName } from "./judge-content.ts";
import type { KeptBlobs } from "../../../storage/kept-blobs.ts";
import { type MediaStore, newMediaId } from "./media-store.ts";
import { readUpload, UploadBrokenError, watchEnds } from "./upload-body.ts";

/** What a client says of a file that it uploads. */
export interface DeclaredFile {
  readonly type: string;
  readonly name: string | null;
}

/**
 * Everything that members bring in by one request. `holder` is the member's user id. Each throws MatrixError: 413 past
 * the limit of one upload or the member's quota, 403 for a content that must not be kept, 400 where it broke off.
 */
export interface Uploads {
  /** Bytes of one upload. */
  readonly largest: number;
  /** Keeps the request's body under a new media id. */
  upload(holder: string, request: Request, file: DeclaredFile): Promise<string>;
  /** A media id for a content that comes later, and until when it may (Unix ms). */
  create(holder: string): Promise<{ id: string; expiresAt: number }>;
  /** The content of such an id. */
  uploadTo(id: string, holder: string, request: Request, file: DeclaredFile): Promise<void>;
  /** Bytes that the member may still bring in; throws 413 where `wanted` bytes are too many, 401 where the account is gone. */
  requireRoom(holder: string, wanted: number): number;
}

/** The specification recommends 24 hours. */
const createdForMs = 24 * 60 * 60 * 1000;
/** Ids of one member whose content has not come: a client needs one for each file that it is about to send. */
const mostAwaited = 50;

export function createUploads(options: {
  readonly config: MatrixConfig;
  readonly database: Database;
  readonly store: MediaStore;
  readonly blobs: KeptBlobs;
  readonly arrivals: Arrivals;
  readonly hasAccount: (userId: string) => boolean;
  readonly now: () => number;
}): Uploads {
  const { config, database, store, blobs, arrivals, hasAccount, now } = options;
  // What the edge lets through in one request; a larger setting would promise what does not come about.
  const largest = Math.min(config.maxUploadSize, BODY_MAX_BYTES);

  /** Asked again in the write: an upload may take longer than the account is there. */
  function requireAccount(holder: string): void {
    if (!hasAccount(holder)) {
      throw new MatrixError(401, "M_UNKNOWN_TOKEN", "This account is no more.", { soft_logout: false });
    }
  }

  function requireRoom(holder: string, wanted: number): number {
    requireAccount(holder);
    const room = config.mediaQuota - store.usage(holder);
    if (wanted > room) {
      throw tooLarge(
        `Your files on this server may take ${megabytes(config.mediaQuota)}, and ${megabytes(Math.max(room, 0))} of that are free. Ask the owner of this server for more room.`,
      );
    }
    return room;
  }

  /** Streams the body into the store; `keep` writes the row, in the transaction in which the quota is looked at again. */
  async function receive(
    holder: string,
    request: Request,
    file: DeclaredFile,
    keep: (content: { hash: string; size: number } & JudgedContent) => void,
  ): Promise<void> {
    const declared = Number(request.headers.get("content-length") ?? 0);
    if (declared > largest) throw tooLargeForOne(largest);
    const room = requireRoom(holder, declared);
    const limit = Math.min(largest, room);
    const body = watchEnds(readUpload(request, limit));
    try {
      await blobs.put(body.chunks, limit, (blob) => {
        const { head, tail } = body.ends();
        const judged = judgeContent(head, tail, file);
        // Two uploads at once may each have had room alone.
        requireRoom(holder, blob.size);
        keep({ ...blob, ...judged });
      });
    } catch (error) {
      throw asMatrixError(error, () => {
        if (limit < largest) requireRoom(holder, limit + 1);
        return tooLargeForOne(largest);
      });
    }
  }

  return {
    largest,
    requireRoom,
    async upload(holder, request, file) {
      const id = newMediaId();
      await receive(holder, request, file, ({ hash, size, type, shown }) => {
        store.insert({
          id,
          holder,
          hash,
          size,
          type,
          shown: Number(shown),
          name: file.name,
          expiresAt: null,
        });
      });
      return id;
    },
    async create(holder) {
      const id = newMediaId();
      const expiresAt = now() + createdForMs;
      await database.write(() => {
        requireAccount(holder);
        if (store.awaited(holder) >= mostAwaited) {
          throw new MatrixError(
            429,
            "M_LIMIT_EXCEEDED",
            `${mostAwaited} uploads are announced and have not come. Upload to those first.`,
            { retry_after_ms: 60_000 },
          );
        }
        store.insert({ id, holder, hash: null, size: 0, type: "", shown: 0, name: null, expiresAt });
      });
      return { id, expiresAt };
    },
    async uploadTo(id, holder, request, file) {
      const check = (): void => {
        const row = store.find(id);
        if (!row || (row.hash === null && (row.expiresAt ?? 0) <= now())) {
          throw notFound("This media id is not known here, or its time is over. Create a new one.");
        }
        if (row.holder !== holder) throw forbidden("This media id was created by somebody else.");
        if (row.hash !== null) {
          throw new MatrixError(409, "M_CANNOT_OVERWRITE_MEDIA", "This media id has its content already.");
        }
      };
      check();
      await receive(holder, request, file, ({ hash, size, type, shown }) => {
        check();
        store.fill(id, { hash, size, type, shown: Number(shown), name: file.name });
      });
      arrivals.arrived(id);
    },
  };
}

/** The `filename` of the query and the type of the header, as they are kept. */
export function readDeclaredFile(query: URLSearchParams, headers: Headers): DeclaredFile {
  return { type: readContentType(headers.get("content-type")), name: readFileName(query.get("filename")) };
}

function tooLargeForOne(largest: number): MatrixError {
  return tooLarge(
    `One upload may be ${megabytes(largest)} here. Send a larger file in parts, by tus 1.0: POST ${RESUMABLE_UPLOAD_PATH}`,
  );
}

/** What a failed upload means to the client. `whenTooLarge` says which limit it was, or throws it. */
export function asMatrixError(error: unknown, whenTooLarge: () => MatrixError): unknown {
  if (error instanceof BlobTooLargeError) return whenTooLarge();
  if (error instanceof UploadBrokenError) {
    return new MatrixError(
      400,
      "M_UNKNOWN",
      "The upload broke off, and nothing of it was kept. Send it again.",
    );
  }
  return error;
}

const megabytes = (bytes: number): string =>
  bytes < 1_000_000 ? `${bytes} bytes` : `${Math.floor(bytes / 100_000) / 10} MB`;
