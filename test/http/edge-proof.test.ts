import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { createEdgeProof, EdgeKeyError } from "../../origin/http/edge-proof.ts";
import type { EdgeProof, EdgeVerdict } from "../../origin/http/edge-proof.ts";
import { openNonces } from "../../origin/http/nonces.ts";
import type { PanicLevel } from "../../shared/panic.ts";
import { ADA, incoming, makeEdgeKey, readReply, signedHeaders } from "./signed-request.ts";

const START = 1_800_000_000;
const KEY = makeEdgeKey("k1");

interface Bench {
  clock: { ms: number };
  proof: EdgeProof;
  restart: () => EdgeProof;
}

async function bench(t: TestContext, options: { keys?: string[]; panic?: PanicLevel } = {}): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), "burrow-proof-"));
  t.after(() => rm(folder, { recursive: true }));
  const clock = { ms: START * 1000 };
  const now = (): number => clock.ms;
  function open(): EdgeProof {
    const nonces = openNonces({ folder, now, bootId: () => "boot-1" });
    t.after(() => nonces.close());
    return createEdgeProof({
      keys: options.keys ?? [KEY],
      now,
      nonces,
      panic: () => options.panic ?? "none",
    });
  }
  return { clock, proof: open(), restart: open };
}

function faultOf(verdict: EdgeVerdict): string {
  return verdict.proof === "accepted" ? "accepted" : `${verdict.proof}: ${verdict.fault}`;
}

test("a signed request is accepted and brings the client along", async (t) => {
  const { proof } = await bench(t);
  const headers = signedHeaders({
    key: KEY,
    created: START,
    method: "PUT",
    target: "/a%2Fb?x=%27&",
    accessJwt: "a.b.c",
  });
  const verdict = proof.verify(incoming("PUT", "/a%2Fb?x=%27&", headers));
  assert.equal(verdict.proof, "accepted");
  assert.deepEqual(verdict.proof === "accepted" && [verdict.client, verdict.accessJwt], [ADA, "a.b.c"]);
});

test("an absent query and an empty one are signed alike", async (t) => {
  const { proof } = await bench(t);
  for (const target of ["/a", "/a?"])
    assert.equal(
      proof.verify(incoming("GET", target, signedHeaders({ key: KEY, created: START, target: "/a" }))).proof,
      "accepted",
    );
});

test("a proof that is missing, blank, wrong, short, non-ASCII, doubled or joined is refused", async (t) => {
  const { proof } = await bench(t);
  const good = (): Record<string, string> => signedHeaders({ key: KEY, created: START });
  const without = (name: string): Record<string, string> =>
    Object.fromEntries(Object.entries(good()).filter(([key]) => key !== name));
  const names = ["signature", "signature-input", "burrow-client"];
  const cases: [label: string, headers: Record<string, string> | [string, string][]][] = [
    ["none at all", {}],
  ];
  for (const name of names) {
    const value = good()[name] ?? "";
    cases.push([`${name} missing`, without(name)]);
    cases.push([`${name} blank`, { ...good(), [name]: "" }]);
    cases.push([`${name} a byte short`, { ...good(), [name]: value.slice(0, -1) }]);
    cases.push([`${name} non-ASCII`, { ...good(), [name]: `${value}\u00e9` }]);
    cases.push([`${name} with NUL`, { ...good(), [name]: `${value}\0` }]);
    cases.push([`${name} joined`, { ...good(), [name]: `${value}, ${value}` }]);
    cases.push([`${name} doubled`, [...Object.entries(good()), [name.toUpperCase(), value]]]);
    cases.push([`${name} of another request`, { ...good(), [name]: `${value.slice(0, -3)}AA:` }]);
  }
  cases.push(["wrong key", signedHeaders({ key: makeEdgeKey("k1"), created: START })]);
  cases.push(["unknown key", signedHeaders({ key: makeEdgeKey("k9"), created: START })]);
  for (const [label, headers] of cases) {
    const verdict = proof.verify(incoming("GET", "/", headers));
    assert.equal(verdict.proof, "refused", label);
    assert.equal(verdict.authentic, false, label);
  }
  assert.equal(proof.verify(incoming("GET", "/", good())).proof, "accepted");
});

