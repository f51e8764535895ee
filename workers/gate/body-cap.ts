import { BODY_MAX_BYTES, RESUMABLE_UPLOAD_PATH } from "../../shared/limits.ts";
import type { Visit } from "../visit.ts";
import { refuse } from "./refusal.ts";

/** A request body on its way. */
export interface Body {
  stream: ReadableStream<Uint8Array> | null;
  /** Aborted when the body cannot be had whole; it must abort the request that carries the body. */
  broken: AbortSignal;
  /** Whether it was broken off for its size. */
  exceeded(): boolean;
}

/** Answers 413 to a body that declares more than the cap. */
export function capBody(visit: Visit): Response | undefined {
  const declared = visit.request.headers.get("content-length");
  return declared !== null && Number(declared) > BODY_MAX_BYTES ? answerTooLarge(visit) : undefined;
}

/**
 * The body, counted as it streams where its length was not declared.
 *
 * A body that our code passes on without a length must never end for want of a source, neither past the cap nor when the
 * client leaves: workerd ends the forwarded body properly then, and the origin takes the part for the whole. So the stream
 * is left open and the request that carries it is aborted.
 */
export function takeBody({ request }: Visit): Body {
  const breaker = new AbortController();
  let taken = 0;
  const body = { broken: breaker.signal, exceeded: () => taken > BODY_MAX_BYTES };
  // RFC 9110 §9.3.1: content of a GET has no meaning, and a fetch of one throws.
  if (request.body === null || request.method === "GET" || request.method === "HEAD")
    return { ...body, stream: null };
  // HTTP holds the client to a declared length; passing the stream as it is costs no CPU and keeps the length.
  if (request.headers.has("content-length")) return { ...body, stream: request.body };
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      taken += chunk.byteLength;
      if (taken <= BODY_MAX_BYTES) controller.enqueue(chunk);
      else breaker.abort();
    },
  });
  request.body.pipeTo(counter.writable, { preventAbort: true }).catch(() => breaker.abort());
  return { ...body, stream: counter.readable };
}

/** 413 that says how a larger file is sent. */
export function answerTooLarge(visit: Visit): Response {
  return refuse(visit, {
    status: 413,
    code: "too_large",
    errcode: "M_TOO_LARGE",
    title: "Too large",
    message:
      `One request may carry ${BODY_MAX_BYTES} bytes. ` +
      `Send a larger file in parts, by tus 1.0: POST ${RESUMABLE_UPLOAD_PATH} on the chat's host.`,
  });
}
