import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import type { MatrixApp } from "../../origin/apps/matrix/matrix.ts";
import { memberPassword, ownerPassword } from "../members/open-members.ts";
import {
  type Answer,
  createSignedClient,
  type SignedClient,
  type SignedRequest,
} from "../support/signed-client.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestOrigin, type TestOrigin } from "../support/test-origin.ts";
import {
  anyBodies,
  anyParameters,
  anyQueries,
  type HostileBody,
  largeBodies,
  mutationsOf,
  spoiledForms,
} from "./hostile-input.ts";
import {
  fillPath,
  type Operation,
  operationsOf,
  parametersOf,
  plausibleBody,
  plausibleContents,
  plausibleParameter,
  type World,
} from "./plausible-request.ts";

const serverName = "burrow.localhost";
const log: string[] = [];
let home: TestOrigin;
let client: SignedClient;
let matrix: MatrixApp["matrix"];
let ben: number;
let ada: number;

// Out here: what a hook registers is done when the hook ends.
const dataDir = temporaryFolder({ after });

before(async () => {
  home = await startTestOrigin({
    dataDir,
    write: (line) => void log.push(line),
  });
  client = createSignedClient({ origin: home.facts.url, edgeKey: home.facts.edgeKey, host: serverName });
  const { members, apps } = home.origin;
  matrix = (apps.find((app) => app.name === "matrix") as MatrixApp).matrix;
  ada = (await members.createOwner({ name: "ada", password: ownerPassword })).id;
  const { token } = await members.createInvite({ name: "", uses: 1, expiresInMs: 60_000, createdBy: ada });
  ben = (await members.register({ name: "ben", password: memberPassword, inviteToken: token })).id;
});

after(async () => {
  client.close();
  await home.close();
});

/** The operations, and each path once more with a method that none of them has. */
function allOperations(): Operation[] {
  // The owner's own are for owners: test/apps/matrix/admin-api/bad-input.test.ts. The sign-in host's are held by
  // test/apps/oidc/bad-input.test.ts.
  const apps = home.origin.apps.filter((app) => app.host === "apex");
  const operations = operationsOf(apps.flatMap((app) => app.routes.routes)).filter(
    ({ path }) => !path.startsWith("/_burrow/"),
  );
  const paths = new Set(operations.map((operation) => operation.path));
  return [...operations, ...[...paths].map((path) => ({ method: "PATCH", path }))];
}

interface Stage extends World {
  readonly token: string;
}

async function openSession(): Promise<{ token: string; deviceId: string }> {
  const opened = await home.origin.members.openSession(ben, { deviceId: "BENS", address: "192.0.2.1" });
  return { token: opened.accessToken, deviceId: opened.deviceId };
}

/** A room of ben's with ada in it, new for each operation: the one before may have ended anything. */
async function setStage(): Promise<Stage> {
  const { members } = home.origin;
  const { accessToken: adas } = await members.openSession(ada, { deviceId: "ADAS", address: "192.0.2.1" });
  const session = await openSession();
  const userId = `@ben:${serverName}`;
  const ask = async (method: string, path: string, body: unknown = {}, token = session.token) => {
    const answer = await client.request({ method, path: `/_matrix/client/v3${path}`, token, body });
    assert.equal(answer.status, 200, answer.text);
    return answer.json<{ room_id: string; event_id: string }>();
  };
  const { room_id: roomId } = await ask("POST", "/createRoom", { preset: "public_chat" });
  const inRoom = `/rooms/${encodeURIComponent(roomId)}`;
  await ask("POST", `${inRoom}/join`, {}, adas);
  const message = { msgtype: "m.text", body: "hello" };
  const { event_id: eventId } = await ask(
    "PUT",
    `${inRoom}/send/m.room.message/${roomId.slice(1, 9)}`,
    message,
  );
  await ask("PUT", "/pushrules/global/override/org.example.rule", { actions: ["notify"] });
  await ask("PUT", `/user/${userId}/account_data/org.example.data`, { x: 1 });
  await ask("PUT", `/user/${userId}${inRoom}/account_data/org.example.data`, { x: 1 });
  return { ...session, roomId, eventId, userId, other: `@ada:${serverName}` };
}

