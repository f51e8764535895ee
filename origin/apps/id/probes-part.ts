import { html } from "hono/html";
import type { Honeypot } from "../../gate/honeypot/honeypot.ts";
import type { Block } from "../../gate/honeypot/blocks.ts";
import type { ProbeRecord } from "../../gate/honeypot/ledger.ts";
import { ago } from "../../pages/ago.ts";
import type { Markup } from "../../pages/layout.ts";

const perPage = 20;

/** The probes that the honeypot has seen, twenty a page, the newest first, and how many sources are refused. */
export function probesPart(
  honeypot: Pick<Honeypot, "ledger" | "blocks"> | undefined,
  page: { readonly now: number; readonly before: string | undefined; readonly path: string },
): Markup {
  if (honeypot === undefined) {
    return html`<p>The honeypot is off, so nothing is written of them. On the device: <code>burrow config set
honeypot.enabled true</code>, and restart Burrow.</p>`;
  }
  const { now, path } = page;
  const before = readPlace(page.before);
  const found = honeypot.ledger.list({ before, limit: perPage + 1 });
  const shown = found.slice(0, perPage);
  const isFirst = before === Number.MAX_SAFE_INTEGER;
  return html`${isFirst ? refusedPart(honeypot.blocks.list(), now) : ""}
${shown.length === 0 ? html`<p>${isFirst ? "No probes were seen." : "There are no older ones."}</p>` : html`<ul class="rows">${shown.map((probe) => row(probe, now))}</ul>`}
${isFirst ? "" : html`<p><a href="${path}">The newest</a></p>`}
${found.length > perPage ? html`<p><a href="${path}?before=${shown.at(-1)?.seq ?? 0}">Older ones</a></p>` : ""}`;
}

function refusedPart(blocks: readonly Block[], now: number): Markup {
  if (blocks.length === 0) return html`<p>Nobody is refused.</p>`;
  return html`<p>${blocks.length} ${blocks.length === 1 ? "source is" : "sources are"} refused, the last since ${ago(blocks[0]?.since ?? now, now)}.
<code>burrow honeypot list</code> tells which, and <code>unblock</code> lets one in again.</p>`;
}

/** What was asked is a stranger's text. */
function row(
  { source, country, host, method, target, rule, count, lastAt }: ProbeRecord,
  now: number,
): Markup {
  return html`<li>
<p><bdi><code>${method} ${target}</code></bdi></p>
<p class="hint">${source}${country === "" ? "" : ` (${country})`} at ${host}, ${ago(lastAt, now)}${count > 1 ? `, ${count} times` : ""}: ${rule}</p>
</li>`;
}

function readPlace(text: string | undefined): number {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : Number.MAX_SAFE_INTEGER;
}
