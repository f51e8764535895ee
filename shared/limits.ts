/** Largest request body in bytes. Cloudflare cuts at 100 MB before the Worker; this stays clear of it, so that we answer. */
export const BODY_MAX_BYTES = 99_000_000;

/** Where a larger file is sent in parts (tus 1.0, docs/large-files.md), on the Matrix host. */
export const RESUMABLE_UPLOAD_PATH = "/_matrix/media/unstable/burrow/resumable";

/** Largest path with query in bytes: what Cloudflare passes. */
export const URL_MAX_BYTES = 16_384;

/** Node's own limit for a request line with its headers, for the origin's listener. */
export const ORIGIN_HEAD_MAX_BYTES = 65_536;

/**
 * Largest request line with headers in bytes that the edge forwards. The rest up to the origin's limit is the proof's:
 * past that limit Node answers 431 by itself, unproved, and the edge would have to take it for a squatter.
 */
export const REQUEST_HEAD_MAX_BYTES = 61_440;

/** Largest Access JWT in bytes that is passed on. */
export const ACCESS_JWT_MAX_BYTES = 8_192;

/** Longest a long-poll is held, in milliseconds: Cloudflare ends a silent request after 100 s. */
export const LONG_POLL_MAX_MS = 30_000;

/** Silence in milliseconds after which an event stream gets a comment line. */
export const EVENT_STREAM_PING_MS = 25_000;
