/** G9 with a program that was not made for us: Radicale from Debian, which takes a header's word for who asks. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { type RunningEdge, startEdge } from "../../origin/cli/dev/edge-process.ts";
import { makeDataFolder } from "../../origin/config/data-folder.ts";
import { trustedHeaders } from "../../origin/config/proxied-app.ts";
import { createSecrets } from "../../origin/config/secrets.ts";
import { freePort } from "../support/origin-process.ts";
import { projectRoot } from "../support/run-burrow.ts";
import { startTestOrigin, type TestOrigin } from "../support/test-origin.ts";

const host = "calendar.burrow.localhost";
const skip = isInstalled() ? false : "skipped: radicale is not installed (apt-get install radicale)";

let folder: string;
let radicale: ChildProcess | undefined;
let origin: TestOrigin | undefined;
let edge: RunningEdge | undefined;
/** By name: `name:app password`. */
const passwords = new Map<string, string>();

function isInstalled(): boolean {
  try {
    execFileSync("radicale", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

before(async () => {
  if (skip !== false) return;
  folder = await mkdtemp(join(tmpdir(), "burrow-radicale-"));
  const port = await freePort();
  writeFileSync(
    join(folder, "radicale.conf"),
    `[server]\nhosts = 127.0.0.1:${port}\n[auth]\ntype = http_x_remote_user\n[storage]\nfilesystem_folder = ${folder}/collections\n`,
  );
  radicale = spawn("radicale", ["--config", join(folder, "radicale.conf")], { stdio: "ignore" });
  const dataDir = join(folder, "data");
  makeDataFolder(dataDir);
  writeFileSync(
    join(dataDir, "burrow.toml"),
    `mode = "development"
server_name = "burrow.localhost"
[[app]]
name = "calendar"
upstream = "http://127.0.0.1:${port}"
app_passwords = true
headers = { user = "X-Remote-User", groups = "", name = "", email = "" }
`,
  );
  createSecrets(dataDir);
  origin = await startTestOrigin({ dataDir });
  edge = await startEdge({
    root: projectRoot,
    origin: new URL(origin.facts.url).host,
    edgeKey: origin.facts.edgeKey,
    hosts: origin.facts.hosts,
    trustedHeaders: trustedHeaders(origin.origin.config.apps).join(" "),
    port: 0,
    persistDir: join(folder, "edge"),
  });
  const { members } = origin.origin;
  const ada = await members.createOwner({ name: "ada", password: "a long password for tests" });
  const ben = await members.createAccount({ name: "ben", password: "a long password for tests" });
  for (const { id, name } of [ada, ben]) {
    const { secret } = await members.keys.create(
      { via: "device" },
      {
        memberId: id,
        kind: "app-password",
        name: "calendar",
        scopes: ["apps"],
      },
    );
    passwords.set(name, `${name}:${secret}`);
  }
  await listening(port);
});

after(async () => {
  radicale?.kill("SIGKILL");
  await edge?.stop();
  await origin?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

async function listening(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    const isThere = await Promise.race([
      once(socket, "connect").then(() => true),
      once(socket, "error").then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (isThere) return;
    await pause(50);
  }
}

interface Asked {
  readonly as?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** Through the real Worker. */
async function ask(method: string, path: string, { as, headers = {}, body = "" }: Asked = {}) {
  const { hostname, port } = new URL(edge?.url ?? "");
  const credentials = as === undefined ? undefined : (passwords.get(as) ?? as);
  const outgoing = request({
    hostname,
    port,
    method,
    path,
    agent: false,
    headers: {
      host: `${host}:${port}`,
      ...(body !== "" && { "content-length": String(Buffer.byteLength(body)) }),
      ...(credentials !== undefined && {
        authorization: `Basic ${Buffer.from(credentials).toString("base64")}`,
      }),
      ...headers,
    },
  });
  outgoing.end(body);
  const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, body: await text(incoming) };
}

const event = `BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//test//EN
BEGIN:VEVENT
UID:lunch
DTSTAMP:20270115T080000Z
DTSTART:20270115T120000Z
SUMMARY:Lunch with Ben
END:VEVENT
END:VCALENDAR
`.replaceAll("\n", "\r\n");

test("a member's calendar programs make a calendar, write to it and read it, by an app password", {
  skip,
}, async () => {
  // RFC 5689: workerd knows no MKCALENDAR, and answers that with 501 before the Worker sees it (docs/apps.md).
  const made = await ask("MKCOL", "/ada/home/", {
    as: "ada",
    headers: { "content-type": "application/xml" },
    body:
      '<?xml version="1.0"?><mkcol xmlns="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><set><prop>' +
      "<resourcetype><collection/><c:calendar/></resourcetype></prop></set></mkcol>",
  });
  assert.equal(made.status, 201, made.body);
  const put = await ask("PUT", "/ada/home/lunch.ics", {
    as: "ada",
    headers: { "content-type": "text/calendar", "if-none-match": "*" },
    body: event,
  });
  assert.equal(put.status, 201, put.body);
  const got = await ask("GET", "/ada/home/lunch.ics", { as: "ada" });
  assert.match(got.body, /SUMMARY:Lunch with Ben/);
  const unchanged = await ask("GET", "/ada/home/lunch.ics", {
    as: "ada",
    headers: { "if-none-match": String(got.headers.etag) },
  });
  assert.ok([200, 304].includes(unchanged.status));
  const found = await ask("PROPFIND", "/ada/home/", {
    as: "ada",
    headers: { depth: "1", "content-type": "application/xml" },
    body: '<?xml version="1.0"?><propfind xmlns="DAV:"><prop><getetag/></prop></propfind>',
  });
  assert.equal(found.status, 207);
  assert.match(found.body, /\/ada\/home\/lunch\.ics/);
  const home = await ask("PROPFIND", "/", {
    as: "ada",
    headers: { depth: "0", "content-type": "application/xml" },
    body: '<?xml version="1.0"?><propfind xmlns="DAV:"><prop><current-user-principal/></prop></propfind>',
  });
  assert.match(home.body, /<href>\/ada\/<\/href>/, "Radicale knows who asks");
  const moved = await ask("MOVE", "/ada/home/lunch.ics", {
    as: "ada",
    headers: { destination: `http://${host}:${new URL(edge?.url ?? "").port}/ada/home/dinner.ics` },
  });
  assert.equal(moved.status, 201, moved.body);
});

test("nobody is somebody else, by no header and no password", { skip }, async () => {
  for (const name of ["X-Remote-User", "x_remote_user", "X-REMOTE_USER", "Remote-User", "X-Forwarded-User"]) {
    const forged = await ask("PROPFIND", "/ada/home/", { headers: { [name]: "ada", depth: "0" } });
    assert.equal(forged.status, 401, name);
    assert.match(String(forged.headers["www-authenticate"]), /^Basic realm="calendar"/);
    const asBen = await ask("GET", "/ada/home/dinner.ics", { as: "ben", headers: { [name]: "ada" } });
    assert.equal(asBen.status, 403, name);
  }
  for (const as of [
    "ada:wrong",
    "ada:a long password for tests",
    passwords.get("ben")?.replace("ben", "ada"),
  ]) {
    assert.equal((await ask("GET", "/ada/home/dinner.ics", { as: as ?? "" })).status, 401);
  }
});

test("the page of somebody else's program keeps its own scripts and frames at the edge", {
  skip,
}, async () => {
  const { headers } = await ask("GET", "/.web/", { as: "ada" });
  assert.equal(headers["content-security-policy"], "frame-ancestors 'self'");
  assert.equal(headers["x-frame-options"], "SAMEORIGIN");
  assert.equal(headers["x-content-type-options"], "nosniff");
  assert.equal(headers["server"], undefined);
});

test("an account that is suspended or locked is out at its next request", { skip }, async () => {
  const { members } = (origin as TestOrigin).origin;
  const ben = members.find("ben")?.id ?? 0;
  const status = async (): Promise<number> => (await ask("PROPFIND", "/ben/", { as: "ben" })).status;
  assert.equal(await status(), 207);
  await members.suspend(ben);
  assert.equal(await status(), 401);
  await members.unsuspend(ben);
  assert.equal(await status(), 207);
  await members.lock(ben);
  assert.equal(await status(), 401);
});

test("an app that is stopped is told of as stopped", { skip }, async () => {
  const gone = once(radicale as ChildProcess, "exit");
  radicale?.kill("SIGKILL");
  await gone;
  const answer = await ask("GET", "/ada/", { as: "ada", headers: { accept: "text/html" } });
  assert.equal(answer.status, 502);
  assert.match(answer.body, /This app is not running/);
  assert.ok(Number(answer.headers["retry-after"]) > 0);
});
