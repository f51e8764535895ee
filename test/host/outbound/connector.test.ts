import assert from "node:assert/strict";
import { test } from "node:test";

import { Agent, request } from "undici";

import { createConnector } from "../../../origin/host/outbound/connector.ts";
import { isPublicAddress } from "../../../shared/vet-address.ts";
import { makeCertificate } from "./certificate.ts";
import { benchOutbound, fault, startStand } from "./outbound-bench.ts";

test("no spelling of a literal address gets past the connector, for which Node asks no resolver", async (t) => {
  const canary = await startStand(t);
  const agent = new Agent({
    connect: createConnector({ lookup: async () => [], allows: (address) => isPublicAddress(address) }),
  });
  t.after(() => agent.close());
  for (const host of [
    ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "[::1]", "[::]", "１２７.０.０.１"],
    ["[::ffff:7f00:1]", "[::ffff:127.0.0.1]", "[::7f00:1]", "0.0.0.0", "127.255.255.255"],
  ].flat())
    await assert.rejects(
      request(`http://${host}:${canary.port}/`, { dispatcher: agent }),
      fault("forbidden-address"),
      host,
    );
  assert.equal(canary.connections(), 0);
});

test("a name whose answers are not all public is refused, whichever comes first, and nothing is dialled", async (t) => {
  const feed = await startStand(t);
  const canary = await startStand(t);
  const { outbound } = benchOutbound(t, {
    stands: { "198.51.100.7:80": feed },
    names: {
      "mixed.example.org": ["198.51.100.7", "127.0.0.1"],
      "mixed-first.example.org": ["10.0.0.1", "198.51.100.7"],
      "mapped.example.org": ["::ffff:127.0.0.1"],
      "inner.example.org": ["192.168.1.1"],
      "odd.example.org": ["0177.0.0.1"],
      "crowd.example.org": Array.from({ length: 40 }, () => "198.51.100.7"),
      "none.example.org": [],
    },
  });
  for (const [name, code] of [
    ["mixed", "forbidden-address"],
    ["mixed-first", "forbidden-address"],
    ["mapped", "forbidden-address"],
    ["inner", "forbidden-address"],
    ["odd", "forbidden-address"],
    ["crowd", "bad-answer"],
    ["none", "unreachable"],
    ["unknown", "unreachable"],
  ] as const)
    await assert.rejects(outbound.fetch("guarded", `http://${name}.example.org/`), fault(code), name);
  assert.equal(feed.connections() + canary.connections(), 0);
});

test("a resolver that flips is asked once a connection, and what it said then is what is dialled", async (t) => {
  const feed = await startStand(t);
  const answers = [["198.51.100.7"], ["127.0.0.1"], ["198.51.100.7"]];
  const bench = benchOutbound(t, {
    stands: { "198.51.100.7:80": feed },
    names: { "flip.example.org": () => answers.shift() ?? ["127.0.0.1"] },
  });
  assert.equal(await (await bench.outbound.fetch("guarded", "http://flip.example.org/")).text(), "ok");
  assert.deepEqual(bench.resolved, ["flip.example.org"]);
  await assert.rejects(
    bench.outbound.fetch("guarded", "http://flip.example.org/"),
    fault("forbidden-address"),
  );
  assert.equal(feed.seen.length, 1);
});

test("a connection that ends elsewhere than was vetted is dropped before a byte is sent", async (t) => {
  const canary = await startStand(t);
  // Vetted first as a name's answer, then again by where the socket really is: only the second says no.
  const judged: [string, string | undefined][] = [];
  const agent = new Agent({
    connect: createConnector({
      lookup: async () => [{ address: "127.0.0.1", family: 4 }],
      allows: (address, local) => {
        judged.push([address, local]);
        return local === undefined;
      },
    }),
  });
  t.after(() => agent.close());
  await assert.rejects(
    request(`http://feed.example.org:${canary.port}/`, { dispatcher: agent }),
    fault("forbidden-address"),
  );
  assert.deepEqual(judged, [
    ["127.0.0.1", undefined],
    ["127.0.0.1", "127.0.0.1"],
  ]);
  assert.equal(canary.seen.length, 0);
});

test("in TLS the name that was asked for is verified, and the authority", async (t) => {
  const certificate = makeCertificate("feed.example.org");
  const feed = await startStand(t, undefined, certificate);
  const options = {
    stands: { "198.51.100.7:443": feed },
    names: { "feed.example.org": ["198.51.100.7"], "other.example.org": ["198.51.100.7"] },
  };
  const trusting = benchOutbound(t, { ...options, authority: certificate.cert }).outbound;
  assert.equal(await (await trusting.fetch("guarded", "https://feed.example.org/")).text(), "ok");
  await assert.rejects(trusting.fetch("guarded", "https://other.example.org/"), fault("unreachable"));
  await assert.rejects(trusting.fetch("guarded", "https://198.51.100.7/"), fault("forbidden-address"));

  process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
  t.after(() => delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"]);
  const { outbound } = benchOutbound(t, options);
  await assert.rejects(outbound.fetch("guarded", "https://feed.example.org/"), fault("unreachable"));
  assert.equal(feed.seen.length, 1);
});
