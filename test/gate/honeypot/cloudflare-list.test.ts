import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";

import { BlockListError, createCloudflareList } from "../../../origin/gate/honeypot/cloudflare-list.ts";
import { mirrorBlocks } from "../../../origin/gate/honeypot/mirror-blocks.ts";
import { createLog } from "../../../origin/host/log.ts";

const ACCOUNT = "0".repeat(32);
const LIST = "1".repeat(32);
const TOKEN = "t".repeat(40);

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly authorization: string;
  readonly items: { ip: string; comment: string }[];
}

/** Cloudflare's end, as its documentation has it. */
async function startFake(t: TestContext) {
  const asked: Asked[] = [];
  const answers: { status: number; body: string }[] = [];
  const server = createServer((request, response) => void answer(request, response));
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const items = JSON.parse(await text(request)) as Asked["items"];
    const { method = "", url = "", headers } = request;
    asked.push({ method, path: url, authorization: headers.authorization ?? "", items });
    const ok = { status: 200, body: '{"success":true,"errors":[],"result":{"operation_id":"x"}}' };
    const { status, body } = answers.shift() ?? ok;
    response.writeHead(status, { "content-type": "application/json" }).end(body);
    server.emit("asked");
  }
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  t.after(() => server.closeAllConnections());
  const { port } = server.address() as AddressInfo;
  const list = createCloudflareList({
    account: ACCOUNT,
    list: LIST,
    token: TOKEN,
    outbound: {
      fetch: (_purpose, url, init = {}) => {
        const { pathname } = new URL(url);
        return fetch(`http://127.0.0.1:${port}${pathname}`, init as RequestInit);
      },
    },
  });
  return { asked, answers, list, next: () => once(server, "asked") };
}

test("the list is replaced as a whole, with what Cloudflare takes for an address", async (t) => {
  const { asked, list } = await startFake(t);
  await list.replace([
    { source: "198.51.100.7/32", reason: "log4shell/jndi and what came before" },
    { source: "2001:db8::/64", reason: "x".repeat(300) },
  ]);
  const [{ method, path, authorization, items }] = asked as [Asked];
  assert.deepEqual([method, path], ["PUT", `/client/v4/accounts/${ACCOUNT}/rules/lists/${LIST}/items`]);
  assert.equal(authorization, `Bearer ${TOKEN}`);
  assert.deepEqual(
    items.map(({ ip }) => ip),
    ["198.51.100.7", "2001:db8::/64"],
  );
  assert.ok(items.every(({ comment }) => comment.length <= 100));
});

test("a refusal says what Cloudflare said, never the token, and whether it is worth trying again", async (t) => {
  const { answers, list } = await startFake(t);
  answers.push(
    { status: 403, body: '{"success":false,"errors":[{"code":10000,"message":"Authentication error"}]}' },
    { status: 429, body: "slow down" },
  );
  const refused = (permanent: boolean, said: RegExp) => (error: unknown) => {
    assert.ok(error instanceof BlockListError);
    assert.equal(error.permanent, permanent);
    assert.match(error.message, said);
    assert.ok(!error.message.includes(TOKEN));
    return true;
  };
  await assert.rejects(list.replace([]), refused(true, /403: Authentication error \(10000\)/));
  await assert.rejects(list.replace([]), refused(false, /429/));
});

test("the list follows the blocks, and what failed is written again", async (t) => {
  const { asked, answers, list, next } = await startFake(t);
  answers.push({ status: 500, body: "" });
  const listeners: (() => void)[] = [];
  let sources = ["198.51.100.7/32"];
  const alerts = new Set<string>();
  const first = next();
  const mirror = mirrorBlocks({
    blocks: {
      list: () =>
        sources.map((source) => ({ source, kind: "probes", since: 0, until: 1, times: 1, reason: "probes" })),
      onChange: (listener) => void listeners.push(listener),
    },
    list,
    alerts: { raise: ({ id }) => void alerts.add(id), clear: (id) => void alerts.delete(id) },
    log: createLog({ level: "error", now: Date.now, write: () => undefined }),
    writeEveryMs: 10,
  });
  t.after(() => mirror.close());
  await first;
  await next();
  assert.equal(asked.length, 2);
  assert.equal(alerts.size, 0, "one failure is none to be told of");
  sources = [];
  answers.push({ status: 403, body: "{}" });
  const third = next();
  for (const listener of listeners) listener();
  await third;
  assert.deepEqual(asked.at(-1)?.items, []);
});
