import { EVENT_STREAM_PING_MS } from "../../shared/limits.ts";

const LF = 10;
const CR = 13;

/**
 * Keeps a silent event stream from being cut by the edge (100 s): after some idle time it gets a comment line, which
 * every reader skips (HTML, "Interpreting an event stream"). Any other answer is returned as it is.
 */
export function pingWhenIdle(response: Response, idleMs = EVENT_STREAM_PING_MS): Response {
  const type = response.headers.get("content-type") ?? "";
  if (
    response.body === null ||
    !/^text\/event-stream\b/i.test(type) ||
    response.headers.has("content-encoding")
  )
    return response;
  return new Response(withPings(response.body, idleMs), response);
}

function withPings(source: ReadableStream<Uint8Array>, idleMs: number): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  const ping = new TextEncoder().encode(": ping\n\n");
  let timer: ReturnType<typeof setTimeout> | null = null;
  let ending: readonly number[] = [LF, LF];

  function rearm(controller: ReadableStreamDefaultController<Uint8Array>): void {
    clearTimeout(timer);
    timer = setTimeout(() => {
      // Inside an event a blank line would end it early; a reader that does not keep up needs no sign of life.
      if (isEventBoundary(ending) && (controller.desiredSize ?? 0) > 0) controller.enqueue(ping);
      rearm(controller);
    }, idleMs);
  }

  return new ReadableStream<Uint8Array>({
    start: rearm,
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) {
          clearTimeout(timer);
          controller.close();
          return;
        }
        ending = [...ending, ...value.slice(-4)].slice(-4);
        controller.enqueue(value);
        rearm(controller);
      } catch (error) {
        clearTimeout(timer);
        controller.error(error);
      }
    },
    async cancel(reason) {
      clearTimeout(timer);
      await reader.cancel(reason);
    },
  });
}

/** Whether the last bytes are a blank line: two line ends, each LF, CR or CRLF. */
function isEventBoundary(ending: readonly number[]): boolean {
  const [third, second, first] = [ending.at(-3), ending.at(-2), ending.at(-1)];
  if (first === LF) return second === LF || (second === CR && (third === LF || third === CR));
  return first === CR && (second === CR || second === LF);
}
