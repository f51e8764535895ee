import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";

import { createSignedClient, type SignedClient } from "../support/signed-client.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestOrigin, type TestOrigin } from "../support/test-origin.ts";

let origin: TestOrigin;
let edge: SignedClient;
const agent = new Agent({ keepAlive: true });

before(async () => {
  origin = await startTestOrigin({ dataDir: temporaryFolder({ after }) });
  edge = createSignedClient({
    origin: origin.facts.url,
    edgeKey: origin.facts.edgeKey,
    host: "burrow.localhost",
  });
});

after(async () => {
  edge.close();
  agent.destroy();
  await origin.close();
});

interface Route {
  readonly host: string;
  readonly method: string;
  readonly path: string;
}

/** Every route of every app, as hono has them registered, and the frame's own. */
function allRoutes(): Route[] {
  const routes = origin.origin.apps.flatMap((app) =>
    app.routes.routes.map(({ method, path }) => ({ host: app.host, method, path })),
  );
  const own = ["/health", "/health/auth"].map((path) => ({ host: "every", method: "GET", path }));
  const table = new Map(
    [...routes, ...own].map((route) => [`${route.host} ${route.method} ${route.path}`, route]),
  );
  return [...table.values()];
}

/** A path that the pattern matches. */
function example(pattern: string): string {
  return pattern.replaceAll(/:\w+(?:\{[^}]*\})?\??/g, "v3").replaceAll("*", "x");
}

async function unproved(method: string, path: string, headers: Record<string, string> = {}) {
  const outgoing = request(origin.facts.url, { agent, method, path, headers });
  outgoing.end();
  const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
  return { status: incoming.statusCode, headers: incoming.headers, body: await text(incoming) };
}

test("every registered route answers 401 without detail to whoever is not the edge", async () => {
  const routes = allRoutes();
  assert.ok(routes.length > 20, "the apps are there");
  for (const route of routes) {
    for (const method of route.method === "ALL" ? ["GET", "POST"] : [route.method]) {
      const answer = await unproved(method, example(route.path));
      const where = `${method} ${example(route.path)}`;
      assert.equal(answer.status, 401, where);
      assert.equal(answer.body, method === "HEAD" ? "" : '{"error":"unauthorized"}', where);
      assert.match(String(answer.headers["burrow-reply"]), /proof=refused, panic=none/, where);
      const told = Object.keys(answer.headers).toSorted();
      const allowed = [
        "burrow-reply",
        "cache-control",
        "connection",
        "content-length",
        "content-type",
        "date",
        "keep-alive",
      ];
      assert.deepEqual(
        told.filter((name) => !allowed.includes(name)),
        [],
        where,
      );
    }
  }
});

test("an unproved request looks the same whether the path, the host or the method exists", async () => {
  const probes = [
    await unproved("GET", "/"),
    await unproved("GET", "/no-such-path"),
    await unproved("GET", "/", { host: "example.org" }),
    await unproved("POST", "/setup"),
    await unproved("DELETE", "/health"),
    await unproved("GET", "/%00%zz"),
    await unproved("OPTIONS", "/_matrix/client/versions"),
    await unproved("GET", "/", { authorization: "Bearer x", "x-forwarded-for": "127.0.0.1" }),
  ];
  assert.equal(new Set(probes.map((probe) => `${probe.status} ${probe.body}`)).size, 1);
});

test("signed, the same routes do answer", async () => {
  assert.equal((await edge.request({ method: "GET", path: "/" })).status, 200);
  assert.equal((await edge.request({ method: "GET", path: "/_matrix/client/versions" })).status, 200);
});

// A route that appears or goes shows up here: "node --test --test-update-snapshots test/http/route-table.test.ts"
// writes the list anew, and its change is read with the rest.
test("the table of routes is the one that was looked at", (t) => {
  t.assert.snapshot(
    allRoutes()
      .map(({ host, method, path }) => `${host} ${method} ${path}`)
      .toSorted(),
  );
});
