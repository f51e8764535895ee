import { htmlToText } from "../../message/html-to-text.ts";

/** Steps of a frame's height, in lines of text; the style sheet knows them. Beyond the last one it scrolls. */
const steps = [6, 9, 13, 20, 30, 45, 70, 100] as const;

/** Characters of a page that are looked at: enough for the last step. */
const mostRead = 200_000;
/** Characters of a line on a phone and beside a desk's folders. */
const widths = { phone: 36, desk: 100 } as const;
/** Lines of the margin, of the room between two paragraphs, of a picture that does not say how high it is; pixels of a line. */
const margin = 2;
const space = 0.6;
const pictureLines = 5;
const linePixels = 24;

/**
 * How tall a frame should be that shows that page: a class for phones, one for desks. A guess, since nothing in a frame
 * without script may tell how tall it is; rather too tall than too short, since to scroll within a page that scrolls is
 * a nuisance.
 */
export function estimateHeight(html: string): string {
  const page = html.slice(0, mostRead);
  const lines = htmlToText(page).trim().split("\n");
  let pictures = 0;
  for (const [tag] of page.matchAll(/<img\b[^<>]{0,1000}/gi)) {
    const [, pixels] = /\bheight\s*=\s*["']?(\d{1,4})/i.exec(tag) ?? [];
    pictures += pixels === undefined ? pictureLines : Number(pixels) / linePixels;
  }
  return (["phone", "desk"] as const)
    .map((device) => {
      const words = lines.reduce(
        (sum, line) => sum + Math.ceil(line.length / widths[device]) + space,
        margin,
      );
      return `${device}-${steps.find((step) => step >= words + pictures) ?? steps.at(-1)}`;
    })
    .join(" ");
}
