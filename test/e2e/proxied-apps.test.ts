/**
 * G9 through the real Worker: Radicale from Debian, which was not made for us and takes a header's word for who asks,
 * and a small program with an event stream and a WebSocket.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, request, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { WebSocket, WebSocketServer } from "ws";

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
let live: Server | undefined;
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

/** An event stream, and a WebSocket that echoes. */
async function startLive(): Promise<number> {
  const server = createServer((incoming, outgoing) => {
    outgoing.writeHead(200, { "content-type": "text/event-stream" });
    outgoing.write(`data: ${String(incoming.headers["x-remote-user"])}\n\n`);
    outgoing.on("close", () => left.emit("left"));
  });
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket, incoming) => {
    socket.on("message", (data: Buffer) => {
      socket.send(`${String(incoming.headers["x-remote-user"])}: ${data.toString()}`);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  live = server;
  return (server.address() as AddressInfo).port;
}

/** `left` when the reader of the event stream has gone. */
const left = new EventEmitter();

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "burrow-apps-"));
  const port = await freePort();
  writeFileSync(
    join(folder, "radicale.conf"),
    `[server]\nhosts = 127.0.0.1:${port}\n[auth]\ntype = http_x_remote_user\n[storage]\nfilesystem_folder = ${folder}/collections\n`,
  );
  if (skip === false) {
    radicale = spawn("radicale", ["--config", join(folder, "radicale.conf")], { stdio: "ignore" });
  }
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
[[app]]
name = "live"
upstream = "http://127.0.0.1:${await startLive()}"
app_passwords = true
headers = { user = "X-Remote-User" }
`,
  );
  createSecrets(dataDir);
  // One of the programs is stopped here, which the log tells.
  origin = await startTestOrigin({ dataDir, write: () => {} });
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
  const cleo = await members.createAccount({ name: "cleo", password: "a long password for tests" });
  for (const { id, name } of [ada, ben, cleo]) {
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
  if (skip === false) await listening(port);
});

after(async () => {
  radicale?.kill("SIGKILL");
  live?.closeAllConnections();
  live?.close();
  await edge?.stop();
  await origin?.close();
  await rm(folder, { recursive: true, force: true });
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
  readonly at?: string;
  readonly as?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** Through the real Worker. */
async function ask(method: string, path: string, { at = host, as, headers = {}, body = "" }: Asked = {}) {
  const { hostname, port } = new URL(edge?.url ?? "");
  const credentials = as === undefined ? undefined : (passwords.get(as) ?? as);
  const outgoing = request({
    hostname,
    port,
    method,
    path,
    agent: false,
    headers: {
      host: `${at}:${port}`,
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

test("a browser that opens the calendar is taken to the sign-in, and comes back as its member", {
  skip,
}, async () => {
  const jars = new Map<string, Map<string, string>>();
  const navigation = { accept: "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
  /** Follows redirects with the cookies of each host, to the page in the end. */
  async function browse(
    method: string,
    url: URL,
    more: Asked = {},
  ): Promise<{ url: URL; status: number; body: string }> {
    const jar = jars.get(url.hostname) ?? new Map<string, string>();
    jars.set(url.hostname, jar);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await ask(method, url.pathname + url.search, {
      ...more,
      at: url.hostname,
      headers: { ...navigation, ...(cookie !== "" && { cookie }), ...more.headers },
    });
    for (const field of answer.headers["set-cookie"] ?? []) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(field) ?? [];
      jar.set(name, value);
    }
    const { location } = answer.headers;
    return location === undefined ? { url, ...answer } : await browse("GET", new URL(location, url));
  }
  const { port } = new URL(edge?.url ?? "");
  const form = await browse("GET", new URL(`http://${host}:${port}/.web/?x=1`));
  assert.equal(form.url.hostname, "id.burrow.localhost");
  const fields = new URLSearchParams({
    name: "ada",
    password: "a long password for tests",
    next: form.url.searchParams.get("next") ?? "",
  });
  const page = await browse("POST", new URL("/sign-in", form.url), {
    body: String(fields),
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      origin: form.url.origin,
      "sec-fetch-site": "same-origin",
    },
  });
  assert.deepEqual([page.url.hostname, page.url.pathname + page.url.search], [host, "/.web/?x=1"]);
  assert.match(page.body, /Radicale Web Interface/);
  const found = await browse("PROPFIND", new URL("/", page.url), {
    headers: { depth: "0", origin: page.url.origin, "sec-fetch-site": "same-origin" },
    body: '<?xml version="1.0"?><propfind xmlns="DAV:"><prop><current-user-principal/></prop></propfind>',
  });
  assert.match(found.body, /<href>\/ada\/<\/href>/);
  const foreign = await browse("PROPFIND", new URL("/", page.url), {
    headers: { depth: "0", origin: `http://other.burrow.localhost:${port}`, "sec-fetch-site": "same-site" },
  });
  assert.ok(foreign.status === 401 || foreign.status === 403);
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

test("an event stream and a WebSocket pass the edge, and end within a second of the right to them", async () => {
  const { members } = (origin as TestOrigin).origin;
  const { hostname, port } = new URL(edge?.url ?? "");
  const basic = (name: string) => `Basic ${Buffer.from(passwords.get(name) ?? "").toString("base64")}`;
  const headers = {
    host: `live.burrow.localhost:${port}`,
    "x-remote-user": "ada",
    authorization: basic("cleo"),
  };
  const refused = new WebSocket(`ws://${hostname}:${port}/`, { headers: { host: headers.host } });
  refused.on("error", () => {});
  const [, answer] = (await once(refused, "unexpected-response")) as [unknown, IncomingMessage];
  assert.equal(answer.statusCode, 401);

  const socket = new WebSocket(`ws://${hostname}:${port}/`, { headers });
  await once(socket, "open");
  socket.send("hello");
  const [echo] = (await once(socket, "message")) as [Buffer];
  assert.equal(String(echo), "cleo: hello");
  const outgoing = request({ hostname, port, path: "/events", agent: false, headers }).end();
  const [stream] = (await once(outgoing, "response")) as [IncomingMessage];
  stream.on("error", () => {});
  const [told] = (await once(stream, "data")) as [Buffer];
  assert.equal(String(told), "data: cleo\n\n");

  const ends = [
    new Promise((resolve) => void socket.on("close", resolve)),
    new Promise((resolve) => void stream.on("close", resolve)),
    once(left, "left"),
  ];
  const begun = performance.now();
  await members.lock(members.find("cleo")?.id ?? 0);
  await Promise.all(ends);
  assert.ok(performance.now() - begun < 1_000);
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
