import { Parser } from "htmlparser2";

const unseen = new Set(["script", "style", "head", "title", "template", "noscript"]);
const blocks =
  /^(?:p|div|br|hr|tr|li|ul|ol|table|blockquote|pre|h[1-6]|section|article|header|footer|dd|dt|td|th)$/;

/** The words of a page, for previews and the search; nothing that this gives is ever shown as HTML. */
export function htmlToText(html: string): string {
  let text = "";
  let hidden = 0;
  const parser = new Parser({
    onopentagname(name) {
      if (unseen.has(name)) hidden += 1;
      if (blocks.test(name)) text += "\n";
    },
    onclosetag(name) {
      if (unseen.has(name)) hidden -= 1;
    },
    ontext(words) {
      if (hidden <= 0) text += words;
    },
  });
  parser.end(html);
  return text.replaceAll(/[^\S\n]+/g, " ").replaceAll(/\s*\n\s*/g, "\n");
}
