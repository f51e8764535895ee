import sanitizeHtml from "sanitize-html";
import type { PageWork } from "./html-cleaner.ts";
import { markLinks } from "./mark-links.ts";

/**
 * What of HTML mail is shown (R5): text, tables, lists, pictures and links, with colours and measures. Everything else
 * is left out, first of all what a browser parses by rules of its own (svg, math, style, template, noscript): from
 * there come the pages that are harmless to a parser and not to a browser.
 */
const tags = [
  ..."a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del dfn div dl dt em".split(
    " ",
  ),
  ..."figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark nav ol p pre q s samp section".split(
    " ",
  ),
  ..."small span strike strong sub sup table tbody td tfoot th thead time tr tt u ul var".split(" "),
];

/** Left out with all that is in them. */
const dropped = ["head", "iframe", "math", "noembed", "noframes", "noscript", "object", "option", "script"];
const droppedToo = [
  "select",
  "style",
  "svg",
  "template",
  "textarea",
  "title",
  "xmp",
  "audio",
  "video",
  "canvas",
];

const measure = /^-?(?:\d{1,4}(?:\.\d{1,4})?|\.\d{1,4})(?:px|pt|em|rem|ex|ch|%|cm|mm|in|pc)?$/;
const measures = /^(?:(?:-?(?:\d{1,4}(?:\.\d{1,4})?|\.\d{1,4})(?:px|pt|em|rem|%)?|auto)\s*){1,4}$/;
const colour =
  /^(?:#[\da-f]{3,8}|[a-z]{3,32}|(?:rgb|hsl)a?\(\s*[\d.]{1,7}(?:deg)?%?(?:\s*[,/\s]\s*[\d.]{1,7}%?){2,3}\s*\))$/i;
const word = /^[a-z-]{1,32}$/i;
const border =
  /^(?:\d{1,3}(?:\.\d{1,3})?(?:px|pt|em)?|thin|medium|thick|none|hidden|dotted|dashed|solid|double|#[\da-f]{3,8}|[a-z]{3,32}|\s)*$/i;

/** No value holds a function but a colour's: none asks for anything from anywhere, and none covers another element. */
const styles: Record<string, RegExp[]> = {
  ...Object.fromEntries(["color", "background-color", "border-color"].map((name) => [name, [colour]])),
  background: [colour],
  "font-family": [/^[\w\s,'"-]{1,200}$/],
  "font-size": [measure, word],
  "font-weight": [/^(?:[1-9]00|bold|bolder|lighter|normal)$/],
  "line-height": [measure, /^normal$/],
  "letter-spacing": [measure, /^normal$/],
  ...Object.fromEntries(
    "font-style text-align text-decoration text-transform vertical-align white-space list-style-type border-collapse"
      .split(" ")
      .map((name) => [name, [word, measure]]),
  ),
  display: [/^(?:block|inline|inline-block|table|table-cell|table-row|none)$/],
  ...Object.fromEntries(
    "width height max-width min-width max-height border-radius border-spacing border-width text-indent"
      .split(" ")
      .map((name) => [name, [measure, /^(?:auto|none)$/]]),
  ),
  ...Object.fromEntries(
    "padding padding-top padding-right padding-bottom padding-left"
      .split(" ")
      .map((name) => [name, [measures]]),
  ),
  ...Object.fromEntries(
    "margin margin-top margin-right margin-bottom margin-left".split(" ").map((name) => [name, [measures]]),
  ),
  ...Object.fromEntries(
    "border border-top border-right border-bottom border-left border-style"
      .split(" ")
      .map((name) => [name, [border]]),
  ),
};

const shownData = /^data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]{1,6000000}$/i;

export function cleanHtml({ html, pictures, inline }: PageWork): string {
  function findPicture(address: string): string | undefined {
    const text = address.trim();
    const [, id] = /^cid:(.+)$/is.exec(text) ?? [];
    if (id !== undefined) {
      const known = decode(id);
      return Object.hasOwn(inline, known) ? inline[known] : undefined;
    }
    if (shownData.test(text)) return text;
    if (!/^(?:https?:)?\/\//i.test(text)) return undefined;
    const url = URL.parse(text, "https://none.invalid");
    if (!url || url.hostname === "none.invalid") return undefined;
    if (!pictures) return undefined;
    url.protocol = "https:";
    return url.href;
  }

  const clean = sanitizeHtml(html, {
    allowedTags: tags,
    nonTextTags: [...dropped, ...droppedToo],
    disallowedTagsMode: "discard",
    allowedAttributes: {
      a: ["href", "title", "target", "rel"],
      img: ["src", "alt", "width", "height", "title", "referrerpolicy"],
      table: ["width", "height", "cellpadding", "cellspacing", "border", "bgcolor", "align", "role"],
      td: ["width", "height", "bgcolor", "align", "valign", "colspan", "rowspan", "nowrap"],
      th: ["width", "height", "bgcolor", "align", "valign", "colspan", "rowspan", "scope"],
      tr: ["bgcolor", "align", "valign", "height"],
      col: ["width", "span"],
      colgroup: ["width", "span"],
      font: ["color", "face", "size"],
      ol: ["start", "type"],
      li: ["value"],
      time: ["datetime"],
      bdo: ["dir"],
      "*": ["style", "dir", "lang"],
    },
    allowedStyles: { "*": styles },
    allowedSchemes: ["https", "http", "mailto", "tel"],
    allowedSchemesByTag: { img: ["https", "data"] },
    allowedSchemesAppliedToAttributes: ["href", "src"],
    allowProtocolRelative: false,
    allowVulnerableTags: false,
    enforceHtmlBoundary: false,
    nestingLimit: 200,
    transformTags: {
      a: (tagName, { href = "", style, dir, lang }) => {
        const url = URL.parse(href.trim());
        const kept = { ...(style && { style }), ...(dir && { dir }), ...(lang && { lang }) };
        // Within the page there is nowhere to go: names and ids are left out.
        if (!url || !["https:", "http:", "mailto:", "tel:"].includes(url.protocol))
          return { tagName, attribs: kept };
        const title = url.protocol.startsWith("http") ? url.host : decode(`${url.protocol}${url.pathname}`);
        return {
          tagName,
          attribs: { ...kept, href: url.href, title, target: "_blank", rel: "noopener noreferrer nofollow" },
        };
      },
      img: (tagName, { src = "", alt = "", width, height, style, title }) => {
        const found = findPicture(src);
        const attribs: Record<string, string> = { alt };
        if (found !== undefined) attribs["src"] = found;
        for (const [name, value] of Object.entries({ width, height, style, title }))
          if (value !== undefined) attribs[name] = value;
        return { tagName, attribs: { ...attribs, referrerpolicy: "no-referrer" } };
      },
    },
    // A picture that is not shown, and of which nothing is said, is no picture.
    exclusiveFilter: ({ tag, attribs }) => tag === "img" && !attribs["src"] && !attribs["alt"],
  });
  return markLinks(clean);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
