import type { Member } from "../../../members/members.ts";
import type { Arguments } from "./arguments.ts";

/** Who makes a request. Each member has one account. */
export interface JmapUser {
  readonly member: Member;
  /** The member's number. */
  readonly account: number;
  /** `ada@example.org`: the user's name, and the first of the member's addresses. */
  readonly address: string;
}

/** One method call, its references resolved. */
export interface Call {
  readonly user: JmapUser;
  readonly args: Arguments;
  /** Creation ids of this request → the ids of what was created (RFC 8620 §3.3). */
  readonly createdIds: Map<string, string>;
  /** Runs another method after this one, its responses behind this one's (RFC 8621 §7.5). */
  readonly followWith: (name: string, args: Readonly<Record<string, unknown>>) => void;
}

/** Answers the arguments of the response. Throws MethodError. */
export type Method = (call: Call) => Promise<object> | object;

export type Capability =
  | "urn:ietf:params:jmap:core"
  | "urn:ietf:params:jmap:mail"
  | "urn:ietf:params:jmap:submission"
  | "urn:ietf:params:jmap:vacationresponse";

/** Methods by name, and which capability opens each. */
export interface MethodTable {
  readonly capability: Capability;
  readonly methods: Readonly<Record<string, Method>>;
}

/** RFC 8620 §2: what one request may ask. */
export const limits = {
  maxSizeUpload: 50_000_000,
  maxConcurrentUpload: 4,
  maxSizeRequest: 10_000_000,
  maxConcurrentRequests: 8,
  maxCallsInRequest: 64,
  maxObjectsInGet: 1000,
  maxObjectsInSet: 500,
} as const;
