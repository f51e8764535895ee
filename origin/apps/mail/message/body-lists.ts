import type { BodyPart } from "./message.ts";

/** What a client shows of a message, in which order (RFC 8621 §4.1.4). */
export interface BodyLists {
  readonly textBody: readonly BodyPart[];
  readonly htmlBody: readonly BodyPart[];
  readonly attachments: readonly BodyPart[];
}

interface Lists {
  text: BodyPart[] | undefined;
  html: BodyPart[] | undefined;
  readonly attachments: BodyPart[];
}

/** Goes through the parts as RFC 8621 §4.1.4 does. */
export function listBodies(root: BodyPart): BodyLists {
  const textBody: BodyPart[] = [];
  const htmlBody: BodyPart[] = [];
  const attachments: BodyPart[] = [];
  walk([root], "mixed", false, { text: textBody, html: htmlBody, attachments });
  return { textBody, htmlBody, attachments };
}

function isInlineMedia(type: string): boolean {
  return /^(?:image|audio|video)\//.test(type);
}

function walk(parts: readonly BodyPart[], multipart: string, isAlternative: boolean, lists: Lists): void {
  const textBefore = lists.text?.length ?? -1;
  const htmlBefore = lists.html?.length ?? -1;
  for (const [index, part] of parts.entries()) {
    if (part.subParts !== null) {
      const kind = part.type.slice("multipart/".length);
      // A copy: what an inner part rules out, it rules out for what is inside of it only.
      walk(part.subParts, kind, isAlternative || kind === "alternative", { ...lists });
    } else if (isBody(part, index, multipart)) {
      placeBody(part, multipart, isAlternative, lists);
    } else {
      lists.attachments.push(part);
    }
  }
  if (multipart === "alternative") completeAlternatives(lists, textBefore, htmlBefore);
}

function isBody(part: BodyPart, index: number, multipart: string): boolean {
  if (part.disposition === "attachment") return false;
  const isShown = part.type === "text/plain" || part.type === "text/html" || isInlineMedia(part.type);
  if (!isShown) return false;
  // What has a name is an attachment unless it comes first; in multipart/related only the first part is the body.
  return index === 0 || (multipart !== "related" && (isInlineMedia(part.type) || part.name === null));
}

function placeBody(part: BodyPart, multipart: string, isAlternative: boolean, lists: Lists): void {
  if (multipart === "alternative") {
    if (part.type === "text/plain") lists.text?.push(part);
    else if (part.type === "text/html") lists.html?.push(part);
    else lists.attachments.push(part);
    return;
  }
  // Within an alternative each list is of one kind.
  if (isAlternative && part.type === "text/plain") lists.html = undefined;
  if (isAlternative && part.type === "text/html") lists.text = undefined;
  lists.text?.push(part);
  lists.html?.push(part);
  if ((!lists.text || !lists.html) && isInlineMedia(part.type)) lists.attachments.push(part);
}

/** A message in one form only is shown in it, whichever a client asks for. */
function completeAlternatives(lists: Lists, textBefore: number, htmlBefore: number): void {
  const { text, html } = lists;
  if (!text || !html) return;
  if (textBefore === text.length && htmlBefore !== html.length) text.push(...html.slice(htmlBefore));
  if (htmlBefore === html.length && textBefore !== text.length) html.push(...text.slice(textBefore));
}
