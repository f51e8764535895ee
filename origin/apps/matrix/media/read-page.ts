import { setImmediate as turn } from "node:timers/promises";

/** What a page says of itself for others to show: its Open Graph properties, or what comes near to them. */
export interface PageFacts {
  /** `og:title` and the like; texts without markup, cut to a length that fits a card. */
  readonly properties: Readonly<Record<string, string>>;
  /** As the page has it: it may be relative. */
  readonly image: string | undefined;
}

/** Characters parsed between two turns of the event loop: some milliseconds on a slow device. */
const sliceLength = 32 * 1024;
const longest = 1000;

const kept: ReadonlySet<string> = new Set([
  "og:title",
  "og:description",
  "og:type",
  "og:url",
  "og:site_name",
  "og:locale",
]);

/** Names that stand for another where that is missing. */
const standIns: Readonly<Record<string, string>> = {
  "twitter:title": "og:title",
  "twitter:description": "og:description",
  description: "og:description",
  title: "og:title",
};

const images = ["og:image:secure_url", "og:image", "og:image:url", "twitter:image", "twitter:image:src"];

/** Reads the head of a page. The parser is loaded with the first. */
export async function readPage(text: string): Promise<PageFacts> {
  const { Parser } = await import("htmlparser2");
  const found = new Map<string, string>();
  const note = (name: string, value: string): void => {
    const plain = value.replaceAll(/\s+/g, " ").trim().slice(0, longest).toWellFormed();
    if (plain !== "" && !found.has(name)) found.set(name, plain);
  };
  let title: string | undefined;
  let isOver = false;
  const parser = new Parser({
    onopentag(name, attributes) {
      if (isOver) return;
      // Without one it goes on: some pages have their properties anywhere.
      if (name === "body") isOver = true;
      if (name === "title") title ??= "";
      const key = (attributes["property"] ?? attributes["name"] ?? "").toLowerCase();
      if (name === "meta" && key !== "") note(key, attributes["content"] ?? "");
    },
    ontext(part) {
      if (title !== undefined && !found.has("title") && title.length < longest) title += part;
    },
    onclosetag(name) {
      if (name === "title") note("title", title ?? "");
    },
  });
  for (let at = 0; at < text.length && !isOver; at += sliceLength) {
    parser.write(text.slice(at, at + sliceLength));
    await turn();
  }
  const properties: Record<string, string> = {};
  for (const name of kept) {
    const value = found.get(name);
    if (value !== undefined) properties[name] = value;
  }
  for (const [name, meant] of Object.entries(standIns)) {
    const value = found.get(name);
    if (value !== undefined) properties[meant] ??= value;
  }
  // A client may make a link of it.
  if (!/^https?:\/\//i.test(properties["og:url"] ?? "")) delete properties["og:url"];
  return { properties, image: images.map((name) => found.get(name)).find((value) => value !== undefined) };
}
