/** A server with mail, and its members' mail programs. */
import { join } from "node:path";
import { makeDataFolder } from "../../../../origin/config/data-folder.ts";
import { createSecrets } from "../../../../origin/config/secrets.ts";
import { createKdf } from "../../../../origin/members/kdf.ts";
import type { Members } from "../../../../origin/members/members.ts";
import { createSignedClient, type SignedClient } from "../../../support/signed-client.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { startTestOrigin } from "../../../support/test-origin.ts";

// oxlint-disable-next-line typescript/no-explicit-any -- answers of many shapes, each looked at by its test
type Any = any;

export interface Program {
  readonly accountId: string;
  /** One method's arguments and its answer; throws where the answer is another method's or an error. */
  call(method: string, args?: object): Promise<Any>;
  /** The whole response to method calls. */
  send(calls: unknown[]): Promise<Any>;
  ask(asked: { method: string; path: string; body?: unknown; headers?: Record<string, string> }): Promise<{
    status: number;
    headers: NodeJS.Dict<string | string[]>;
    text: string;
  }>;
}

export const using = [
  "urn:ietf:params:jmap:core",
  "urn:ietf:params:jmap:mail",
  "urn:ietf:params:jmap:submission",
  "urn:ietf:params:jmap:vacationresponse",
];

export async function openMailHouse(
  t: { after(work: () => unknown): void },
  options: Partial<Parameters<typeof startTestOrigin>[0]> & {
    /** Done with the data folder before the server starts on it. */
    prepare?: (dataDir: string) => void;
  } = {},
) {
  const { prepare, now, ...more } = options;
  const dataDir = options.dataDir ?? join(temporaryFolder(t), "data");
  if (prepare) {
    makeDataFolder(dataDir);
    createSecrets(dataDir);
    prepare(dataDir);
  }
  const server = await startTestOrigin({
    kdf: createKdf({ memory: 8, passes: 1 }),
    ...more,
    ...(now && { now }),
    dataDir,
  });
  t.after(() => server.close());
  const { origin, facts } = server;
  const { members } = origin;
  if (!members.claimed()) {
    await members.createOwner({ name: "ada", password: "violet anchor biscuit lamp" });
    await members.createAccount({ name: "ben", password: "violet anchor biscuit lamp" });
  }
  const client = createSignedClient({
    origin: facts.url,
    edgeKey: facts.edgeKey,
    host: "mail.burrow.localhost",
    ...(now && { now }),
  });
  t.after(() => client.close());

  return {
    origin,
    facts,
    members,
    client,
    program: openPrograms(members, client),
    dataDir,
    close: () => server.close(),
  };
}

/** Mail programs of members, each with an app password of its own. */
export function openPrograms(members: Members, client: SignedClient) {
  return async function program(name: string, scopes: readonly string[] = ["mail"]): Promise<Program> {
    const { id: memberId } = members.find(name)!;
    const { secret } = await members.keys.create(
      { via: "device" },
      { memberId, kind: "app-password", name: "a program", scopes },
    );
    return createProgram(client, { name, secret, accountId: `u${memberId}` });
  };
}

/** A mail program that asks by the client, whose server may come and go. */
export function createProgram(
  client: SignedClient,
  { name, secret, accountId }: { name: string; secret: string; accountId: string },
): Program {
  const authorization = `Basic ${Buffer.from(`${name}:${secret}`).toString("base64")}`;
  const ask: Program["ask"] = async ({ headers, ...asked }) =>
    await client.request({ ...asked, headers: { authorization, ...headers } });
  const send = async (methodCalls: unknown[]): Promise<Any> => {
    const { status, text } = await ask({ method: "POST", path: "/jmap/api", body: { using, methodCalls } });
    if (status !== 200) throw new Error(`${status} ${text}`);
    return JSON.parse(text);
  };
  return {
    accountId,
    ask,
    send,
    async call(method, args = {}) {
      const { methodResponses } = await send([[method, { accountId, ...args }, "0"]]);
      const [answered, answer] = methodResponses[0];
      if (answered !== method) throw new Error(`${method}: ${JSON.stringify(answer)}`);
      return answer;
    },
  };
}
