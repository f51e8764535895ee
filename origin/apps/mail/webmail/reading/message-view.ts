import { html } from "hono/html";
import type { Markup } from "../../../../pages/layout.ts";
import { formatId } from "../../jmap/ids.ts";
import type { EmailFields } from "../../mailbox/email-fields.ts";
import type { EmailRow } from "../../mailbox/email-store.ts";
import type { MailContext } from "../../mail-context.ts";
import { listBodies } from "../../message/body-lists.ts";
import type { EmailAddress } from "../../message/header-forms.ts";
import type { BodyPart } from "../../message/message.ts";
import { estimateHeight } from "../html/estimate-height.ts";
import type { Reader, WebmailContext } from "../webmail-context.ts";
import { showSending } from "../writing/sending-state.ts";
import { namesOf } from "./rows.ts";
import { showText } from "./text-body.ts";
import { wordsOf } from "./words-of.ts";

/** A message, and how somebody wants to see it. */
export interface Viewed {
  readonly email: EmailRow;
  readonly fields: EmailFields;
  readonly keywords: readonly string[];
  readonly isOpen: boolean;
  /** Rather than the sender's HTML. */
  readonly asText: boolean;
  /** Those of other servers. */
  readonly pictures: boolean;
}

/** `here`: the address of the page that shows it. */
export async function showMessage(
  webmail: WebmailContext,
  reader: Reader,
  viewed: Viewed,
  here: string,
): Promise<Markup> {
  const { mail } = webmail;
  const { email, fields, keywords, isOpen } = viewed;
  const id = formatId("email", email.id);
  const isDraft = keywords.includes("$draft");
  const sender = fields.from?.[0];
  const body = await showBody(webmail, viewed, here);
  return html`<details class="message" id="${id}"${isOpen ? html` open` : ""}>
<summary><span class="who"><bdi>${sender ? (sender.name ?? sender.email) : "(no sender)"}</bdi>${
    isDraft ? html` <em>Draft</em>` : ""
  }${keywords.includes("$flagged") ? html` <span class="flag">★<span class="unseen"> Flagged</span></span>` : ""}</span>
<bdi class="preview">${email.preview}</bdi>${reader.zone.short(email.receivedAt, mail.now())}</summary>
<div class="head">
<details class="envelope"><summary>${envelopeOf(fields, reader.address)}</summary>
<dl>${addressLine("From", fields.from)}${addressLine("Reply to", differing(fields))}${addressLine(
    "To",
    fields.to,
  )}${addressLine("Cc", fields.cc)}${addressLine("Bcc", fields.bcc)}<div><dt>Date</dt><dd>${reader.zone.long(
    email.receivedAt,
  )}</dd></div></dl>
<a class="button quiet" href="/email/${id}/original">Download the message</a></details>
${showSending(mail, reader.account, email.id)}
</div>
${body}
<p class="acts">${
    isDraft
      ? html`<a class="button" href="/compose?draft=${id}">Go on writing</a>`
      : html`<a class="button quiet" href="/compose?reply=${id}" data-key="r">Reply</a>
${isAmongSeveral(mail, email, fields) ? html`<a class="button quiet" href="/compose?reply-all=${id}" data-key="a">Reply to all</a>` : ""}
<a class="button quiet" href="/compose?forward=${id}" data-key="f">Forward</a>`
  }</p>
</details>`;
}

/** Whether an answer to everybody goes to more people than one to who wrote. */
function isAmongSeveral({ addresses }: MailContext, { account }: EmailRow, fields: EmailFields): boolean {
  const { from, replyTo, to, cc } = fields;
  const people = [...(replyTo ?? from ?? []), ...(to ?? []), ...(cc ?? [])].slice(0, 50);
  const others = people.filter(({ email }) => addresses.find(email) !== account);
  return new Set(others.map(({ email }) => email.toLowerCase())).size > 1;
}

/** `To me, Zoë`: all that one wants to know of it mostly. */
function envelopeOf({ to, cc, bcc }: EmailFields, own: string): Markup {
  const everybody = [...(to ?? []), ...(cc ?? []), ...(bcc ?? [])];
  const others = everybody.length > 5 ? ` and ${everybody.length - 5} more` : "";
  return html`To ${namesOf(everybody, own) ?? "nobody named"}${others}`;
}

/** Where answers go, if not to who wrote. */
function differing({ from, replyTo }: EmailFields): EmailAddress[] | null {
  const known = new Set((from ?? []).map(({ email }) => email.toLowerCase()));
  return replyTo?.some(({ email }) => !known.has(email.toLowerCase())) ? replyTo : null;
}

