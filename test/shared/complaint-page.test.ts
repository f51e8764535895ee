import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { test } from "node:test";

import { formatComplaint } from "../../shared/answers.ts";

const complaint = {
  status: 404,
  code: "x",
  errcode: "M_X",
  title: "<b>Not</b> found",
  message: "Check \"it\" & 'that'",
};

test("the page's one style is the one that its policy lets through, and nothing else is", () => {
  const { body, policy = "" } = formatComplaint(complaint, "html");
  const styles = [...body.matchAll(/<style>([\s\S]*?)<\/style>/g)].map(([, text = ""]) => text);
  assert.equal(styles.length, 1);
  assert.ok(policy.includes(`style-src 'sha256-${hash("sha256", styles[0] ?? "", "base64")}';`), policy);
  assert.doesNotMatch(policy, /unsafe|script-src|https?:/);
  assert.doesNotMatch(body, /<script| style=| on\w+=|https?:|<b>Not/);
  assert.match(body, /<h1>&#60;b&#62;Not&#60;\/b&#62; found<\/h1>/);
});

test("a page of what may pass offers to try again, another leads to the first page", () => {
  const linkOf = (status: number, retryAfterMs?: number) =>
    /<a href="([^"]*)"/.exec(
      formatComplaint({ ...complaint, status, ...(retryAfterMs && { retryAfterMs }) }, "html").body,
    )?.[1];
  assert.deepEqual([linkOf(404), linkOf(403), linkOf(503), linkOf(429, 1000)], ["/", "/", "", ""]);
});
