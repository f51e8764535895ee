import assert from "node:assert/strict";

import type { Fixture, Reply, User } from "../../apps/matrix/fixture.ts";
import type { Specification } from "../../support/openapi.ts";

export interface Wish {
  readonly as?: User;
  readonly status?: number;
  readonly query?: Record<string, string>;
  readonly body?: unknown;
  /** A departure from the schema that is meant. */
  readonly except?: RegExp;
}

/** Asks a server for operations of the specification and holds each answer against its schema. */
export interface Driver {
  /** What was asked for, as `GET /_matrix/client/v3/rooms/{}/state`. */
  readonly driven: Set<string>;
  /** `path` is the specification's, below /_matrix/client, or whole; `txnId` is filled in where absent. */
  drive(method: string, path: string, parameters?: Record<string, string>, wish?: Wish): Promise<Reply>;
  /** Holds events against the schemas of their types; `more` is what stands around them, as the room id in /sync. */
  checkEvents(events: readonly object[], more?: object): void;
}

interface ShownEvent {
  readonly type: string;
  readonly content: unknown;
  readonly unsigned?: { readonly redacted_because?: object };
}

/** The specification writes `{roomId}`, the table of routes `:roomId`, and not all names are the same. */
export const unnamed = (path: string): string => path.replaceAll(/\{\w+\}|:\w+/g, "{}");

export function createDriver(fixture: Fixture, specification: Specification): Driver {
  const driven = new Set<string>();
  let transactions = 0;

  return {
    driven,
    async drive(method, path, parameters = {}, wish = {}) {
      const whole = /^\/(?:\.well-known|_matrix)\//.test(path) ? path : `/_matrix/client${path}`;
      const filled = whole.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
        const value = parameters[name] ?? (name === "txnId" ? `t${(transactions += 1)}` : undefined);
        assert.ok(value !== undefined, `${path} needs ${name}`);
        return encodeURIComponent(value);
      });
      const query = wish.query ? `?${new URLSearchParams(wish.query).toString()}` : "";
      const reply = await fixture.request(method, `${filled}${query}`, {
        ...(wish.as && { token: wish.as.token }),
        body: wish.body,
      });
      const operation = `${method} ${whole}`;
      const told = `${operation} ${JSON.stringify(reply.body)}`;
      assert.equal(reply.status, wish.status ?? 200, told);
      const found = specification.checkAnswer(operation, reply.status, reply.body);
      assert.deepEqual(
        found.filter((finding) => !wish.except?.test(finding)),
        [],
        told,
      );
      driven.add(unnamed(operation));
      return reply;
    },
    checkEvents(events, more = {}) {
      for (const event of events) {
        const whole = { ...event, ...more } as ShownEvent;
        // What is left of a redacted event is not what its type asks for.
        if (whole.unsigned?.redacted_because) continue;
        assert.deepEqual(specification.checkEvent(whole), [], JSON.stringify(whole));
      }
    },
  };
}
