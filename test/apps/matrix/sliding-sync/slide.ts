import type { Reply, User } from "../fixture.ts";
import type { Chat } from "../sync/chat.ts";

export interface Place {
  pos?: string;
  timeout?: number;
  set_presence?: string;
  signal?: AbortSignal;
}

const unstable = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync";

/** One request in today's dialect. */
export function ask(
  { fixture }: Pick<Chat, "fixture">,
  user: User,
  body: unknown,
  place: Place = {},
): Promise<Reply> {
  const { signal, ...query } = place;
  const parameters = new URLSearchParams(
    Object.entries(query).map(([key, value]): [string, string] => [key, String(value)]),
  );
  return fixture.request("POST", `${unstable}?${parameters}`, {
    token: user.token,
    body,
    ...(signal && { signal }),
  });
}

/** The body of a successful answer in today's dialect. */
export async function slide(
  chat: Pick<Chat, "fixture">,
  user: User,
  body: unknown,
  place: Place = {},
): Promise<Reply["body"]> {
  return bodyOf(await ask(chat, user, body, place));
}

/** The same in the accepted form, where everything is in the body. */
export async function slideAccepted(chat: Chat, user: User, body: object): Promise<Reply["body"]> {
  return bodyOf(await chat.fixture.request("POST", "/_matrix/client/v4/sync", { token: user.token, body }));
}

function bodyOf(reply: Reply): Reply["body"] {
  if (reply.status !== 200) throw new Error(`sync answered ${reply.status} ${JSON.stringify(reply.body)}`);
  return reply.body;
}

/** A list over all rooms. */
export function everyRoom(extra: object = {}): object {
  return { lists: { all: { ranges: [[0, 99]], timeline_limit: 10, required_state: [], ...extra } } };
}

interface Shown {
  type: string;
  state_key?: string;
  content: { body?: string };
}

export const bodies = (events: Shown[] = []): string[] => events.flatMap((event) => event.content.body ?? []);

/** `type/key`, sorted. */
export const stateKeys = (events: Shown[] = []): string[] =>
  events.map((event) => `${event.type}/${event.state_key}`).toSorted();