test("a proof serves for one path, query, method, host and identity only", async (t) => {
  const { proof } = await bench(t);
  const headers = signedHeaders({ key: KEY, created: START, target: "/a?b=1" });
  const judge = (method: string, target: string, changed: Record<string, string> = {}): string =>
    faultOf(proof.verify(incoming(method, target, { ...headers, ...changed })));
  for (const [method, target] of [
    ["GET", "/A?b=1"],
    ["GET", "/%61?b=1"],
    ["GET", "//a?b=1"],
    ["GET", "/a?b=2"],
    ["GET", "/a"],
    ["POST", "/a?b=1"],
    ["get", "/a?b=1"],
  ] as const)
    assert.equal(judge(method, target), "refused: wrong-mac", `${method} ${target}`);
  const client = (headers["burrow-client"] ?? "").replace("burrow.example.org", "admin.example.org");
  assert.equal(judge("GET", "/a?b=1", { "burrow-client": client }), "refused: wrong-mac");
  assert.equal(judge("GET", "/a?b=1", { "burrow-access-jwt": "a.b.c" }), "refused: malformed");
  for (const target of ["*", "http://burrow.example.org/a?b=1", ""])
    assert.equal(judge("GET", target), "refused: malformed", target);
  assert.equal(judge("GET", "/a?b=1"), "accepted");
});

test("the Access identity cannot be taken off or exchanged", async (t) => {
  const { proof } = await bench(t);
  const headers = signedHeaders({ key: KEY, created: START, accessJwt: "a.b.c" });
  const { "burrow-access-jwt": _, ...without } = headers;
  assert.equal(faultOf(proof.verify(incoming("GET", "/", without))), "refused: malformed");
  const other = { ...headers, "burrow-access-jwt": "a.b.d" };
  assert.equal(faultOf(proof.verify(incoming("GET", "/", other))), "refused: wrong-mac");
});

test("a signature is good for sixty seconds to either side, and an hour off is told from a forgery", async (t) => {
  const { proof } = await bench(t);
  const judge = (created: number): string =>
    faultOf(proof.verify(incoming("GET", "/", signedHeaders({ key: KEY, created }))));
  assert.equal(judge(START - 60), "accepted");
  assert.equal(judge(START + 60), "accepted");
  for (const created of [START - 61, START + 61, START - 3600, START + 3600])
    assert.equal(judge(created), "stale: outside-window");
});

test("a proof serves once, in this process and in the next", async (t) => {
  const { clock, proof, restart } = await bench(t);
  const request = incoming("GET", "/", signedHeaders({ key: KEY, created: START }));
  assert.equal(proof.verify(request).proof, "accepted");
  assert.equal(faultOf(proof.verify(request)), "refused: replayed");
  clock.ms += 59_000;
  assert.equal(faultOf(restart().verify(request)), "refused: replayed");
});

test("both live keys are good, and each answers under its own", async (t) => {
  const old = makeEdgeKey("k0");
  const { proof } = await bench(t, { keys: [KEY, old] });
  for (const key of [KEY, old]) {
    const verdict = proof.verify(incoming("GET", "/", signedHeaders({ key, created: START })));
    assert.equal(verdict.proof, "accepted");
    const field = proof.replyHeader(verdict, 204);
    assert.equal(readReply(field, key, verdict.nonce, 204)?.proof, "accepted");
    assert.equal(readReply(field, key === KEY ? old : KEY, verdict.nonce, 204), undefined);
  }
});

