import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";

import { makeCertificate } from "./certificate.ts";
import { benchOutbound, fault, startStand } from "./outbound-bench.ts";

test("a purpose goes where its setting says and nowhere else", async (t) => {
  const ntfy = await startStand(t);
  const canary = await startStand(t);
  const { outbound } = benchOutbound(t, {
    environment: { BURROW_ALERTS_NTFY_URL: `http://127.0.0.1:${ntfy.port}/topic` },
  });
  const post = { method: "POST", body: "words", headers: { authorization: "Bearer x" } };
  assert.equal((await outbound.fetch("alert", `http://127.0.0.1:${ntfy.port}/`, post)).status, 200);
  assert.deepEqual(
    [ntfy.seen[0]?.body, ntfy.seen[0]?.headers.authorization, ntfy.seen[0]?.headers["accept-encoding"]],
    ["words", "Bearer x", "identity"],
  );
  for (const url of [
    `http://127.0.0.1:${canary.port}/`,
    `https://127.0.0.1:${ntfy.port}/`,
    "https://ntfy.example.org/",
    "https://burrow.example.org/",
    "file:///etc/passwd",
  ])
    await assert.rejects(outbound.fetch("alert", url, post), fault("not-listed"), url);
  await assert.rejects(outbound.fetch("alert", "nonsense", post), fault("bad-url"));
  await assert.rejects(
    outbound.fetch("alert", `http://ada:x@127.0.0.1:${ntfy.port}/`, post),
    fault("bad-url"),
  );
  await assert.rejects(
    outbound.fetch("alert", `http://127.0.0.1:${ntfy.port}/`, { method: "DELETE" }),
    fault("bad-request"),
  );
  await assert.rejects(outbound.fetch("backup", "https://bucket.example.org/"), fault("not-listed"));
  assert.equal(canary.connections(), 0);
});

test("in clear text nothing goes to another machine, whatever the setting says", async (t) => {
  const stand = await startStand(t);
  const { outbound } = benchOutbound(t, {
    stands: { "198.51.100.7:80": stand },
    names: { "ntfy.example.org": ["198.51.100.7"] },
    destinations: { alert: ["http://ntfy.example.org", "http://198.51.100.7"] },
  });
  for (const url of ["http://ntfy.example.org/", "http://198.51.100.7/"])
    await assert.rejects(outbound.fetch("alert", url, { method: "POST" }), fault("not-listed"), url);
  assert.equal(stand.connections(), 0);
});

test("a redirect is an answer to those who have one place to go, and a download follows it within its list", async (t) => {
  const certificate = makeCertificate("github.com");
  const stand = await startStand(
    t,
    (request, response) => {
      if (request.url === "/file") response.end("bytes");
      else
        response
          .writeHead(302, {
            location: `https://github.com${request.url === "/a" ? "/file" : ".example.org"}`,
          })
          .end();
    },
    certificate,
  );
  const { outbound } = benchOutbound(t, {
    stands: { "198.51.100.7:443": stand },
    names: { "github.com": ["198.51.100.7"], "github.com.example.org": ["198.51.100.7"] },
    authority: certificate.cert,
    destinations: { alert: ["https://github.com"] },
  });
  const alert = await outbound.fetch("alert", "https://github.com/a", { method: "POST", body: "words" });
  assert.deepEqual([alert.status, alert.headers.get("location")], [302, "https://github.com/file"]);
  await alert.body?.cancel();
  assert.equal(await (await outbound.fetch("download", "https://github.com/a")).text(), "bytes");
  await assert.rejects(outbound.fetch("download", "https://github.com/b"), fault("not-listed"));
});

test("a stream goes out as a stream of the length that it tells, and an answer comes as it was sent", async (t) => {
  const stand = await startStand(t, (_, response) =>
    response.writeHead(200, { "content-encoding": "gzip" }).end("not gzip at all"),
  );
  const { outbound } = benchOutbound(t, { destinations: { backup: [`http://127.0.0.1:${stand.port}`] } });
  const parts = ["one ", "two ", "three"];
  const answer = await outbound.fetch("backup", `http://127.0.0.1:${stand.port}/key`, {
    method: "PUT",
    body: Readable.from(parts.map((part) => Buffer.from(part))),
    headers: { "content-length": "13" },
  });
  assert.equal(await answer.text(), "not gzip at all");
  assert.deepEqual([stand.seen[0]?.body, stand.seen[0]?.headers["content-length"]], ["one two three", "13"]);
  assert.equal(stand.seen[0]?.headers["transfer-encoding"], undefined);
});

test("closing calls off what is under way", async (t) => {
  const stand = await startStand(t, (_, response) => void response.writeHead(200).write("a"));
  const origin = `http://127.0.0.1:${stand.port}`;
  const { outbound } = benchOutbound(t, { destinations: { backup: [origin] } });
  const answer = await outbound.fetch("backup", origin);
  await outbound.close();
  await assert.rejects(answer.text(), fault("aborted"));
});

test("a bare connection goes to the relay of the settings, to its port, and for nothing else", async (t) => {
  const relay = await startStand(t);
  const { outbound } = benchOutbound(t, {
    environment: { BURROW_MAIL_ENABLED: "true", BURROW_MAIL_RELAY_HOST: "relay.example.net" },
    names: { "relay.example.net": ["198.51.100.7"] },
    stands: { "198.51.100.7:465": relay, "198.51.100.7:25": relay },
  });
  const { socket, trust } = await outbound.connect("relay", "relay.example.net", 465);
  socket.destroy();
  assert.deepEqual([trust.servername, trust.rejectUnauthorized], ["relay.example.net", true]);
  for (const [purpose, host, port] of [
    ["relay", "relay.example.net", 25],
    ["relay", "other.example.net", 465],
    ["guarded", "relay.example.net", 465],
    ["alert", "relay.example.net", 465],
  ] as const)
    await assert.rejects(outbound.connect(purpose, host, port), fault("not-listed"));
  await assert.rejects(outbound.fetch("relay", "https://relay.example.net:465/"), fault("not-listed"));
});
