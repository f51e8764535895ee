import { html } from "hono/html";
import type { Markup } from "../../../../pages/layout.ts";

/** Characters of one text that a page shows; whoever wants more downloads the message. */
const longestShown = 64 * 1024;
/** Quoted lines that stand in their place; more fold away. */
const shortQuote = 4;
/** Quotes that are told apart; what comes after them stands as it is. */
const mostBlocks = 500;

/** A plain text as it is read: addresses are links, long quotes fold away. */
export function showText(text: string): Markup {
  const shown = text.slice(0, longestShown).replace(/[\ud800-\udbff]$/, "");
  return html`<div class="text">${blocksOf(shown).map(showBlock)}</div>${
    shown.length < text.length
      ? html`<p class="hint">The rest of this text is not shown here. Download the message to read it whole.</p>`
      : ""
  }`;
}

interface Block {
  readonly isQuote: boolean;
  readonly lines: string[];
}

function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  for (const line of text.split("\n")) {
    const isQuote = line.startsWith(">");
    const last = blocks.at(-1);
    if (last && (last.isQuote === isQuote || blocks.length >= mostBlocks)) last.lines.push(line);
    else blocks.push({ isQuote, lines: [line] });
  }
  return blocks;
}

function showBlock({ isQuote, lines }: Block): Markup {
  // The bar at its side says that it is a quote: deeper ones keep their marks.
  const text = withLinks((isQuote ? lines.map((line) => line.replace(/^> ?/, "")) : lines).join("\n"));
  if (!isQuote) return html`<pre>${text}</pre>`;
  if (lines.length <= shortQuote) return html`<pre class="quote">${text}</pre>`;
  return html`<details class="quoted"><summary>Quoted text, ${lines.length} lines</summary><pre class="quote">${text}</pre></details>`;
}

const address = /\bhttps?:\/\/[^\s<>"']{1,2000}/g;

function withLinks(text: string): (Markup | string)[] {
  const parts: (Markup | string)[] = [];
  let at = 0;
  for (const { 0: found, index } of text.matchAll(address)) {
    const url = found.replace(/[.,;:!?)\]}*_]+$/, "");
    if (URL.parse(url) === null) continue;
    parts.push(
      text.slice(at, index),
      html`<a href="${url}" target="_blank" rel="noopener noreferrer nofollow">${url}</a>`,
    );
    at = index + url.length;
  }
  parts.push(text.slice(at));
  return parts;
}
