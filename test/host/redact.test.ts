import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { describe, test } from "node:test";

import { createLog } from "../../origin/host/log.ts";
import { createRedactor } from "../../origin/host/redact.ts";

function write(
  event: string,
  fields: Record<string, unknown>,
  secrets: string[] = [],
  readable = false,
): string {
  let text = "";
  const log = createLog({ level: "debug", now: () => 0, write: (line) => (text += line), readable });
  for (const secret of secrets) log.hide(secret);
  log.info(event, fields);
  return text;
}

const token = "q7Jx0v-3kMZt_9aYbC4dEfGhIjKl";

describe("a secret that nobody registered does not get into a line", () => {
  const shapes: Record<string, string> = {
    "Bearer header": `Authorization: Bearer ${token}`,
    "Basic header": `authorization: Basic ${token}==`,
    "bare Bearer": `sent Bearer ${token} to the server`,
    cookie: `Cookie: __Host-session=${token}; theme=dark`,
    "set-cookie": `set-cookie: __Host-session=${token}; Secure`,
    "JSON password": `{"user":"ada","password":"${token}","x":1}`,
    "JSON access token": `{"access_token":"${token}"}`,
    "JSON camel case": `{"accessToken": "${token}"}`,
    "query access_token": `GET /_matrix/client/v3/sync?since=1&access_token=${token}&timeout=0`,
    "form password": `name=ada&password=${token}&x=1`,
    "quoted JSON in JSON": JSON.stringify(JSON.stringify({ refresh_token: token })),
    "URL userinfo": `https://ada:${token}@example.org/`,
    "invite link": `https://example.org/invite#${token}`,
    "set-up link": `http://127.0.0.1:8787/setup#${token}`,
    "our access token": `found bat_${token} in the table`,
    "our refresh token": `brt_${token}`,
    "our invite": `bit_${token}`,
    "our API key": `found burrow_key_${token}`,
    "our app password": `burrow_app_${token}`,
    "Matrix token": `syt_YWRh_${token}_1a2b3c`,
    "api key": `X-Api-Key: ${token}`,
    PEM: `-----BEGIN PRIVATE KEY-----\n${token}\n-----END PRIVATE KEY-----`,
    "torn PEM": `-----BEGIN EC PRIVATE KEY-----\n${token}`,
    "age key": `AGE-SECRET-KEY-1${token.replaceAll(/[^A-Za-z0-9]/g, "").toUpperCase()}`,
    JWT: `eyJhbGciOiJSUzI1NiJ9.${token}.${token}`,
    "edge key variable": `EDGE_KEY=k1.${token}`,
  };
  for (const [name, text] of Object.entries(shapes)) {
    test(name, () => {
      for (const readable of [false, true]) {
        for (const line of [
          write("x", { text }, [], readable),
          write("x", { error: new Error(text) }, [], readable),
        ]) {
          assert.ok(!line.toLowerCase().includes(token.toLowerCase()), line);
          assert.ok(!line.includes(token.replaceAll(/[^A-Za-z0-9]/g, "").toUpperCase()), line);
        }
      }
    });
  }

  test("in a field by the name of a secret", () => {
    const line = write("x", {
      headers: { authorization: `Bearer ${token}`, cookie: `a=${token}` },
      password: token,
    });
    assert.ok(!line.includes(token), line);
  });
});

test("a registered secret never appears, in any form, shape or place (1,000 random ones)", () => {
  const forms: ((secret: string) => string)[] = [
    (secret) => secret,
    (secret) => encodeURIComponent(secret),
    (secret) => Buffer.from(secret).toString("base64"),
    (secret) => Buffer.from(secret).toString("base64url"),
    (secret) => Buffer.from(secret).toString("hex"),
    (secret) => Buffer.from(secret).toString("hex").toUpperCase(),
    (secret) => Buffer.from(`ada:${secret}`).toString("base64"),
    (secret) => Buffer.from(`:${secret}`).toString("base64"),
    (secret) => JSON.stringify({ deep: { text: `a ${secret} b` } }),
  ];
  const alphabet = Array.from("abcXYZ019-_.~!@#$%^&*() \"'\\/<>äß🦡\n\t");
  for (let round = 0; round < 1000; round += 1) {
    const secret = Array.from(
      { length: 12 + randomInt(30) },
      () => alphabet[randomInt(alphabet.length)],
    ).join("");
    const form = forms[round % forms.length] ?? forms[0]!;
    const noise = randomBytes(randomInt(20)).toString("base64");
    const text = `${noise} ${form(secret)} ${noise}`;
    const line = write(
      "event",
      { text, [form(secret)]: 1, list: [text], error: new Error(text) },
      [secret],
      round % 2 === 0,
    );
    for (const leak of forms.slice(0, 6))
      assert.ok(!line.includes(leak(secret)), `${JSON.stringify(secret)} in ${line}`);
  }
});

test("ordinary lines stay readable", () => {
  const redactor = createRedactor();
  redactor.register("short");
  for (const line of [
    '{"event":"origin.started","listen":"127.0.0.1:8090"}',
    '{"event":"request.failed","id":"0a1b2c","method":"POST","path":"/_matrix/client/v3/login"}',
    "the token has expired, short of time",
    '{"room":"!abc:example.org","user":"@ada:example.org"}',
  ]) {
    assert.equal(redactor.redact(line), line);
  }
});

test("a line is one line, also with line ends, cycles and odd values in its fields", () => {
  const cycle: Record<string, unknown> = { big: 1n, nothing: undefined };
  cycle["self"] = cycle;
  const line = write("odd", { cycle, text: "a\nb", error: new Error("x", { cause: cycle }) });
  assert.equal(line.trimEnd().split("\n").length, 1);
  assert.equal((JSON.parse(line) as { event: string }).event, "odd");
});

test("what is below the level is not written", () => {
  let text = "";
  const log = createLog({ level: "warn", now: () => 0, write: (line) => (text += line) });
  log.info("quiet");
  log.debug("quiet");
  assert.equal(text, "");
  log.warn("heard");
  assert.match(text, /"event":"heard"/);
});
