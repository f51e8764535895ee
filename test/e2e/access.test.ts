// Row E4, at both sides: the real Worker in workerd in front of the real origin, and the origin by itself.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { startEdge } from "../../origin/cli/dev/edge-process.ts";
import type { RunningEdge } from "../../origin/cli/dev/edge-process.ts";
import { gateVariables } from "../../origin/config/gate-variables.ts";
import { AUD, SERVICE_TOKEN, startAccessTeam, TEAM } from "../support/access-team.ts";
import type { AccessTeam } from "../support/access-team.ts";
import { projectRoot } from "../support/run-burrow.ts";
import { createSignedClient } from "../support/signed-client.ts";
import type { SignedClient } from "../support/signed-client.ts";
import { startTestOrigin } from "../support/test-origin.ts";
import type { TestOrigin } from "../support/test-origin.ts";
import { sendRaw } from "./edge-origin.ts";

const MEMBERS = "/_burrow/admin/v1/members";

let team: AccessTeam;
let folder: string;
let origin: TestOrigin;
let edge: RunningEdge;
let straight: SignedClient;
/** Of ada, who owns the server. */
let token: string;

before(async () => {
  team = await startAccessTeam();
  folder = await mkdtemp(join(tmpdir(), "burrow access "));
  const settings = `
[access]
team = "${TEAM}"
certs_url = "${team.certsUrl}"
admin_aud = ["${AUD}"]
admin_service_tokens = ["${SERVICE_TOKEN}"]
[[access.policy]]
host = "127.0.0.1"
path = "/invite"
aud = ["${AUD}"]
`;
  origin = await startTestOrigin({ dataDir: folder, settings });
  const { edgeKey, hosts, url } = origin.facts;
  straight = createSignedClient({ origin: url, edgeKey, host: "burrow.localhost" });
  edge = await startEdge({
    root: projectRoot,
    origin: new URL(url).host,
    edgeKey,
    hosts,
    vars: gateVariables(origin.origin.config),
    port: 0,
    persistDir: `${folder}/edge`,
  });
  const { members } = origin.origin;
  const ada = await members.createOwner({ name: "ada", password: "violet anchor paints quietly" });
  token = (await members.openSession(ada.id, { address: "192.0.2.1" })).accessToken;
});

after(async () => {
  straight.close();
  await edge.stop();
  await origin.close();
  await team.stop();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

function through(path: string, jwt?: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${edge.url}${path}`, {
    redirect: "manual",
    headers: {
      authorization: `Bearer ${token}`,
      ...(jwt !== undefined && { "cf-access-jwt-assertion": jwt }),
      ...headers,
    },
  });
}

test("whom Access vouches for enters, and then the owner's own token decides as ever", async () => {
  const jwt = await team.sign();
  const service = await team.sign({ email: undefined, common_name: SERVICE_TOKEN });
  for (const good of [jwt, service]) {
    assert.equal((await through(MEMBERS, good)).status, 200);
    assert.equal(
      (await straight.request({ method: "GET", path: MEMBERS, token, accessJwt: good })).status,
      200,
    );
  }
  assert.equal((await through(MEMBERS, jwt, { authorization: "Bearer none" })).status, 401);
  assert.equal((await through("/_burrow/metrics", jwt)).status, 200);
});

test("no header, and each bad one, is refused by the edge and again by the origin", async () => {
  for (const path of [MEMBERS, "/_burrow/metrics", "/_burrow/samples", "/_burrow/admin/v1/no-such"]) {
    assert.equal((await through(path)).status, 403, path);
    assert.equal((await straight.request({ method: "GET", path, token })).status, 403, path);
  }
  for (const [label, jwt] of await team.badTokens()) {
    const answer = await through(MEMBERS, jwt);
    assert.equal(answer.status, 403, label);
    assert.equal(((await answer.json()) as { error: string }).error, "access_required", label);
    if (jwt.trim() === "") continue;
    const again = await straight.request({ method: "GET", path: MEMBERS, token, accessJwt: jwt });
    assert.equal(again.status, 403, label);
  }
});

test("the header given twice is none", async () => {
  const jwt = await team.sign();
  for (const headers of [
    [`Cf-Access-Jwt-Assertion: ${jwt}`, `Cf-Access-Jwt-Assertion: ${jwt}`],
    [`Cf-Access-Jwt-Assertion: ${jwt}`, "cf-access-jwt-assertion: x.y.z"],
    [`Burrow-Access-Jwt: ${jwt}`],
    [`Cookie: CF_Authorization=${jwt}`],
  ]) {
    const answer = await sendRaw(edge.url, MEMBERS, {
      headers: [...headers, `Authorization: Bearer ${token}`],
    });
    assert.equal(answer.status, 403, headers.join(" "));
  }
});

test("a browser gets a page, whichever side refuses", async () => {
  const accept = "text/html,application/xhtml+xml";
  const answer = await through("/invite", undefined, { accept });
  assert.equal(answer.status, 403);
  assert.match(answer.headers.get("content-type") ?? "", /^text\/html/);
  assert.match(await answer.text(), /<h1>Not let in<\/h1>/);
  const again = await straight.request({ method: "GET", path: MEMBERS, headers: { accept } });
  assert.match(again.text, /<h1>Not let in<\/h1>/);
});

test("what cannot follow a redirect, and what no policy names, is open as before", async () => {
  for (const path of ["/", "/health", "/_matrix/client/versions", "/.well-known/matrix/client"])
    assert.equal((await through(path)).status, 200, path);
});

test("an odd spelling of a closed path is closed too", async () => {
  for (const path of [
    "/_burrow/%61dmin/v1/members",
    "//_burrow/admin/v1/members",
    "/_burrow%2Fadmin",
    "/invite/%00",
  ])
    assert.equal((await sendRaw(edge.url, path)).status, 403, path);
});

test("the command line's ticket enters at the origin, and not through the edge", async () => {
  const ticket = await origin.origin.members.createTicket();
  assert.equal((await straight.request({ method: "GET", path: MEMBERS, token: ticket })).status, 200);
  assert.equal((await straight.request({ method: "GET", path: MEMBERS, token: `${ticket}x` })).status, 403);
  assert.equal((await through(MEMBERS, undefined, { authorization: `Bearer ${ticket}` })).status, 403);
  await origin.origin.members.endTicket(ticket);
  assert.equal((await straight.request({ method: "GET", path: MEMBERS, token: ticket })).status, 403);
});

test("each side fetched the keys once, and an unknown key makes neither fetch again within the minute", async () => {
  assert.equal(team.fetches(), 2);
});
