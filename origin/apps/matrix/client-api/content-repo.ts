import type { MatrixContext } from "../matrix-context.ts";
import { notFound } from "../matrix-error.ts";
import { readDeclaredFile } from "../media/uploads.ts";
import type { Answer, Call, Route } from "../route.ts";
import { contentRoutes } from "./authed-content-repo.ts";

/**
 * Uploads, and the addresses of before authenticated media. The latter were frozen before this server had its first
 * file (specification §Content repository: what came after the freeze is 404), so that nothing is ever served to who is
 * not signed in (M5). Only a server for outside suites serves them.
 */
export function contentRepoRoutes(matrix: MatrixContext): Route[] {
  const { config, media } = matrix;
  const mxc = (id: string): string => `mxc://${config.serverName}/${id}`;

  // Limits on how much and how often a member uploads (M4) belong before these: every upload in one request passes here.
  async function upload(call: Call): Promise<Answer> {
    const file = readDeclaredFile(call.query, call.request.headers);
    return { content_uri: mxc(await media.uploads.upload(call.requester.userId, call.request, file)) };
  }

  async function create(call: Call): Promise<Answer> {
    const { id, expiresAt } = await media.uploads.create(call.requester.userId);
    return { content_uri: mxc(id), unused_expires_at: expiresAt };
  }

  async function uploadTo(call: Call): Promise<Answer> {
    const { serverName, mediaId = "" } = call.params;
    if (serverName !== config.serverName) throw notFound("This media id is another server's.");
    const file = readDeclaredFile(call.query, call.request.headers);
    await media.uploads.uploadTo(mediaId, call.requester.userId, call.request, file);
    return {};
  }

  const base = "/_matrix/media/v3";
  return [
    { method: "POST", path: `${base}/upload`, access: "member", limit: "uploads", handle: upload },
    { method: "PUT", path: `${base}/upload/:serverName/:mediaId`, access: "member", handle: uploadTo },
    { method: "POST", path: "/_matrix/media/v1/create", access: "member", limit: "uploads", handle: create },
    ...contentRoutes(matrix, base, "public").map((route) =>
      media.isOpen || route.access === "member" ? route : { ...route, handle: frozen },
    ),
  ];
}

function frozen(): never {
  throw notFound("Media are for members: ask below /_matrix/client/v1/media, with your access token.");
}
