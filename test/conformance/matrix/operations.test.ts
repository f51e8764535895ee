/**
 * docs/matrix.md, which says of each operation of the client-server API whether it works, holds the truth: against the
 * specification, the table of routes, and the answers of a real server.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { accepted, type House, openHouse } from "../../apps/matrix/rooms/house.ts";
import { openSpecification } from "../../support/openapi.ts";
import { fillPath, operationsOf, plausibleBody, plausibleParameter } from "../plausible-request.ts";
import { worldOf } from "../walk.ts";
import { unnamed } from "./drive.ts";

const folder = fileURLToPath(new URL("../../../../shared/matrix-spec", import.meta.url));
const skip = existsSync(folder) ? false : "skipped: not present: the specification's data beside the project";
const page = readFileSync(new URL("../../../docs/matrix.md", import.meta.url), "utf8");

interface Row {
  readonly method: string;
  readonly path: string;
  readonly state: string;
  /** Why, of what is not simply so. */
  readonly remark: string;
}

const rowsOf = (text: string): Row[] =>
  [...text.matchAll(/^\| `(\w+) (\S+)` \| (.+?) \| (.*?) ?\|$/gm)].map(
    ([, method = "", path = "", state = "", remark = ""]) => ({ method, path, state, remark }),
  );
const nameOf = ({ method, path }: { method: string; path: string }): string => unnamed(`${method} ${path}`);

const [ofSpecification = "", beyond = ""] = page.split("## Beyond the documents");
const rows = [...rowsOf(ofSpecification), ...rowsOf(beyond)];

/** What tells an operation from another at the same address, or one refusal from an earlier one, by its last name. */
const bodies: Readonly<Record<string, object>> = {
  invite: {
    id_server: "id.example.org",
    id_access_token: "abc",
    medium: "email",
    address: "somebody@example.org",
  },
  "3pid": { three_pid_creds: { client_secret: "abc", sid: "1" } },
  add: { client_secret: "abc", sid: "1" },
  requestToken: { client_secret: "abc", email: "somebody@example.org", send_attempt: 1 },
};

let house: House;
let served: ReadonlySet<string>;
before(async () => {
  house = await openHouse();
  const routes = operationsOf(house.fixture.routes).filter(
    // The owner's API has a page of its own.
    ({ method, path }) => method !== "OPTIONS" && !path.startsWith("/_burrow/"),
  );
  served = new Set(routes.map(nameOf));
});
after(async () => {
  assert.deepEqual(house.fixture.log, []);
  await house.fixture.close();
});

test("every operation of the specification has its row, and no row is of something else", { skip }, () => {
  const named = [...openSpecification(folder).operations].map((operation) => unnamed(operation.trimEnd()));
  assert.deepEqual(rowsOf(ofSpecification).map(nameOf).toSorted(), named.toSorted());
});

test("every line of the tables is read, and says one of two things", () => {
  assert.equal(rows.length, page.match(/^\| `/gm)?.length);
  assert.equal(rowsOf(ofSpecification).length, 166);
  for (const { state, path, remark } of rows) {
    assert.match(state, /^(?:works|by design \d{3} M_[A-Z_]+)$/, path);
    if (state.startsWith("by design")) assert.notEqual(remark, "", `${path}: why?`);
  }
});

test("every route has its row, and what works is a route", () => {
  const told = new Set(rows.map(nameOf));
  assert.deepEqual(
    [...served].filter((route) => !told.has(route)),
    [],
    "routes that docs/matrix.md does not tell of",
  );
  assert.deepEqual(
    rows.filter((row) => row.state === "works" && !served.has(nameOf(row))),
    [],
    "no such routes",
  );
});

test("what is refused by design gives the error of its row", async () => {
  const { ada, ben, fixture } = house;
  const roomId = await house.make(ada);
  const world = worldOf(ada, ben, roomId, await house.say(ada, roomId, "hello"));
  for (const row of rows.filter((each) => each.state.startsWith("by design"))) {
    const { method, state } = row;
    const pattern = row.path.replaceAll(/\{(\w+)\}/g, ":$1");
    const path = fillPath(pattern, (name) => plausibleParameter(name, world));
    const usual = served.has(nameOf(row)) ? plausibleBody({ method, path: pattern }, world) : {};
    const body = bodies[path.split("/").at(-1) ?? ""] ?? usual;
    const reply = await fixture.request(method, path, {
      token: ada.token,
      ...(method !== "GET" && body && { body }),
    });
    assert.equal(`by design ${reply.status} ${reply.body.errcode}`, state, `${method} ${path}`);
    assert.equal(typeof reply.body.error, "string");
  }
  accepted(await house.call(ada, "GET", "/account/whoami"));
});