// The stack's lines, the words of errors that nobody wrote for a client, and places on the disk.
const traces =
  /\bat (?:file:|async |\S+ \(|node:)|node_modules|\.ts:\d|\b(?:Type|Range|Syntax|Reference|Sqlite|Members|Matrix)Error\b|SQLITE_|burrow test |\bundefined\b|\[object /;

function checkAnswer(answer: Answer, path: string, what: string): void {
  const { status, text } = answer;
  const about = `${what} → ${status} ${text.slice(0, 300)}`;
  assert.ok(status < 500 || status === 503, about);
  assert.ok(!traces.test(text), `tells of the inside: ${about}`);
  if (!path.startsWith("/_matrix")) return;
  if (status >= 400) {
    assert.equal(answer.headers["content-type"], "application/json", about);
    const body = answer.json<{ errcode?: unknown; error?: unknown; flows?: unknown }>();
    // The first 401 of user-interactive authentication bears the flows instead.
    assert.ok(typeof body.errcode === "string" || Array.isArray(body.flows), about);
  }
  assert.equal(answer.headers["access-control-allow-origin"], "*", about);
}

/** Everything that a refusal must leave alone, cheap to look at. */
const position = (): string => `${matrix.stream.current()} ${home.origin.members.list().length}`;

async function attack(request: SignedRequest, what: string): Promise<Answer> {
  const untouched = position();
  let answer: Answer;
  try {
    answer = await client.request(request);
  } catch (error) {
    throw new Error(`no answer to ${what}`, { cause: error });
  }
  checkAnswer(answer, request.path, what);
  if (answer.status >= 400)
    assert.equal(position(), untouched, `refused, and yet done: ${what} → ${answer.text}`);
  return answer;
}

const shorten = (text: string): string =>
  text.length > 200 ? `${text.slice(0, 200)}… (${text.length})` : text;

const isForm = (path: string): boolean => path === "/setup" || path === "/invite";

/** What spoils the body of the operation. */
function hostileBodies(path: string, plausible: object): HostileBody[] {
  if (!isForm(path)) return [...anyBodies, ...mutationsOf(plausible).map((body) => ({ body }))];
  const headers = { "content-type": "application/x-www-form-urlencoded", origin: `https://${serverName}` };
  const forms = spoiledForms({ token: "bit_x", name: "cleo", password: memberPassword });
  return [...anyBodies, ...forms.map((body) => ({ body, headers }))];
}

async function attackOperation(operation: Operation, stage: Stage): Promise<void> {
  const { method, path } = operation;
  const good = fillPath(path, (name) => plausibleParameter(name, stage));
  let { token } = stage;
  const send = async (request: Omit<SignedRequest, "method" | "token">, what: string): Promise<void> => {
    const answer = await attack(
      { method, token, ...request },
      `${method} ${shorten(request.path)} ${shorten(what)}`,
    );
    // Signed out by what was meant to do so.
    if (answer.status === 200 && path.includes("/logout")) ({ token } = await openSession());
  };

  const plausible = plausibleBody(operation, stage);
  const body = plausible && { body: plausible };
  await send({ path: good, ...body }, "");
  await attack({ method, path: good, ...body }, `${method} ${good} without a token`);
  await attack({ method, path: good, token: "bat_\u00e9", ...body }, `${method} ${good} with an odd token`);
  if (method === "PATCH" || method === "OPTIONS") return;

  for (const spoiled of parametersOf(path)) {
    for (const value of anyParameters) {
      const bad = fillPath(path, (name) => (name === spoiled ? value : plausibleParameter(name, stage)));
      await send({ path: bad, ...body }, "");
    }
  }
  if (!plausible) for (const query of anyQueries) await send({ path: `${good}?${query}` }, "");
  else
    for (const hostile of hostileBodies(path, plausible))
      await send({ path: good, ...hostile }, String(hostile.body));
}

const complaintsInLog = (): string[] => log.filter((line) => line.includes('"level":"error"'));

test("no operation fails, tells of the inside, or does half of what it refuses", {
  timeout: 120_000,
}, async () => {
  const untouched = await setStage();
  for (const operation of allOperations()) {
    // A method that no path takes ends nothing.
    await attackOperation(operation, operation.method === "PATCH" ? untouched : await setStage());
  }
  assert.deepEqual(complaintsInLog(), []);
});

test("no content of an event that the server reads makes it fail", { timeout: 60_000 }, async () => {
  for (const [type, content] of plausibleContents) {
    const stage = await setStage();
    const room = `/_matrix/client/v3/rooms/${encodeURIComponent(stage.roomId)}`;
    const key = type === "m.room.member" ? stage.userId : "";
    const paths = [`${room}/state/${type}/${key}`, `${room}/send/${type}`];
    for (const [at, body] of mutationsOf(content(stage)).entries()) {
      const [asState = "", asMessage = ""] = paths;
      for (const path of [asState, `${asMessage}/${at}`]) {
        await attack({ method: "PUT", path, token: stage.token, body }, `${path} ${shorten(body)}`);
      }
    }
    // What was taken must not spoil the room for those who read it.
    for (const path of ["/_matrix/client/v3/sync", `${room}/messages?dir=b&limit=100`, `${room}/state`]) {
      const answer = await attack({ method: "GET", path, token: stage.token }, `${path} after ${type}`);
      assert.equal(answer.status, 200, `${path} after ${type}: ${answer.text}`);
    }
  }
  assert.deepEqual(complaintsInLog(), []);
});

test("a connection outlasts a body of unknown length that was too large", async () => {
  const { token } = await openSession();
  const single = createSignedClient({
    origin: home.facts.url,
    edgeKey: home.facts.edgeKey,
    host: serverName,
    connections: 1,
  });
  try {
    const sync = "/_matrix/client/v3/sync";
    const { next_batch: since } = (await single.request({ method: "GET", path: sync, token })).json();
    for (const hostile of largeBodies) {
      const path = "/_matrix/client/v3/createRoom";
      assert.equal((await single.request({ method: "POST", path, token, ...hostile })).status, 413);
      // Long enough for whatever would cut the connection behind the answer.
      const poll = `${sync}?timeout=700&since=${String(since)}`;
      assert.equal((await single.request({ method: "GET", path: poll, token })).status, 200);
    }
  } finally {
    single.close();
  }
});

test("a body that is too large is refused, whether it tells its length or not", async () => {
  const { token } = await openSession();
  for (const hostile of largeBodies) {
    for (const path of ["/_matrix/client/v3/createRoom", "/_matrix/client/v3/login", "/invite"]) {
      const answer = await attack({ method: "POST", path, token, ...hostile }, path);
      assert.ok([403, 413].includes(answer.status), `${path} ${answer.status}`);
    }
  }
});
