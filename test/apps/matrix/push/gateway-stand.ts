import type { TestContext } from "node:test";
import type { Outbound } from "../../../../origin/host/outbound/outbound.ts";
import { benchOutbound, startStand } from "../../../host/outbound/outbound-bench.ts";
import { makeCertificate } from "../../../host/outbound/certificate.ts";
import { createFixture, type Fixture, type User } from "../fixture.ts";

/** What a gateway is sent, as far as tests look at it. */
export interface Notification {
  event_id?: string;
  room_id?: string;
  type?: string;
  sender?: string;
  sender_display_name?: string;
  room_name?: string;
  room_alias?: string;
  user_is_target?: boolean;
  prio?: string;
  content?: Record<string, unknown>;
  counts?: { unread?: number };
  devices: { app_id: string; pushkey: string; pushkey_ts: number; data: object; tweaks?: object }[];
}

export interface GatewayReply {
  status?: number;
  body?: unknown;
  headers?: Record<string, string>;
}

/** A push gateway on loopback in the place of a public one, reached through the real table of requests. */
export interface GatewayStand {
  readonly url: string;
  readonly outbound: Pick<Outbound, "fetch">;
  /** All that came, in order. */
  readonly arrived: Notification[];
  /** The next one that nobody has taken yet. */
  next(): Promise<Notification>;
  /** What it answers from now on: a 200 that rejects nothing where it is undefined; a promise keeps it waiting. */
  answer: ((notification: Notification) => GatewayReply | Promise<GatewayReply> | undefined) | undefined;
}

export async function startGateway(t: TestContext): Promise<GatewayStand> {
  const certificate = makeCertificate("push.example.org");
  const arrived: Notification[] = [];
  const takers: ((notification: Notification) => void)[] = [];
  let taken = 0;
  const stand = await startStand(
    t,
    (_, response) => {
      const { notification } = JSON.parse(stand.seen.at(-1)!.body) as { notification: Notification };
      arrived.push(notification);
      const taker = takers.shift();
      if (taker) {
        taken += 1;
        taker(notification);
      }
      void Promise.resolve(gateway.answer?.(notification)).then((reply) => {
        const { status = 200, body = { rejected: [] }, headers = {} } = reply ?? {};
        response.writeHead(status, headers).end(typeof body === "string" ? body : JSON.stringify(body));
      });
    },
    certificate,
  );
  const { outbound } = benchOutbound(t, {
    stands: { "198.51.100.7:443": stand },
    names: { "push.example.org": ["198.51.100.7"], "inner.example.org": ["127.0.0.1"] },
    authority: certificate.cert,
  });
  const gateway: GatewayStand = {
    url: "https://push.example.org/_matrix/push/v1/notify",
    outbound,
    arrived,
    next() {
      const ready = arrived[taken];
      if (ready) {
        taken += 1;
        return Promise.resolve(ready);
      }
      return new Promise((resolve) => takers.push(resolve));
    },
    answer: undefined,
  };
  return gateway;
}

/** A server whose members' apps have their gateway there. */
export async function startPushHouse(t: TestContext): Promise<{ gateway: GatewayStand; fixture: Fixture }> {
  const gateway = await startGateway(t);
  const fixture = await createFixture({ outbound: gateway.outbound });
  t.after(() => fixture.close());
  return { gateway, fixture };
}

export const pusherBody = (url: string, more: object = {}): object => ({
  kind: "http",
  app_id: "org.example.app",
  pushkey: "key",
  app_display_name: "App",
  device_display_name: "Phone",
  lang: "en",
  data: { url },
  ...more,
});

export async function setPusher(fixture: Fixture, user: User, url: string, more: object = {}): Promise<void> {
  const { status, body } = await fixture.request("POST", "/v3/pushers/set", {
    token: user.token,
    body: pusherBody(url, more),
  });
  if (status !== 200) throw new Error(JSON.stringify(body));
}

/** A room of the first one, which the others have joined, over HTTP. */
export async function makeRoom(
  fixture: Fixture,
  creator: User,
  others: readonly User[],
  more: object = {},
): Promise<string> {
  const made = await fixture.request("POST", "/v3/createRoom", {
    token: creator.token,
    body: { preset: "public_chat", ...more },
  });
  const roomId = made.body.room_id as string;
  for (const { token } of others) await fixture.request("POST", `/v3/join/${roomId}`, { token, body: {} });
  return roomId;
}

let transactions = 0;

/** The event id. */
export async function send(
  fixture: Fixture,
  user: User,
  roomId: string,
  content: object,
  type = "m.room.message",
): Promise<string> {
  transactions += 1;
  const path = `/v3/rooms/${roomId}/send/${type}/t${transactions}`;
  const { status, body } = await fixture.request("PUT", path, { token: user.token, body: content });
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body.event_id as string;
}

export const text = (body: string, more: object = {}): object => ({ msgtype: "m.text", body, ...more });

export async function readUpTo(fixture: Fixture, user: User, roomId: string, eventId: string): Promise<void> {
  const path = `/v3/rooms/${roomId}/receipt/m.read/${eventId}`;
  await fixture.request("POST", path, { token: user.token, body: {} });
}
