import { RESUMABLE_UPLOAD_PATH } from "../../../../shared/limits.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { invalidParam, missingParam } from "../matrix-error.ts";
import { serveMedia } from "../media/serve-media.ts";
import { readFileName } from "../media/judge-content.ts";
import type { PresentMedia } from "../media/media.ts";
import type { ThumbnailWish } from "../media/thumbnails.ts";
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

  async function thumbnail(call: Call): Promise<Response> {
    const wish = readWish(call.query);
    return serveMedia(call.request, media.blobs, await media.thumbnails.find(await find(call), wish));
  }

  return [
    { method: "GET", path: `${base}/thumbnail/:serverName/:mediaId`, access, handle: thumbnail },
    { method: "GET", path: `${base}/download/:serverName/:mediaId`, access, handle: download },
    { method: "GET", path: `${base}/download/:serverName/:mediaId/:fileName`, access, handle: download },
    {
      method: "GET",
      path: `${base}/preview_url`,
      access: "member",
      handle: (call) => preview(matrix, call),
    },
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

function readWish(query: URLSearchParams): ThumbnailWish {
  const side = (name: string): number => {
    if (!query.has(name)) throw missingParam(`${name} is missing.`);
    const pixels = queryCount(query, name, 0, 10_000);
    if (pixels === 0) throw invalidParam(`${name} must be a number of pixels, 1 or more.`);
    return pixels;
  };
  const method = query.get("method") ?? "scale";
  if (method !== "crop" && method !== "scale") throw invalidParam("method must be crop or scale.");
  const animated = query.get("animated");
  return {
    width: side("width"),
    height: side("height"),
    method,
    animated: animated === null ? undefined : animated === "true",
  };
}

/** Off until the owner wants it: it tells other servers what members talk of. */
function preview({ media, config }: MatrixContext, call: Call): Promise<Answer> | Answer {
  const url = call.query.get("url");
  if (url === null) throw missingParam("url is missing.");
  return config.matrix.urlPreviews || config.testing ? media.previews.find(call.requester.userId, url) : {};
}

function describeLimits({ media, config }: MatrixContext): Answer {
  return {
    "m.upload.size": media.uploads.largest,
    // docs/large-files.md
    "burrow.resumable": { path: RESUMABLE_UPLOAD_PATH, max_size: config.matrix.maxResumableSize },
  };
}
