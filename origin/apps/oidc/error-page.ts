import { html } from "hono/html";
import type { ErrorOut } from "oidc-provider";
import type { Page } from "../../pages/layout.ts";

/** What a person sees where the app that sent them cannot be told. RFC 6749 §4.1.2.1: never a redirect then. */
export function errorPage({
  error,
  error_description: description,
}: Pick<ErrorOut, "error" | "error_description">): Page {
  return {
    title: "That did not work",
    body: html`<div class="card">
<h1>That did not work</h1>
<p>The app that sent you here asked for something that cannot be done, or the request is too old. Go back to the app and
start again there.</p>
<p class="hint">For the app's developer: <code>${error}</code>${description ? html`, ${description}` : ""}</p>
</div>`,
  };
}