function addressLine(name: string, addresses: readonly EmailAddress[] | null): Markup | string {
  if (!addresses || addresses.length === 0) return "";
  const shown = addresses.slice(0, 50);
  return html`<div><dt>${name}</dt><dd>${shown.map(
    ({ name: called, email }, index) =>
      html`${index > 0 ? ", " : ""}<bdi>${called ?? ""}</bdi>${called === null ? email : html` <span class="address">&lt;${email}&gt;</span>`}`,
  )}${addresses.length > shown.length ? ` and ${addresses.length - shown.length} more` : ""}</dd></div>`;
}

/** Bytes of a closed message whose body is on the page nevertheless. */
const largestClosed = 100_000;

async function showBody(webmail: WebmailContext, viewed: Viewed, here: string): Promise<Markup> {
  const { email, asText, isOpen } = viewed;
  const id = formatId("email", email.id);
  if (!isOpen && email.size > largestClosed)
    return html`<p class="body"><a href="${withQuery(here, undefined, id)}#${id}">Open this message</a></p>`;
  const { root, texts } = webmail.mail.emails.bodyOf(email.hash);
  const { textBody, htmlBody, attachments } = listBodies(root);
  const hasHtml = htmlBody.some(({ type }) => type === "text/html");
  const files = showAttachments(id, listed(attachments, textBody));
  if (hasHtml && !asText) {
    const page = htmlBody.map(({ partId }) => texts[partId ?? ""]?.value ?? "").join("\n");
    return html`<div class="body">${showFrame(viewed, here, page)}${files}</div>`;
  }
  const words = await wordsOf(webmail, email);
  return html`<div class="body">${
    hasHtml
      ? html`<p class="hint"><a href="${withQuery(here, "text", id, false)}#${id}">Show as its sender made it</a></p>`
      : ""
  }${words.map(showText)}${files}</div>`;
}

/** Pictures that stand alone in the text are attachments here. */
function listed(attachments: readonly BodyPart[], body: readonly BodyPart[]): BodyPart[] {
  return [
    ...attachments,
    ...body.filter(({ type }) => !type.startsWith("text/") && !type.startsWith("multipart/")),
  ].filter((part, index, all) => all.findIndex(({ partId }) => partId === part.partId) === index);
}

/** What may be a picture of another server; the cleaner knows better, and runs when the frame is asked for. */
const remotePicture = /<img\b[^<>]*\bsrc\s*=\s*["']?\s*(?:https?:)?\/\//i;

function showFrame({ email, pictures }: Viewed, here: string, page: string): Markup {
  const id = formatId("email", email.id);
  const address = `/email/${id}/frame${pictures ? "?pictures=yes" : ""}`;
  const asked = pictures
    ? html`Pictures are fetched from other servers by your browser, which tells them that you read this. · `
    : html`Pictures of other servers are not shown: to fetch them tells their senders that you read this. <a href="${withQuery(here, "pictures", id, true)}#${id}">Show pictures</a> · `;
  return html`<p class="hint">${remotePicture.test(page) ? asked : ""}<a href="${withQuery(here, "text", id, true)}#${id}">Plain text</a> · <a href="${address}" target="_blank" rel="noopener">Open alone</a></p>
<iframe class="${estimateHeight(page)}" src="${address}" title="The message" sandbox="allow-popups allow-popups-to-escape-sandbox" referrerpolicy="no-referrer" loading="lazy"></iframe>`;
}

/** The page again, with this message open and seen in that way, or no longer. */
function withQuery(here: string, name: "text" | "pictures" | undefined, id: string, isOn = true): string {
  const url = new URL(here, "https://this.invalid");
  if (name !== undefined) {
    const others = url.searchParams.getAll(name).filter((one) => one !== id);
    url.searchParams.delete(name);
    for (const one of [...others, ...(isOn ? [id] : [])]) url.searchParams.append(name, one);
  }
  url.searchParams.set("open", id);
  return `${url.pathname}${url.search}`;
}

function showAttachments(id: string, parts: readonly BodyPart[]): Markup | string {
  if (parts.length === 0) return "";
  return html`<h2 class="unseen">Attachments</h2><ul class="attachments">${parts
    .slice(0, 200)
    .map(
      ({ partId, name, type, size }) =>
        html`<li><a href="/email/${id}/part/${partId ?? ""}"><bdi>${name ?? nameOf(type)}</bdi> <span class="hint">${formatSize(size)}</span></a></li>`,
    )}</ul>`;
}

const usualNames = new Map([
  ["message/rfc822", "message.eml"],
  ["text/calendar", "event.ics"],
  ["message/delivery-status", "delivery-report.txt"],
]);

export const nameOf = (type: string): string => usualNames.get(type) ?? "attachment";

export function formatSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${Math.round(bytes / 1000)} kB`;
  return bytes < 1_000_000_000 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
