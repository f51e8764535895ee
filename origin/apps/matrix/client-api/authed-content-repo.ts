import { RESUMABLE_UPLOAD_PATH } from "../../../../shared/limits.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { serveMedia } from "../media/serve-media.ts";
import { readFileName } from "../media/judge-content.ts";
import type { PresentMedia } from "../media/media.ts";
import { type Answer, type Call, type Route, sessionOf } from "../route.ts";
import { queryCount } from "./read-body.ts";

/** Longest wait for a content that is to come: below the edge's idle limit of 100 s by far. */
const longestWaitMs = 30_000;

/** Media for members. */
export function authedContentRepoRoutes(matrix: MatrixContext): Route[] {
  return contentRoutes(matrix, "/_matrix/client/v1/media", "member");
}

/** The operations that read media, below a base path. */
export function contentRoutes(matrix: MatrixContext, base: string, access: "member" | "public"): Route[] {
  const { media } = matrix;
  const find = (call: Call): Promise<PresentMedia> => findMedia(matrix, call, access);

  async function download(call: Call): Promise<Response> {
    const row = await find(call);
    const name = call.params["fileName"] === undefined ? row.name : readFileName(call.params["fileName"]);
    return serveMedia(call.request, media.blobs, { ...row, shown: row.shown === 1, name });
  }

  return [
    { method: "GET", path: `${base}/download/:serverName/:mediaId`, access, handle: download },
    { method: "GET", path: `${base}/download/:serverName/:mediaId/:fileName`, access, handle: download },
    { method: "GET", path: `${base}/config`, access: "member", handle: () => describeLimits(matrix) },
  ];
}

function findMedia(matrix: MatrixContext, call: Call, access: "member" | "public"): Promise<PresentMedia> {
  return matrix.media.find({
    serverName: call.params["serverName"] ?? "",
    id: call.params["mediaId"] ?? "",
    waitMs: queryCount(call.query, "timeout_ms", 20_000, longestWaitMs),
    signal: call.signal,
    checkSession: () => void (access === "member" && sessionOf(matrix.members, call.request)),
  });
}

function describeLimits({ media, config }: MatrixContext): Answer {
  return {
    "m.upload.size": media.uploads.largest,
    // docs/large-files.md
    "burrow.resumable": { path: RESUMABLE_UPLOAD_PATH, max_size: config.matrix.maxResumableSize },
  };
}
