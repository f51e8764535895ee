import { createKdf, type Kdf } from "../../origin/members/kdf.ts";
import { DEVICE_COOKIE, readDeviceCookie } from "../../shared/device-cookie.ts";
import {
  type Answer,
  createSignedClient,
  type SignedClient,
  type SignedRequest,
} from "../support/signed-client.ts";
import { startTestOrigin, type TestOrigin } from "../support/test-origin.ts";

/** What came of an attack. Times are in the drill's own clock, which a test moves as it likes. */
export interface DrillFigures {
  readonly guesses: number;
  /** By door: how many were looked at, and how many were told to wait. */
  readonly doors: Readonly<Record<string, { looked: number; refused: number }>>;
  /** Derivations that the attack cost, all doors together. */
  readonly derivations: number;
  /** Of those, the most in any minute. */
  readonly derivationsInWorstMinute: number;
  /** How long the owner waited each time, ms. */
  readonly owner: Readonly<Record<"known browser" | "known network" | "fresh address", readonly number[]>>;
  /** Answers of another status than was foreseen. */
  readonly odd: readonly string[];
}

const ownerPassword = "heron lantern oatmeal quarry";
const minute = 60_000;
const client = "/_matrix/client";

/** Counts what it does, and does it at the lowest cost: what a real one costs is known. */
function countingKdf(): Kdf & { calls: number } {
  const kdf = createKdf({ memory: 8, passes: 1 });
  const counting = {
    ...kdf,
    calls: 0,
    verify(stored: string, password: string) {
      counting.calls += 1;
      return kdf.verify(stored, password);
    },
    hash(password: string) {
      counting.calls += 1;
      return kdf.hash(password);
    },
  };
  return counting;
}

/**
 * Attacks a real origin from 200 IPv4 addresses and one IPv6 /48 at once, over every door, as fast as `guesses` in
 * `minutes` is, while its owner signs in now and again.
 */
export async function runLoginDrill(options: {
  dataDir: string;
  guesses: number;
  minutes: number;
}): Promise<DrillFigures> {
  const { dataDir, guesses, minutes } = options;
  const clock = { now: Date.now() };
  const kdf = countingKdf();
  const origin = await startTestOrigin({ dataDir, now: () => clock.now, kdf });
  const edge = createSignedClient({
    origin: origin.facts.url,
    edgeKey: origin.facts.edgeKey,
    host: "burrow.localhost",
    now: () => clock.now,
    connections: 32,
  });
  try {
    return await attack({ origin, edge, clock, kdf, guesses, minutes });
  } finally {
    edge.close();
    await origin.close();
  }
}

