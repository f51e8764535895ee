import type { Log } from "../../../host/log.ts";
import { createTurns } from "../../../host/turns.ts";
import { Arguments, isObject, isTexts } from "./arguments.ts";
import { MethodError, RequestError } from "./jmap-error.ts";
import { type JmapUser, limits, type MethodTable } from "./method.ts";
import { type Invocation, resolveReferences } from "./result-references.ts";

/** A request, as `readRequest` found it to be one (RFC 8620 §3.3). */
export interface JmapRequest {
  readonly using: readonly string[];
  readonly methodCalls: readonly Invocation[];
  readonly createdIds: Readonly<Record<string, string>> | undefined;
}

export interface JmapResponse {
  methodResponses: Invocation[];
  createdIds?: Record<string, string>;
  sessionState: string;
}

/** Throws RequestError. */
export function readRequest(text: string, tables: readonly MethodTable[]): JmapRequest {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new RequestError(400, "notJSON", "The request is no JSON.");
  }
  if (!isObject(parsed) || !isTexts(parsed["using"]) || !isCalls(parsed["methodCalls"])) {
    throw new RequestError(400, "notRequest", "The request is not a JMAP Request object (RFC 8620 §3.3).");
  }
  const { using, methodCalls, createdIds } = parsed;
  if (createdIds !== undefined && !(isObject(createdIds) && isTexts(Object.values(createdIds)))) {
    throw new RequestError(400, "notRequest", "createdIds must be an object of ids.");
  }
  const unknown = using.find((uri) => !tables.some(({ capability }) => capability === uri));
  if (unknown !== undefined) {
    throw new RequestError(400, "unknownCapability", `The capability ${unknown} is not known here.`);
  }
  if (methodCalls.length > limits.maxCallsInRequest) {
    throw new RequestError(
      400,
      "limit",
      `At most ${limits.maxCallsInRequest} method calls a request.`,
      "maxCallsInRequest",
    );
  }
  return { using, methodCalls, createdIds: createdIds as JmapRequest["createdIds"] };
}

function isCalls(value: unknown): value is Invocation[] {
  return (
    Array.isArray(value) &&
    value.every(
      (call) =>
        Array.isArray(call) &&
        call.length === 3 &&
        typeof call[0] === "string" &&
        isObject(call[1]) &&
        typeof call[2] === "string",
    )
  );
}

/** Runs the calls one after another; what one does is there for the next, whatever became of those before. */
export async function runRequest(
  request: JmapRequest,
  options: {
    readonly user: JmapUser;
    readonly tables: readonly MethodTable[];
    readonly sessionState: string;
    readonly log: Log;
    /** Takes each response as it comes; throws MethodError where it cannot be given. */
    readonly take?: (response: Invocation) => Promise<void>;
  },
): Promise<JmapResponse> {
  const { user, tables, sessionState, log, take } = options;
  const turns = createTurns();
  const open = tables.filter(({ capability }) => request.using.includes(capability));
  const createdIds = new Map(Object.entries(request.createdIds ?? {}));
  const responses: Invocation[] = [];

  async function run([name, given, callId]: Invocation): Promise<void> {
    const followers: Invocation[] = [];
    await turns();
    try {
      const method = open.map(({ methods }) => methods).find((methods) => Object.hasOwn(methods, name))?.[
        name
      ];
      if (!method) throw new MethodError("unknownMethod", `There is no method ${name.slice(0, 100)} here.`);
      const answer = await method({
        user,
        args: new Arguments(resolveReferences(given, responses)),
        createdIds,
        followWith: (next, args) => void followers.push([next, { ...args }, callId]),
      });
      const response: Invocation = [name, answer as Record<string, unknown>, callId];
      await take?.(response);
      responses.push(response);
    } catch (error) {
      const response: Invocation = ["error", describe(error, name, log), callId];
      await take?.(response);
      responses.push(response);
      return;
    }
    for (const follower of followers) await run(follower);
  }

  for (const call of request.methodCalls) await run(call);
  return {
    methodResponses: responses,
    ...(request.createdIds && { createdIds: Object.fromEntries(createdIds) }),
    sessionState,
  };
}

function describe(error: unknown, method: string, log: Log): Record<string, unknown> {
  if (error instanceof MethodError) {
    return { type: error.type, description: error.message, ...error.details };
  }
  log.error("mail.method-failed", { method, error });
  return { type: "serverFail", description: "This server made a mistake, and wrote it into its log." };
}
