/**
 * Seeded nonsense at every host: headers, cookies, hosts, paths, forms and `next` values, drawn from what attackers try
 * and from good values. Never a 500, never an identity that nobody proved, never a way out to a foreign host.
 * BURROW_FUZZ_SEED and BURROW_FUZZ_ROUNDS repeat and lengthen a run.
 */
import assert from "node:assert/strict";
import { test } from "node:test";

import { nextPath } from "../../origin/gate/next-path.ts";
import { filesHost, idHost, mailHost, openSignInHouse, type Reply } from "./sign-in-house.ts";

const seed = Number(process.env["BURROW_FUZZ_SEED"] ?? 20_261_129);
const rounds = Number(process.env["BURROW_FUZZ_ROUNDS"] ?? 1500);

/** Mulberry32: the same numbers on every machine. */
function createChance(state: number) {
  let at = state;
  const next = (): number => {
    at = (at + 0x6d2b79f5) | 0;
    let mixed = Math.imul(at ^ (at >>> 15), 1 | at);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const one = <T>(from: readonly T[]): T => from[Math.floor(next() * from.length)] as T;
  const some = (pieces: readonly string[], most: number): string =>
    Array.from({ length: Math.floor(next() * (most + 1)) }, () => one(pieces)).join("");
  return { next, one, some };
}

const hosts = [
  idHost,
  filesHost,
  idHost,
  filesHost,
  mailHost,
  "example.org",
  "evil.example",
  "id.example.org.evil.example",
  "[::1]",
  "x",
];
const pieces = [
  "/",
  "//",
  "\\",
  "\t",
  "\r\n",
  "\0",
  " ",
  ".",
  "..",
  "%09",
  "%0d%0a",
  "%2f",
  "%5c",
  "%2e",
  "%00",
  "%zz",
  "@",
  ":",
  "?",
  "#",
  "&",
  "=",
  ";",
  "evil.example",
  "https:",
  "javascript:",
  "é",
  "\u2028",
  "\ud800",
  "next",
  "sign-in",
  "hand-off",
  "arrive",
  "Set-Cookie: x=1",
  "id.example.org",
  "A".repeat(43),
  "x".repeat(300),
] as const;
const paths = [
  "/",
  "/sign-in",
  "/sign-out",
  "/hand-off",
  "/.burrow/arrive",
  "/.burrow/x",
  "/confirm",
  "/password",
  "/sessions",
  "/sessions/1/end",
  "/devices/name",
  "/factors",
  "/keys",
  "/sign-in/second-step",
  "/sign-in/passkey",
  "/sign-in/access",
  "/open",
  "/x",
] as const;

/** What a header field may hold at all: an HTTP parser has seen it. */
const fieldValue = (text: string): string =>
  // oxlint-disable-next-line no-control-regex
  text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, "");

function checkLocation(reply: Reply, host: string, what: string): void {
  const location = reply.headers.get("location");
  if (location === null) return;
  const url = new URL(location, `https://${host}/deep/page`);
  assert.ok([idHost, filesHost, mailHost, "example.org"].includes(url.hostname), `${what} → ${location}`);
  assert.equal(url.protocol, "https:", `${what} → ${location}`);
  assert.equal(url.username + url.port, "", `${what} → ${location}`);
  assert.ok(
    url.hostname === host || /^\/(?:hand-off|\.burrow\/arrive)$/.test(url.pathname),
    `${what} → ${location}`,
  );
}

