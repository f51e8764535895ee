/** P1: what came while the server was lost goes back to the bucket that the origin fetches from, however often it is cut short. */
import assert from "node:assert/strict";
import { test } from "node:test";

interface Kept {
  readonly body: string;
  readonly customMetadata: Record<string, string>;
}

interface Modules {
  readonly returnMail: (edge: object, env: object) => Promise<void>;
  readonly knownOfPanic: () => object;
}

/** The checker reads workers/ under workerd's types. */
const load = async (path: string): Promise<Modules> =>
  (await import(new URL(`../../workers/${path}`, import.meta.url).href)) as Modules;
const { returnMail } = await load("mail/return-mail.ts");
const { knownOfPanic } = await load("panic-in-force.ts");

function open(messages: number, sentinel: { lostBy: string | null } | "away" = { lostBy: null }) {
  const [door, lost] = [new Map<string, Kept>(), new Map<string, Kept>()];
  for (let at = 0; at < messages; at += 1)
    lost.set(`pending/${String(at).padStart(15, "0")}-x.eml`, {
      body: `letter ${at}`,
      customMetadata: { to: "ada" },
    });
  const world = { failing: false };
  const env = {
    KILL_CODE_HASH: "ab".repeat(32),
    SENTINEL: {
      getByName: () => ({
        panic: () =>
          sentinel !== "away"
            ? Promise.resolve({ told: "none", ...sentinel })
            : Promise.reject(new Error("away")),
      }),
    },
    MAIL: {
      put: async (key: string, body: string, more: object) => void door.set(key, { body, ...more } as Kept),
    },
    MAIL_LOST: {
      list: async ({ limit }: { limit: number }) => ({
        objects: [...lost.keys()]
          .toSorted()
          .slice(0, limit)
          .map((key) => ({ key })),
      }),
      get: async (key: string) => lost.get(key) ?? null,
      async delete(key: string) {
        if (world.failing) throw new Error("R2 is away");
        lost.delete(key);
      },
    },
  };
  return { door, lost, world, run: () => returnMail({ panic: knownOfPanic() }, env) };
}

test("the oldest come first, some at a time, with what stands beside them", async () => {
  const { door, lost, run } = open(30);
  await run();
  const first = [...door.keys()];
  assert.ok(first.length > 1 && first.length < 30);
  assert.equal(first[0], "pending/000000000000000-x.eml");
  assert.deepEqual(door.get(first[0] ?? ""), { body: "letter 0", customMetadata: { to: "ada" } });
  for (let runs = 0; lost.size > 0 && runs < 30; runs += 1) await run();
  assert.deepEqual([door.size, lost.size], [30, 0]);
});

test("cut short between the two buckets, a message is there once in the end", async () => {
  const { door, lost, world, run } = open(2);
  world.failing = true;
  await assert.rejects(run());
  assert.deepEqual([door.size, lost.size], [1, 2]);
  world.failing = false;
  await run();
  assert.deepEqual([door.size, lost.size], [2, 0]);
});

test("nothing moves while the server is lost, or while nobody can tell", async () => {
  for (const { door, lost, run } of [open(2, { lostBy: "ab".repeat(32) }), open(2, "away")]) {
    await run();
    assert.deepEqual([door.size, lost.size], [0, 2]);
  }
});
