import type { IncomingMessage } from "node:http";
import type { RequestFields } from "./request-context.ts";

/** A request's fields as node has read them: to make fetch's `Headers` of them costs as much as to judge a session. */
export function fieldsOf({ headers }: IncomingMessage): RequestFields {
  return {
    get(name) {
      const value = headers[name.toLowerCase()];
      return value === undefined ? null : String(value);
    },
    has: (name) => headers[name.toLowerCase()] !== undefined,
  };
}
