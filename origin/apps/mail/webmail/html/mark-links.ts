/** A link of cleaned HTML: attributes are quoted, and no quote or angle bracket stands in one as itself. */
const link = /<a\b([^<>]*)>([\s\S]*?)<\/a>/g;
/** Words that a reader takes for where a link leads. */
const hostLike = /(?:https?:\/\/|\bwww\.)[^\s/<]+|\b(?:[a-z\d-]+\.)+(?:[a-z]{2,24})\b/i;

/**
 * Says where a link leads whose words name another place: `https://bank.example` that goes to `evil.example`. Takes what
 * the cleaner gives, and nothing else.
 */
export function markLinks(html: string): string {
  return html.replaceAll(link, (whole, attributes: string, words: string) => {
    const [, address = ""] = /\bhref="(https?:[^"]*)"/i.exec(attributes) ?? [];
    const real = URL.parse(address.replaceAll("&amp;", "&"))?.hostname;
    if (real === undefined) return whole;
    const [said] = hostLike.exec(textOf(words)) ?? [];
    if (said === undefined) return whole;
    const named = URL.parse(said.includes("://") ? said : `https://${said}`)?.hostname;
    if (named !== undefined && withoutWww(named) === withoutWww(real)) return whole;
    return `${whole}<b class="real-host"> (leads to ${escape(real)})</b>`;
  });
}

const textOf = (words: string): string =>
  words
    .replaceAll(/<[^<>]*>/g, "")
    .slice(0, 500)
    .normalize("NFKC");

const withoutWww = (host: string): string => host.toLowerCase().replace(/^www\./, "");

function escape(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
