export const LOST_PATH = "/.burrow/lost";
export const LOST_STYLE_PATH = "/.burrow/lost.css";

/** What the page shows: the form, its question before the act, or what has been done. */
export type LostPage =
  | { readonly step: "enter"; readonly problem?: string }
  | { readonly step: "confirm" /** In its 32 signs. */; readonly code: string }
  | { readonly step: "done" };

/** Nothing on it comes from the asker but a code that was found right. */
export function renderLostPage(page: LostPage): string {
  const { heading, body } = contentOf(page);
  const isRefused = page.step === "enter" && page.problem !== undefined;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${isRefused ? "Error: " : ""}${heading}</title>
<link rel="stylesheet" href="${LOST_STYLE_PATH}">
</head>
<body>
<main>
<h1>${heading}</h1>
${body}
</main>
</body>
</html>
`;
}

function contentOf(page: LostPage): { heading: string; body: string } {
  switch (page.step) {
    case "enter":
      return {
        heading: "Is the device lost?",
        body: `<p>With the kill code that you have printed, this server is shut off at Cloudflare: nothing reaches the device any more,
and nothing that it says is believed. Only the Cloudflare account opens it again.</p>
<form method="post" action="${LOST_PATH}">
${page.problem === undefined ? "" : `<p class="problem" role="alert" id="problem">${page.problem}</p>\n`}<label for="code">Kill code</label>
<p id="hint">32 letters and digits. Dashes, spaces and small letters are fine.</p>
<input id="code" name="code" required maxlength="100" autocomplete="off" autocapitalize="characters" autocorrect="off"
 spellcheck="false" aria-describedby="${page.problem === undefined ? "hint" : "problem hint"}"${page.problem === undefined ? "" : ' aria-invalid="true"'}>
<button type="submit">Go on</button>
</form>`,
      };
    case "confirm":
      return {
        heading: "Shut this server off?",
        body: `<p>The code is right. Everybody is shut out at once, you as well: for messages, mail and files there is no way in until
the server runs on another device, or this one is back and you have opened it from the Cloudflare account.</p>
<form method="post" action="${LOST_PATH}">
<input type="hidden" name="code" value="${page.code}">
<button type="submit" name="confirm" value="yes" class="danger">Shut it off</button>
<a href="${LOST_PATH}">Cancel</a>
</form>`,
      };
    default:
      return {
        heading: "The server is shut off",
        body: `<p>Nothing is forwarded to the device any more. Within 15 seconds that holds everywhere.</p>
<p>Next, at a computer with the Burrow repository and your Cloudflare login: <code>bin/burrow edge lost</code>. It ends the
tunnel, takes back the key of the backup bucket, and tells what else is to do.</p>`,
      };
  }
}

export const LOST_STYLE = `:root { color-scheme: light dark; --ink: #1d1b18; --paper: #faf8f4; --line: #6f6a62; --danger: #a3261b; --on-danger: #fff; --link: #1f4f8f; }
@media (prefers-color-scheme: dark) { :root { --ink: #f1ede6; --paper: #191714; --line: #a39c91; --danger: #ff9d92; --on-danger: #191714; --link: #9fc6ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1.0625rem/1.5 system-ui, sans-serif; }
main { max-width: 36rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.5rem; line-height: 1.25; }
label { font-weight: 600; }
#hint { margin: 0 0 .5rem; }
input:not([type="hidden"]) { display: block; width: 100%; padding: .625rem; font: 1rem/1.4 ui-monospace, monospace; color: inherit; background: transparent; border: 1px solid var(--line); border-radius: .375rem; }
button { margin: 1rem 1rem 0 0; padding: .625rem 1.25rem; font: inherit; font-weight: 600; color: var(--paper); background: var(--ink); border: 1px solid var(--ink); border-radius: .375rem; cursor: pointer; }
button.danger { color: var(--on-danger); background: var(--danger); border-color: var(--danger); }
a { color: var(--link); }
.problem { padding: .625rem .75rem; border: 2px solid var(--danger); border-radius: .375rem; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
code { overflow-wrap: anywhere; }
`;
