/** Steps of a frame's height, in lines of text; the style sheet knows them. Beyond the last one it scrolls. */
const steps = [6, 9, 13, 20, 30, 45, 70, 100] as const;

/** Characters of a page that are looked at: enough for the last step. */
const mostRead = 400_000;
/** Characters of a line on a phone and beside a desk's folders. */
const phoneLine = 36;
const deskLine = 100;
/** Lines of a picture that does not say how high it is, and pixels of one line. */
const pictureLines = 6;
const linePixels = 24;

/** Nothing of them is shown. */
const unseen = new Set(["script", "style", "title", "head", "template", "select", "svg", "object"]);
const blocks = new Set(
  "p div tr li br h1 h2 h3 h4 h5 h6 table ul ol blockquote hr pre center dt dd".split(" "),
);
/** With room above and below. */
const spaced = new Set("p h1 h2 h3 ul ol blockquote".split(" "));

/**
 * How tall a frame should be that shows that page: a class for phones, one for desks. A guess, since nothing in a frame
 * without script may tell how tall it is; rather too tall than too short, since to scroll within a page that scrolls is
 * a nuisance. One pass, whatever it holds.
 */
export function estimateHeight(html: string): string {
  const lines = { phone: 2, desk: 2 };
  let words = 0;
  let hidden: string | undefined;
  const endLine = (): void => {
    lines.phone += Math.ceil(words / phoneLine);
    lines.desk += Math.ceil(words / deskLine);
    words = 0;
  };
  for (const piece of html.slice(0, mostRead).split("<")) {
    const end = piece.indexOf(">");
    const [, slash = "", tag = ""] = /^(\/?)([a-z][a-z\d]{0,15})/i.exec(piece) ?? [];
    const name = tag.toLowerCase();
    if (hidden !== undefined) {
      if (slash === "/" && name === hidden) hidden = undefined;
      else continue;
    } else if (slash === "" && unseen.has(name)) {
      hidden = name;
      continue;
    }
    if (blocks.has(name)) {
      endLine();
      if (slash === "/" && spaced.has(name)) addLines(lines, 1);
    } else if (name === "img") {
      endLine();
      const [, height] = /\bheight\s*=\s*["']?(\d{1,4})/i.exec(piece.slice(0, 2000)) ?? [];
      addLines(lines, height === undefined ? pictureLines : Number(height) / linePixels);
    }
    words += piece
      .slice(end + 1)
      .replaceAll(/\s+/g, " ")
      .trim().length;
  }
  endLine();
  return `phone-${stepOf(lines.phone)} desk-${stepOf(lines.desk)}`;
}

function addLines(lines: { phone: number; desk: number }, count: number): void {
  lines.phone += count;
  lines.desk += count;
}

const stepOf = (lines: number): number => steps.find((step) => step >= lines) ?? 100;