test("the reply proof is bound to nonce and status, and tells panic to the edge alone", async (t) => {
  const { clock, proof } = await bench(t, { panic: "hard" });
  const nonce = "AAECAwQFBgcICQoLDA0ODw";
  const verdict = proof.verify(incoming("GET", "/", signedHeaders({ key: KEY, created: START, nonce })));
  const field = proof.replyHeader(verdict, 403, "failed");
  assert.deepEqual(readReply(field, KEY, nonce, 403), {
    time: clock.ms,
    proof: "accepted",
    panic: "hard",
    guess: "failed",
  });
  assert.equal(readReply(field, KEY, nonce, 200), undefined);
  assert.equal(readReply(field, KEY, "BBECAwQFBgcICQoLDA0ODw", 403), undefined);

  const stale = proof.verify(incoming("GET", "/", signedHeaders({ key: KEY, created: START - 3600, nonce })));
  assert.equal(readReply(proof.replyHeader(stale, 401), KEY, nonce, 401)?.panic, "hard");
  const forged = proof.verify(incoming("GET", "/x", signedHeaders({ key: KEY, created: START, nonce })));
  assert.deepEqual(readReply(proof.replyHeader(forged, 401), KEY, nonce, 401), {
    time: clock.ms,
    proof: "refused",
    panic: "none",
    guess: "none",
  });
  const bare = proof.verify(incoming("GET", "/", {}));
  assert.equal(readReply(proof.replyHeader(bare, 401), KEY, "-", 401)?.panic, "none");
});

test("the diagnosis tells how far the clocks are apart and how many proofs failed lately", async (t) => {
  const { clock, proof } = await bench(t);
  assert.deepEqual(proof.diagnosis(), { clockSkewSeconds: null, recentFailures: 0, lastFailureAt: null });
  const client = { ...ADA, time: START - 3600 };
  proof.verify(incoming("GET", "/", signedHeaders({ key: KEY, created: START, client })));
  proof.verify(incoming("GET", "/", {}));
  assert.deepEqual(proof.diagnosis(), {
    clockSkewSeconds: 3600,
    recentFailures: 1,
    lastFailureAt: START * 1000,
  });
  // A forger's clock says nothing.
  proof.verify(incoming("GET", "/", signedHeaders({ key: makeEdgeKey("k1"), created: START, client: ADA })));
  assert.equal(proof.diagnosis().clockSkewSeconds, 3600);
  clock.ms += 600_001;
  assert.deepEqual(proof.diagnosis(), {
    clockSkewSeconds: 3600,
    recentFailures: 0,
    lastFailureAt: START * 1000,
  });
});

test("keys that cannot serve stop the start with a reason that shows none of them", async (t) => {
  const { proof: _ } = await bench(t);
  const secret = KEY.split(".")[1] ?? "";
  for (const keys of [
    [],
    [KEY, makeEdgeKey("k1")],
    [KEY.slice(0, -1)],
    [""],
    [KEY, makeEdgeKey("a"), makeEdgeKey("b")],
  ])
    await assert.rejects(bench(t, { keys }), (error: unknown) => {
      assert.ok(error instanceof EdgeKeyError);
      return !error.message.includes(secret.slice(0, 8));
    });
});

test("what node:http receives over a socket is what was signed", async (t) => {
  const { proof } = await bench(t);
  const server = createServer({ maxHeaderSize: 65_536 }, (request, response) => {
    const verdict = proof.verify(request);
    response.setHeader("burrow-reply", proof.replyHeader(verdict, 200));
    response.end(faultOf(verdict));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  for (const target of [
    "/!room:example.org",
    "/%21a%23b%2Fc",
    "//x//",
    "/a?",
    "/%zz%",
    "/%00",
    "/a?b='&c=%27",
    `/${"a".repeat(16_000)}`,
  ]) {
    const headers = signedHeaders({ key: KEY, created: START, target });
    const body = await new Promise<string>((resolve, reject) => {
      get({ port, host: "127.0.0.1", path: target, headers }, (response) => {
        response.setEncoding("latin1").on("data", resolve);
      }).on("error", reject);
    });
    assert.equal(body, "accepted", target);
  }
});
