/**
 * The page of an error that the frame itself answers, at either side. It needs no second request, for the origin may be
 * away: its style is in it, and let through by its hash, so that no other style or script ever runs there.
 */
const STYLE = `:root{color-scheme:light dark;--ground:#f6f0e4;--card:#fffdf8;--ink:#2e261e;--line:#dccfb9;--accent:#8c4519;--hill:#6f7d3c;--door:#8c4519;--knob:#f2d9a0}
@media (prefers-color-scheme:dark){:root{--ground:#191511;--card:#241f19;--ink:#f1e8da;--line:#423a30;--accent:#e8a970;--hill:#7f8f4a;--door:#c47a45}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem;background:var(--ground);color:var(--ink);font:1.0625rem/1.55 system-ui,sans-serif;overflow-wrap:anywhere}
main{width:100%;max-width:35rem;padding:clamp(1.25rem,5vw,2.5rem);border:1px solid var(--line);border-radius:1.25rem;background:var(--card)}
svg{width:3.2rem;height:2rem;margin-bottom:1rem}
.hill{fill:var(--hill)}.door{fill:var(--door)}.knob{fill:var(--knob)}.grass{stroke:var(--hill);stroke-width:3}
h1{margin:0 0 .75rem;font:600 clamp(1.65rem,6vw,2.15rem)/1.2 Palatino,"Book Antiqua",Georgia,serif;text-wrap:balance}
p{margin:0 0 1rem}
a{color:var(--accent);font-weight:600;text-underline-offset:.15em}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
`;

/** CSP3 §8.3: base64 of the SHA-256 of what stands between the tags. A test computes it anew. */
const STYLE_HASH = "sha256-hLsauX6XXlnv+jTZpz1axeaPxNnFySAuXOj7MDraIFw=";

/** The content security policy that goes with the page. */
export const COMPLAINT_PAGE_POLICY = `default-src 'none'; style-src '${STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** `again`: the same request may well be answered another time. */
export function complaintPage(title: string, message: string, again: boolean): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<svg viewBox="0 0 64 40" aria-hidden="true" focusable="false"><path class="hill" d="M2 38C10 14 22 4 34 4s22 12 28 34z"/><circle class="door" cx="33" cy="28" r="10"/><circle class="knob" cx="37.5" cy="28" r="1.6"/><path class="grass" d="M0 38.5h64"/></svg>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(message)}</p>
<p>${again ? '<a href="">Try again</a>' : '<a href="/">To the first page</a>'}</p>
</main>
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
