/** A member at the webmail, without a browser: a cookie of the mail host, and forms as a browser sends them. */
import { join } from "node:path";
import { chooseDriver } from "../../../../origin/storage/open-driver.ts";
import { openMailHouse, type Program } from "../jmap/house.ts";

const host = "mail.burrow.localhost";
const origin = `https://${host}`;

export interface Visitor {
  get(
    path: string,
    headers?: Record<string, string>,
  ): Promise<{ status: number; text: string; headers: NodeJS.Dict<string | string[]> }>;
  /** A form, sent by a page of the mail host unless the headers say otherwise. */
  post(
    path: string,
    fields: Record<string, string> | [string, string][],
    headers?: Record<string, string>,
  ): Promise<{ status: number; text: string; headers: NodeJS.Dict<string | string[]>; location: string }>;
  readonly cookie: string;
}

export async function openWebmailHouse(t: { after(work: () => unknown): void }) {
  const house = await openMailHouse(t);
  const { members, client } = house;

  async function visitor(name: string): Promise<Visitor> {
    const { id } = members.find(name)!;
    const browser = { userAgent: "", address: "192.0.2.1" };
    const parent = await members.webSessions.open(id, { ...browser, host: "id.burrow.localhost" });
    const session = await members.webSessions.openChild(parent.id, { ...browser, host });
    const cookie = `__Host-burrow-session=${session?.token}`;
    return {
      cookie,
      get: (path, headers) =>
        client.request({
          method: "GET",
          path,
          headers: { accept: "text/html", "sec-fetch-site": "same-origin", cookie, ...headers },
        }),
      async post(path, fields, headers) {
        const answer = await client.request({
          method: "POST",
          path,
          body: new URLSearchParams(fields).toString(),
          headers: {
            accept: "text/html",
            "content-type": "application/x-www-form-urlencoded",
            origin,
            "sec-fetch-site": "same-origin",
            cookie,
            ...headers,
          },
        });
        return { ...answer, location: String(answer.headers["location"] ?? "") };
      },
    };
  }
  /** What the sending of mail writes, which is not a part of these tests. */
  const mailDatabase = () => chooseDriver()(join(house.dataDir, "databases", "mail.db"));
  return { ...house, visitor, mailDatabase };
}

/** The mailbox of a role. */
export async function boxOf(program: Program, role: string): Promise<string> {
  const { list } = await program.call("Mailbox/get");
  return list.find((one: { role: string }) => one.role === role).id;
}
