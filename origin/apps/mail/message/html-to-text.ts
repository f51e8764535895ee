import { Tokenizer } from "htmlparser2";

const unseen = new Set(["script", "style", "head", "title", "template", "noscript"]);
const blocks =
  /^(?:p|div|br|hr|tr|li|ul|ol|table|blockquote|pre|h[1-6]|section|article|header|footer|dd|dt|td|th)$/;
const ignore = (): void => {};

/**
 * The words of a page, for previews and the search; nothing that this gives is ever shown as HTML. By its tokens alone:
 * a tree of what is open takes the square of what a hostile page leaves open.
 */
export function htmlToText(html: string): string {
  let text = "";
  let hidden = 0;
  const nameAt = (start: number, end: number): string => html.slice(start, end).toLowerCase();
  const say = (words: string): void => {
    if (hidden === 0) text += words;
  };
  const tokenizer = new Tokenizer(
    { xmlMode: false, decodeEntities: true },
    {
      onopentagname(start, end) {
        const name = nameAt(start, end);
        if (name === "body") hidden = 0;
        if (unseen.has(name)) hidden += 1;
        if (blocks.test(name)) text += "\n";
      },
      onclosetag(start, end) {
        if (unseen.has(nameAt(start, end))) hidden = Math.max(0, hidden - 1);
      },
      ontext: (start, end) => say(html.slice(start, end)),
      ontextentity: (codePoint) => say(String.fromCodePoint(codePoint)),
      onattribdata: ignore,
      onattribentity: ignore,
      onattribend: ignore,
      onattribname: ignore,
      oncdata: ignore,
      oncomment: ignore,
      ondeclaration: ignore,
      onend: ignore,
      onopentagend: ignore,
      onprocessinginstruction: ignore,
      onselfclosingtag: ignore,
    },
  );
  tokenizer.write(html);
  tokenizer.end();
  return text.replaceAll(/[^\S\n]+/g, " ").replaceAll(/ ?\n[ \n]*/g, "\n");
}
