import { RESUMABLE_UPLOAD_PATH } from "../../../../shared/limits.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { invalidParam, MatrixError, missingParam } from "../matrix-error.ts";
import { readContentType, readFileName } from "../media/judge-content.ts";
import type { ResumableState } from "../media/resumable.ts";
import type { DeclaredFile } from "../media/uploads.ts";
import { type Call, errorResponse, type Route } from "../route.ts";

const version = "1.0.0";

/** A browser's client must be allowed to send these, and to read those. */
const corsHeaders: Readonly<Record<string, string>> = {
  "access-control-allow-methods": "GET, HEAD, POST, PATCH, DELETE, OPTIONS",
  "access-control-allow-headers":
    "X-Requested-With, Content-Type, Authorization, Tus-Resumable, Upload-Length, Upload-Metadata, Upload-Offset",
  "access-control-expose-headers":
    "Location, Matrix-Content-Uri, Tus-Extension, Tus-Max-Size, Tus-Resumable, Tus-Version, Upload-Expires, Upload-Length, Upload-Offset",
};

/**
 * Uploads in parts, by tus 1.0 (core, creation, expiration, termination): not of the Matrix specification, whose uploads
 * are one request each, and one request cannot carry more than the edge lets through. docs/large-files.md tells how a
 * client uses it. The `mxc://` comes in `Matrix-Content-Uri` with the answer to the last part.
 */
export function resumableUploadRoutes(matrix: MatrixContext): Route[] {
  const { config, media } = matrix;
  const { resumable } = media;

  function answer(
    status: number,
    state: ResumableState | undefined,
    more: Record<string, string> = {},
  ): Response {
    const headers = new Headers({
      ...corsHeaders,
      "tus-resumable": version,
      "cache-control": "no-store",
      ...more,
    });
    if (state) {
      headers.set("upload-offset", String(state.offset));
      headers.set("upload-expires", new Date(state.expiresAt).toUTCString());
      if (state.media !== null) headers.set("matrix-content-uri", mxcOf(state.media));
    }
    return new Response(null, { status, headers });
  }

  const mxcOf = (id: string): string => `mxc://${config.serverName}/${id}`;

  /** Errors in Matrix' form, with what tus wants of every answer. */
  const speaksTus =
    (handle: (call: Call) => Promise<Response>) =>
    async (call: Call): Promise<Response> => {
      let response: Response;
      try {
        if (call.request.headers.get("tus-resumable") !== version) {
          throw new MatrixError(412, "M_UNKNOWN", `This is tus ${version}: send Tus-Resumable: ${version}.`);
        }
        response = await handle(call);
      } catch (error) {
        if (!(error instanceof MatrixError)) throw error;
        response = errorResponse(error);
        for (const [name, value] of Object.entries(corsHeaders)) response.headers.set(name, value);
        response.headers.set("tus-resumable", version);
        if (error.status === 412) response.headers.set("tus-version", version);
      }
      return response;
    };

  function describe(): Response {
    return answer(204, undefined, {
      "tus-version": version,
      "tus-extension": "creation,expiration,termination",
      "tus-max-size": String(config.matrix.maxResumableSize),
    });
  }

  // Limits on how much and how often a member uploads (M4) belong before this one.
  async function create(call: Call): Promise<Response> {
    const length = readCount(call.request.headers, "upload-length");
    const file = readMetadata(call.request.headers.get("upload-metadata") ?? "");
    const state = await resumable.create(call.requester.userId, length, file);
    return answer(201, state, { location: `${RESUMABLE_UPLOAD_PATH}/${state.id}` });
  }

  async function look(call: Call): Promise<Response> {
    const state = await resumable.look(idOf(call), call.requester.userId);
    return answer(200, state, { "upload-length": String(state.length) });
  }

  async function append(call: Call): Promise<Response> {
    const { headers } = call.request;
    if (headers.get("content-type") !== "application/offset+octet-stream") {
      throw new MatrixError(415, "M_UNKNOWN", "A part is sent as application/offset+octet-stream.");
    }
    const offset = readCount(headers, "upload-offset");
    return answer(204, await resumable.append(idOf(call), call.requester.userId, offset, call.request));
  }

  async function remove(call: Call): Promise<Response> {
    await resumable.remove(idOf(call), call.requester.userId);
    return answer(204, undefined);
  }

  const one = `${RESUMABLE_UPLOAD_PATH}/:uploadId`;
  const access = "member";
  return [
    { method: "OPTIONS", path: RESUMABLE_UPLOAD_PATH, access: "public", handle: describe },
    { method: "OPTIONS", path: one, access: "public", handle: describe },
    { method: "POST", path: RESUMABLE_UPLOAD_PATH, access, limit: "uploads", handle: speaksTus(create) },
    // HEAD is what tus asks with.
    { method: "GET", path: one, access, handle: speaksTus(look) },
    { method: "PATCH", path: one, access, handle: speaksTus(append) },
    { method: "DELETE", path: one, access, handle: speaksTus(remove) },
  ];
}

const idOf = (call: Call): string => call.params["uploadId"] ?? "";

function readCount(headers: Headers, name: string): number {
  const text = headers.get(name);
  if (text === null) throw missingParam(`The header ${name} is missing.`);
  if (!/^\d{1,15}$/.test(text)) throw invalidParam(`The header ${name} must be a whole number of bytes.`);
  return Number(text);
}

/** tus 1.0, Upload-Metadata: `key base64, key base64`. What clients call the type differs. */
function readMetadata(header: string): DeclaredFile {
  const entries = new Map<string, string>();
  for (const pair of header.split(",")) {
    const [key = "", value = ""] = pair.trim().split(/\s+/, 2);
    entries.set(key.toLowerCase(), Buffer.from(value, "base64").toString("utf8"));
  }
  return {
    type: readContentType(entries.get("filetype") ?? entries.get("type") ?? null),
    name: readFileName(entries.get("filename") ?? entries.get("name") ?? null),
  };
}
