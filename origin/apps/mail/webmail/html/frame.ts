import type { Context } from "hono";
import { html, raw } from "hono/html";
import type { HttpEnv } from "../../../../http/request-context.ts";
import { findEmail } from "../../jmap/email-get.ts";
import { listBodies } from "../../message/body-lists.ts";
import type { Reader, WebmailContext } from "../webmail-context.ts";
import { wordsOf } from "../reading/words-of.ts";
import { HtmlTooCostlyError } from "./html-cleaner.ts";
import { inlinePictures } from "./inline-pictures.ts";

/**
 * Whether somebody who looks at a page of ours has asked for pictures of other servers: to ask for them tells their
 * senders that the message was read. A link in a message may name the address, so that it alone counts for nothing.
 */
export function wantsPictures(c: Context<HttpEnv>): boolean {
  return c.req.query("pictures") !== undefined && c.req.header("sec-fetch-site") === "same-origin";
}

/**
 * The HTML of a message as a document of its own, for a frame of no origin. Its policy says the same as the frame's
 * attributes, so that it can do no more where somebody opens it alone (R5): no script, no form, nothing from anywhere
 * but, once asked for, pictures.
 */
export async function serveFrame(
  webmail: Pick<WebmailContext, "mail" | "cleaner">,
  c: Context<HttpEnv>,
  { account }: Reader,
): Promise<Response> {
  const { mail, cleaner } = webmail;
  const email = findEmail(mail, account, c.req.param("email") ?? "");
  if (!email) return c.notFound();
  const pictures = wantsPictures(c);
  const { root, texts } = mail.emails.bodyOf(email.hash);
  const shown = listBodies(root).htmlBody.filter(({ type }) => type === "text/html" || type === "text/plain");
  const bodies: string[] = [];
  for (const { partId, type } of shown) {
    const text = texts[partId ?? ""]?.value ?? "";
    if (type !== "text/html") {
      bodies.push(String(await html`<pre>${text}</pre>`));
      continue;
    }
    const inline = await inlinePictures(mail, email.hash, root, text);
    try {
      bodies.push(await cleaner.clean(`${email.hash} ${partId}`, { html: text, pictures, inline }));
    } catch (error) {
      if (!(error instanceof HtmlTooCostlyError)) throw error;
      const words = await wordsOf(webmail, email);
      bodies.push(
        String(
          await html`<p><i>The sender's page takes too much to be shown. These are its words.</i></p><pre>${words.join("\n")}</pre>`,
        ),
      );
    }
  }
  return c.html(documentOf(bodies.join("<hr>")), 200, {
    "content-security-policy": policyOf(pictures),
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
  });
}

const policyOf = (pictures: boolean): string =>
  [
    "default-src 'none'",
    pictures ? "img-src data: https:" : "img-src data:",
    // The colours and measures that the cleaner leaves stand in attributes; within this document alone.
    "style-src 'unsafe-inline'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'self'",
    "sandbox allow-popups allow-popups-to-escape-sandbox",
  ].join("; ");

const documentOf = (body: string) => html`<!doctype html>
<html lang="">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="only light">
<meta name="referrer" content="no-referrer">
<title>Message</title>
<style>
html { background: #fff; color: #1d1d1d; font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere }
body { margin: 12px }
img { max-width: 100%; height: auto }
table { max-width: 100% }
pre { white-space: pre-wrap; font: inherit }
blockquote { margin: 0 0 0 4px; padding-left: 10px; border-left: 3px solid #bbb }
.real-host { color: #9c1f1f; font: 600 13px system-ui, sans-serif }
</style>
</head>
<body>${raw(body)}</body>
</html>`;
