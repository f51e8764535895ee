import { canonicalisePath } from "../../shared/canonical-path.ts";
import { LONG_POLL_MAX_MS } from "../../shared/limits.ts";
import type { Visit } from "../visit.ts";

const SYNC = /^\/_matrix\/client\/.*\/sync$/;

/**
 * Shortens a /sync that asks to wait longer than the edge lets a request be silent. Every other URL keeps its bytes:
 * setting `search` again could spell them otherwise.
 */
export function clampLongPoll({ url }: Visit): void {
  if (url.search === "") return;
  const canonical = canonicalisePath(url.pathname);
  if (typeof canonical === "string" || !SYNC.test(canonical.path)) return;
  if (!url.searchParams.getAll("timeout").some((value) => Number(value) > LONG_POLL_MAX_MS)) return;
  const pairs = url.search.slice(1).split("&");
  url.search = pairs
    .map((pair) => (new URLSearchParams(pair).has("timeout") ? `timeout=${LONG_POLL_MAX_MS}` : pair))
    .join("&");
}