async function attack(scene: {
  origin: TestOrigin;
  edge: SignedClient;
  clock: { now: number };
  kdf: { calls: number };
  guesses: number;
  minutes: number;
}): Promise<DrillFigures> {
  const { origin, edge, clock, kdf, guesses, minutes } = scene;
  const { members } = origin.origin;
  await members.createOwner({ name: "ada", password: ownerPassword });
  const insider = await insiderToken(origin);
  const doors = doorsTo(insider);
  await edge.request({
    method: "POST",
    path: `${client}/v3/keys/device_signing/upload`,
    token: insider,
    body: { master_key: masterKey(0) },
  });
  const figures = Object.fromEntries(Object.keys(doors).map((name) => [name, { looked: 0, refused: 0 }]));
  const odd: string[] = [];
  const step = (minutes * minute) / guesses;

  const waitOf = ({ status, headers, text }: Answer, done: number): number => {
    if (status !== done && status !== 429) throw new Error(`the owner got ${status}: ${text}`);
    return status === done ? 0 : Number(headers["retry-after"]) * 1000;
  };
  async function signIn(address: string): Promise<number> {
    const body = passwordLogin("ada", ownerPassword);
    return waitOf(await edge.request({ method: "POST", path: `${client}/v3/login`, address, body }), 200);
  }
  const byBrowser = async (address: string, cookie: string): Promise<number> =>
    waitOf(await byPage(address, cookie), 303);
  const byPage = (address: string, cookie = "") =>
    edge.request(withCookie({ ...signInForm("ada", ownerPassword), address }, cookie));
  /** How long it takes to get in, who waits being told for how long; the attack goes on. */
  async function waitToEnter(wait: () => Promise<number>): Promise<number> {
    const from = clock.now;
    for (;;) {
      const left = await wait();
      if (left === 0) return clock.now - from;
      await besiege(Math.ceil(left / step));
    }
  }

  let serial = 0;
  const byMinute = new Map<number, number>();
  const names = Object.keys(doors);
  async function guess(): Promise<void> {
    const n = (serial += 1);
    const name = names[n % names.length] ?? "";
    const figure = figures[name];
    const door = doors[name];
    if (!figure || !door) throw new Error(`no door ${name}`);
    const answer = await edge.request({ ...door.ask(n), address: addressOf(n) });
    if (answer.status === 429) figure.refused += 1;
    else if (door.wrong(answer)) figure.looked += 1;
    else odd.push(`${name}: ${answer.status} ${answer.text.slice(0, 100)}`);
  }
  /** So many guesses, some of them at the same instant. */
  async function besiege(count: number): Promise<void> {
    for (let done = 0; done < count; done += together) {
      const before = kdf.calls;
      await Promise.all(Array.from({ length: Math.min(together, count - done) }, guess));
      const at = Math.floor(clock.now / minute);
      byMinute.set(at, (byMinute.get(at) ?? 0) + kdf.calls - before);
      clock.now += step * Math.min(together, count - done);
    }
  }

  // The owner has been at home before the attack.
  await signIn("198.51.100.7");
  const cookie = deviceCookieOf(await byPage("198.51.100.8"));
  const waits: Record<keyof DrillFigures["owner"], number[]> = {
    "known browser": [],
    "known network": [],
    "fresh address": [],
  };
  const rounds = 4;
  for (let round = 0; round < rounds; round += 1) {
    await besiege(Math.floor(guesses / rounds));
    waits["known browser"].push(await waitToEnter(() => byBrowser(`2001:db8:${round + 1}::1`, cookie)));
    waits["known network"].push(await waitToEnter(() => signIn(`198.51.100.${20 + round}`)));
    waits["fresh address"].push(await waitToEnter(() => signIn(`192.0.${3 + round}.50`)));
  }
  const derivations = [...byMinute.values()].reduce((sum, calls) => sum + calls, 0);
  return {
    guesses: serial,
    doors: figures,
    derivations,
    derivationsInWorstMinute: Math.max(...byMinute.values()),
    owner: waits,
    odd,
  };
}

const together = 10;
const idHost = "id.burrow.localhost";

const signInForm = (name: string, password: string): SignedRequest => ({
  method: "POST",
  path: "/sign-in",
  host: idHost,
  body: new URLSearchParams({ name, password, next: "/" }).toString(),
  headers: {
    "content-type": "application/x-www-form-urlencoded",
    origin: `https://${idHost}`,
    accept: "text/html",
  },
});

const withCookie = (asked: SignedRequest, cookie: string): SignedRequest =>
  cookie === "" ? asked : { ...asked, headers: { ...asked.headers, cookie } };

const deviceCookieOf = ({ headers }: Answer): string => {
  const value = [headers["set-cookie"]].flat().map(readDeviceCookie).find(Boolean);
  if (value === undefined) throw new Error("signing in by the page gave no device cookie");
  return `${DEVICE_COOKIE}=${value}`;
};

/** Two of three guesses come from 200 addresses, the third from anywhere in one /48. */
function addressOf(n: number): string {
  if (n % 3 === 2) return `2001:db8:bad:${((n * 7919) & 0xffff).toString(16)}::${(n & 0xfff).toString(16)}`;
  return `203.0.113.${n % 200}`;
}

interface Door {
  ask(n: number): SignedRequest;
  /** Whether the answer is that of a wrong secret which was looked at. */
  wrong(answer: Answer): boolean;
}

