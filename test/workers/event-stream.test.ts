import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";

interface EventStreamModule {
  pingWhenIdle: (response: Response, idleMs?: number) => Response;
}

const { pingWhenIdle } = (await import(
  new URL("../../workers/gate/event-stream.ts", import.meta.url).href
)) as EventStreamModule;

const PING = ": ping\n\n";
const IDLE_MS = 25_000;

interface Stream {
  send: (text: string) => Promise<void>;
  next: () => Promise<string | undefined>;
  /** Lets the idle time pass. */
  idle: () => void;
  end: () => Promise<void>;
  leave: () => Promise<void>;
  readonly left: Promise<void>;
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function stream(t: TestContext): Stream {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const left = Promise.withResolvers<void>();
  let controller: ReadableStreamDefaultController<Uint8Array>;
  const source = new ReadableStream<Uint8Array>({
    start: (its) => void (controller = its),
    cancel: () => left.resolve(),
  });
  const response = pingWhenIdle(
    new Response(source, { headers: { "content-type": "text/event-stream; charset=utf-8" } }),
    IDLE_MS,
  );
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  return {
    left: left.promise,
    async send(text) {
      controller.enqueue(new TextEncoder().encode(text));
      await settle();
    },
    async next() {
      const { value } = await reader.read();
      return value === undefined ? undefined : Buffer.from(value).toString();
    },
    idle: () => t.mock.timers.tick(IDLE_MS),
    async end() {
      controller.close();
      await settle();
    },
    leave: () => reader.cancel(),
  };
}

test("a silent stream is pinged from its start, again and again", async (t) => {
  const { idle, next } = stream(t);
  for (let round = 0; round < 3; round += 1) {
    idle();
    assert.equal(await next(), PING);
  }
});

test("a ping comes after a whole event and never inside one", async (t) => {
  for (const [event, boundary] of [
    ["data: a\n\n", true],
    ["data: a\r\n\r\n", true],
    ["data: a\r\r", true],
    ["data: a\n\r\n", true],
    ["data: a\n", false],
    ["data: a\r\n", false],
    ["data: a", false],
    ["event: x\ndata: a\r\n", false],
  ] as const) {
    await t.test(JSON.stringify(event), async (inner) => {
      const { send, idle, next } = stream(inner);
      const first = next();
      await send(event);
      assert.equal(await first, event);
      idle();
      const second = next();
      if (boundary) assert.equal(await second, PING);
      else {
        await send("\n\ndata: b\n\n");
        assert.equal(await second, "\n\ndata: b\n\n");
      }
    });
  }
});

test("a boundary is seen across chunks", async (t) => {
  const { send, idle, next } = stream(t);
  for (const part of ["data: a\n", "\n"]) {
    const reading = next();
    await send(part);
    assert.equal(await reading, part);
  }
  idle();
  assert.equal(await next(), PING);
});

test("a reader that does not keep up is not piled up with pings", async (t) => {
  const { send, idle, next } = stream(t);
  for (let round = 0; round < 10; round += 1) idle();
  assert.equal(await next(), PING);
  const reading = next();
  await send("data: a\n\n");
  assert.equal(await reading, "data: a\n\n");
});

test("the end and the reader's leaving both go through", async (t) => {
  const ended = stream(t);
  const last = ended.next();
  await ended.end();
  assert.equal(await last, undefined);
  t.mock.timers.reset();
  const other = stream(t);
  await other.leave();
  await other.left;
});

test("any other answer is left as it is", () => {
  for (const response of [
    new Response("x", { headers: { "content-type": "text/plain" } }),
    new Response(null, { status: 204, headers: { "content-type": "text/event-stream" } }),
    new Response("x", { headers: { "content-type": "text/event-stream", "content-encoding": "gzip" } }),
  ])
    assert.equal(pingWhenIdle(response), response);
});
