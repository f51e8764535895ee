import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { anyBodies, anyParameters, anyQueries, mutationsOf } from "../../../conformance/hostile-input.ts";
import {
  fillPath,
  operationsOf,
  parametersOf,
  plausibleBody,
  plausibleParameter,
} from "../../../conformance/plausible-request.ts";
import { worldOf } from "../../../conformance/walk.ts";
import { owner } from "../moderation/owner.ts";
import { type House, openHouse } from "../rooms/house.ts";

let house: House;
before(async () => void (house = await openHouse()));
after(() => house.fixture.close());

const traces = /\bat (?:file:|async |\S+ \(|node:)|node_modules|\.ts:\d|SQLITE_|\bundefined\b|\[object /;

test("no operation of the owner's fails or tells of the inside, whatever it is sent", async () => {
  const { fixture, ada, ben } = house;
  const { user } = await owner(fixture);
  const operations = operationsOf(fixture.routes).filter(({ path }) => path.startsWith("/_burrow/"));
  assert.ok(operations.length > 20);
  for (const operation of operations) {
    const { method, path } = operation;
    const room = await house.make(ada);
    const world = worldOf(ben, ada, room, await house.say(ada, room, "hello"));
    const known = (name: string): string =>
      name === "name" ? "ben" : name === "id" ? "1" : plausibleParameter(name, world);
    const good = fillPath(path, known);
    const ask = async (at: string, body?: unknown): Promise<void> => {
      const { status, body: told } = await fixture.request(method, at, { token: user.token, body });
      const what = `${method} ${at} ${String(JSON.stringify(body)).slice(0, 300)} → ${status} ${JSON.stringify(told)}`;
      assert.ok(status < 500, what);
      if (status >= 400) assert.equal(typeof told.errcode, "string", what);
      assert.doesNotMatch(JSON.stringify(told), traces, what);
    };
    const plausible = method === "GET" ? undefined : plausibleBody(operation, world);
    await ask(good, plausible);
    for (const spoiled of parametersOf(path)) {
      for (const value of anyParameters) {
        await ask(
          fillPath(path, (name) => (name === spoiled ? value : known(name))),
          plausible,
        );
      }
    }
    if (!plausible) for (const query of anyQueries) await ask(`${good}?${query}`);
    else {
      const bodies = [...anyBodies.map(({ body }) => body), ...mutationsOf(plausible)];
      for (const body of bodies) await ask(good, typeof body === "string" ? body : String(body));
    }
  }
  assert.deepEqual(
    fixture.log.filter((line) => line.includes('"level":"error"')),
    [],
  );
});