test(`whatever is asked, nobody becomes somebody and nobody is led astray (seed ${seed})`, async (t) => {
  const house = await openSignInHouse(t);
  const { one, some, next: chance } = createChance(seed);
  const browser = house.openBrowser();
  let real: string[] = [];
  let tokens: string[] = [];
  const signIn = async (): Promise<void> => {
    await browser.signIn();
    await browser.open(filesHost, "/");
    real = [idHost, filesHost].map((host) => browser.cookies.get(host)?.get("__Host-burrow-session") ?? "");
    const [atId = "", atFiles = ""] = real;
    tokens = [atId, atId, atFiles, atFiles, `bwt_${"A".repeat(43)}`, "", atId.slice(0, -1), "é", `${atId}x`];
  };
  await signIn();
  let known = 0;
  const statuses = new Set<number>();

  for (let round = 0; round < rounds; round += 1) {
    const host = one(hosts);
    const method = one(["GET", "GET", "HEAD", "POST", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"]);
    const token = chance() < 0.5 ? real[host === idHost ? 0 : 1] : one(tokens);
    const nextValue = chance() < 0.5 ? some(pieces, 5) : `/${some(pieces, 4)}`;
    const query = new URLSearchParams({
      next: nextValue.toWellFormed(),
      ...(chance() < 0.4 && {
        host: one(hosts),
        state: one(["A".repeat(43), "x", ""]),
        code: some(pieces, 2).toWellFormed(),
      }),
    });
    const headers: Record<string, string> = {};
    if (chance() < 0.7)
      headers["cookie"] = fieldValue(`${one(["", "a=b; ", some(pieces, 2)])}__Host-burrow-session=${token}`);
    if (chance() < 0.1)
      headers["cookie"] = `${headers["cookie"] ?? ""}; __Host-burrow-session=${one(tokens.slice(0, 4))}`;
    if (chance() < 0.4)
      headers["origin"] = fieldValue(
        one([`https://${host}`, `https://${one(hosts)}`, "null", some(pieces, 3)]),
      );
    if (chance() < 0.4)
      headers["sec-fetch-site"] = one(["same-origin", "same-site", "cross-site", "none", "x"]);
    if (chance() < 0.4) headers["accept"] = one(["text/html", "application/json", "*/*", ""]);
    if (chance() < 0.2) headers["sec-fetch-mode"] = one(["navigate", "cors", "x"]);
    if (chance() < 0.15)
      headers["authorization"] = fieldValue(one(["Bearer ", "Basic ", ""]) + some(pieces, 3));
    if (chance() < 0.1) headers["upgrade"] = "websocket";
    if (chance() < 0.1) headers["remote-user"] = "ada";
    const path = `${one(paths)}${chance() < 0.2 ? encodeURI(some(pieces, 2).toWellFormed()).replaceAll("#", "") : ""}`;
    const hasBody = !["GET", "HEAD"].includes(method);
    const fields = new URLSearchParams({
      next: nextValue.toWellFormed(),
      // Never the right one: the limits are not what is tried here.
      name: one(["", "ben", some(pieces, 2).toWellFormed()]),
      password: "",
    });
    const what = `round ${round}: ${method} ${host} ${path}?${query.toString()} ${JSON.stringify(headers)}`;
    const init = {
      method,
      headers,
      ...(hasBody && { body: one([fields, "x", new URLSearchParams()]) }),
      address: `198.51.100.${round % 250}`,
    };
    let reply: Reply;
    try {
      reply = await house.ask(host, `${path}?${query.toString()}`, init);
    } catch (error) {
      throw new Error(what, { cause: error });
    }
    statuses.add(reply.status);
    checkLocation(reply, host, what);
    for (const [name, content] of reply.headers) assert.doesNotMatch(`${name}${content}`, /[\r\n\0]/, what);

    // It may have found the way out of the house by itself.
    const isOut = house.members.webSessions.find(real[1] ?? "", filesHost) === undefined;
    const { identity } = reply.context;
    if (!identity) {
      if (isOut) await signIn();
      continue;
    }
    known += 1;
    const given = [...(headers["cookie"] ?? "").matchAll(/(?:^|;)[ \t]*__Host-burrow-session=([^;]*)/g)].map(
      ([, value]) => value,
    );
    assert.equal(identity.name, "ben", what);
    assert.equal(headers["authorization"], undefined, what);
    assert.deepEqual(given, [host === idHost ? real[0] : real[1]], what);
    const isSafe = (method === "GET" || method === "HEAD") && headers["upgrade"] === undefined;
    assert.ok(isSafe || headers["origin"] === `https://${host}`, what);
    if (isOut) await signIn();
  }
  assert.ok(known > rounds / 100, `recognised ${known} of ${rounds}`);
  assert.ok(
    [200, 303, 401, 403, 404, 405, 421].every((status) => statuses.has(status)),
    [...statuses].join(),
  );
  assert.deepEqual(house.logLines, []);
});

test("a path to go on to is of this host as every URL parser reads it", () => {
  const { one, some } = createChance(seed);
  let kept = 0;
  for (let round = 0; round < rounds * 20; round += 1) {
    const text = `${one(["", "/", "/", "/x"])}${some(pieces, 6)}`;
    const path = nextPath(text);
    const url = new URL(path, "https://id.example.org/some/page?x");
    assert.equal(url.origin, "https://id.example.org", JSON.stringify(text));
    assert.match(path, /^\/(?!\/|\\)[\x21-\x5b\x5d-\x7e]*$/, JSON.stringify(text));
    // Judging what was judged changes nothing.
    assert.equal(nextPath(path), path, JSON.stringify(text));
    if (path !== "/") kept += 1;
  }
  assert.ok(kept > rounds, `${kept} kept`);
});