/** The first one of a member needs no password; each further one does. */
function masterKey(n: number) {
  const key = Buffer.alloc(32, n).toString("base64").replace("=", "");
  return { user_id: "@ben:burrow.localhost", usage: ["master"], keys: { [`ed25519:${key}`]: key } };
}

const passwordLogin = (user: string, password: string) => ({
  type: "m.login.password",
  identifier: { type: "m.id.user", user },
  password,
});

/** Every way to try a secret. Of the insider somebody has stolen the access token, not the password. */
function doorsTo(insider: string): Readonly<Record<string, Door>> {
  const post = (path: string, body: unknown, token?: string): SignedRequest => ({
    method: "POST",
    path,
    body,
    token,
  });
  const status =
    (expected: number) =>
    (answer: Answer): boolean =>
      answer.status === expected;
  const form = (path: string, n: number): SignedRequest => ({
    method: "POST",
    path,
    body: `token=guess${n}&name=mallory&password=violet+anchor+biscuit+${n}`,
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      origin: "https://burrow.localhost",
      accept: "text/html",
    },
  });
  const uia = (n: number) => ({ auth: { type: "m.login.password", password: `guess ${n}` } });
  return {
    "login of the owner": {
      ask: (n) => post(`${client}/v3/login`, passwordLogin("ada", `guess ${n}`)),
      wrong: status(403),
    },
    "the same, spelt otherwise": {
      ask: (n) => post(`/_matrix/client/r0/%6Cogin`, passwordLogin("@ada:burrow.localhost", `guess ${n}`)),
      wrong: status(403),
    },
    "the sign-in page": {
      ask: (n) => signInForm("ada", `guess ${n}`),
      wrong: status(403),
    },
    "login of a name that nobody has": {
      ask: (n) => post(`${client}/v3/login`, passwordLogin(`nobody${n}`, `guess ${n}`)),
      wrong: status(403),
    },
    "login by token": {
      ask: (n) => post(`${client}/v3/login`, { type: "m.login.token", token: `guess${n}` }),
      wrong: status(403),
    },
    registration: {
      ask: (n) =>
        post(`${client}/v3/register`, {
          username: "mallory",
          password: "violet anchor biscuit",
          auth: { type: "m.login.registration_token", token: `guess${n}` },
        }),
      wrong: status(401),
    },
    "validity of an invite": {
      ask: (n) => ({
        method: "GET",
        path: `${client}/v1/register/m.login.registration_token/validity?token=guess${n}`,
        token: insider,
      }),
      wrong: (answer) => answer.status === 200 && answer.json().valid === false,
    },
    refresh: {
      ask: (n) => post(`${client}/v3/refresh`, { refresh_token: `guess${n}` }),
      wrong: status(401),
    },
    "password again: a device": {
      ask: (n) => ({ method: "DELETE", path: `${client}/v3/devices/ABC`, token: insider, body: uia(n) }),
      wrong: status(401),
    },
    "password again: a new one": {
      ask: (n) =>
        post(`${client}/v3/account/password`, { new_password: "violet anchor biscuit", ...uia(n) }, insider),
      wrong: status(401),
    },
    "password again: the end": {
      ask: (n) => post(`${client}/v3/account/deactivate`, uia(n), insider),
      wrong: status(401),
    },
    "password again: keys": {
      ask: (n) =>
        post(
          `${client}/v3/keys/device_signing/upload`,
          { ...uia(n), master_key: masterKey((n % 250) + 1) },
          insider,
        ),
      wrong: status(401),
    },
    "an invite's form": { ask: (n) => form("/invite", n), wrong: status(403) },
    "an API key": {
      ask: (n) => ({
        method: "GET",
        path: "/_burrow/admin/v1/members",
        token: `burrow_key_${n}`,
      }),
      wrong: status(401),
    },
  };
}

async function insiderToken({ origin: { members } }: TestOrigin): Promise<string> {
  const ben = await members.createAccount({ name: "ben", password: "violet anchor ninety canoes" });
  return (await members.openSession(ben.id, { address: "198.51.100.99" })).accessToken;
}
