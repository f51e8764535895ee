import { appOfUrl } from "../../shared/hosts.ts";
import { readKillCode } from "../../shared/kill-code.ts";
import { LOST_PATH, LOST_STYLE, LOST_STYLE_PATH, type LostPage, renderLostPage } from "../lost-page.ts";
import type { Visit } from "../visit.ts";
import { killCodeTries } from "./kill-code-tries.ts";

const FORM_MAX_BYTES = 2_048;
const CSP =
  "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/**
 * P1: the page on which the owner, with nothing but a browser and the printed kill code, declares the device lost.
 * Undefined for every other request, and where the deployment has no kill code.
 */
export async function declareLost(visit: Visit): Promise<Response | undefined> {
  const { request, url, edge, env } = visit;
  const isPage = url.pathname === LOST_PATH;
  if (!isPage && url.pathname !== LOST_STYLE_PATH) return undefined;
  const hash = readHash(env.KILL_CODE_HASH);
  if (hash === undefined || appOfUrl(edge.hosts, url) !== "apex") return undefined;
  const { method } = request;
  if (method === "GET" || method === "HEAD") {
    if (isPage) return show(200, { step: "enter" });
    return new Response(LOST_STYLE, { headers: { "content-type": "text/css; charset=utf-8" } });
  }
  if (method === "POST" && isPage) return await take(visit, hash);
  return new Response(null, { status: 405, headers: { allow: isPage ? "GET, HEAD, POST" : "GET, HEAD" } });
}

async function take(visit: Visit, hash: string): Promise<Response> {
  const { request, edge, env, visitor } = visit;
  if (!isFromThisPage(request))
    return show(403, { step: "enter", problem: "This form came from another site. Enter the code here." });
  const wait = killCodeTries.waitFor(visitor.addr);
  if (wait > 0)
    return show(
      429,
      { step: "enter", problem: `Too many tries. Wait ${Math.ceil(wait / 60_000)} minutes.` },
      { "retry-after": String(Math.ceil(wait / 1_000)) },
    );
  const form = await readForm(request);
  const code = readKillCode(form.get("code") ?? "");
  if (code === undefined || !(await isRight(code, hash))) {
    killCodeTries.note(visitor.addr);
    console.error(JSON.stringify({ alert: "kill-code-wrong", addr: visitor.addr }));
    return show(403, { step: "enter", problem: "This is not the kill code. Check it sign by sign." });
  }
  if (form.get("confirm") !== "yes") return show(200, { step: "confirm", code });
  await env.SENTINEL.getByName("edge").declareLost(hash);
  edge.panic.lost = true;
  console.error(JSON.stringify({ alert: "declared-lost", addr: visitor.addr }));
  return show(200, { step: "done" });
}

/** G4: a browser says of every POST where its page came from; whoever says nothing is no browser of the owner's. */
function isFromThisPage({ url, headers }: Request): boolean {
  const site = headers.get("sec-fetch-site");
  return (
    headers.get("origin") === new URL(url).origin &&
    (site === null || site === "same-origin") &&
    /^application\/x-www-form-urlencoded\b/i.test(headers.get("content-type") ?? "")
  );
}

async function readForm({ body }: Request): Promise<URLSearchParams> {
  const decoder = new TextDecoder();
  let [text, taken] = ["", 0];
  for await (const chunk of body ?? []) {
    taken += (chunk as Uint8Array).byteLength;
    if (taken > FORM_MAX_BYTES) return new URLSearchParams();
    text += decoder.decode(chunk as Uint8Array, { stream: true });
  }
  return new URLSearchParams(text);
}

async function isRight(code: string, hash: string): Promise<boolean> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(code));
  const wanted = Uint8Array.from(hash.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  return crypto.subtle.timingSafeEqual(digest, wanted);
}

/** 32 bytes in hex. Anything else is no hash, and no code could be right. */
function readHash(text: string | undefined): string | undefined {
  const hash = text?.trim().toLowerCase();
  return hash !== undefined && /^[0-9a-f]{64}$/.test(hash) ? hash : undefined;
}

function show(status: number, page: LostPage, headers: Record<string, string> = {}): Response {
  return new Response(renderLostPage(page), {
    status,
    headers: {
      ...headers,
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": CSP,
      // With none at all the form would come without its origin.
      "referrer-policy": "same-origin",
    },
  });
}
