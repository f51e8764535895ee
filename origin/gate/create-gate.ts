import { complaintResponse, complaints } from "../http/errors.ts";
import type { Gate } from "./gate.ts";

/** Nobody can sign in yet, so nobody is anybody. */
export function createGate(): Gate {
  return {
    identify: () => Promise.resolve(undefined),
    requireSession: (_context, request) =>
      Promise.resolve(
        complaintResponse(
          complaints.unauthenticated,
          new URL(request.url).pathname,
          request.headers.get("accept"),
        ),
      ),
  };
}
