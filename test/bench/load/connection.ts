import { Client } from "undici";

export interface Answer {
  readonly status: number;
  readonly text: string;
  json<T = Record<string, unknown>>(): T;
}

export interface Ask {
  readonly method: "GET" | "POST" | "PUT";
  readonly path: string;
  readonly token?: string | undefined;
  readonly body?: object | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One kept-alive connection to a homeserver. Requests on it go one after the other. */
export interface Connection {
  request(ask: Ask): Promise<Answer>;
  /** The same; throws where the status is not 200. */
  ask(ask: Ask): Promise<Answer>;
  close(): Promise<void>;
}

/** Above what a server may take for its first answer with a thousand rooms. */
const patienceMs = 60_000;

export function connect(url: string): Connection {
  const client = new Client(url, { headersTimeout: patienceMs, bodyTimeout: patienceMs, pipelining: 1 });

  // The dispatcher's own events instead of its streams: the generator shares two cores with what it measures.
  const request: Connection["request"] = ({ method, path, token, body, signal }) =>
    new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let status = 0;
      let abort = (): void => {};
      client.dispatch(
        {
          method,
          path,
          headers: {
            ...(token !== undefined && { authorization: `Bearer ${token}` }),
            ...(body && { "content-type": "application/json" }),
          },
          body: body ? JSON.stringify(body) : null,
        },
        {
          onRequestStart(controller) {
            abort = () => controller.abort(new Error("aborted"));
            if (signal?.aborted) abort();
            else signal?.addEventListener("abort", abort, { once: true });
          },
          onResponseStart: (_controller, code) => void (status = code),
          onResponseData: (_controller, chunk) => void chunks.push(chunk),
          onResponseEnd() {
            signal?.removeEventListener("abort", abort);
            const text = Buffer.concat(chunks).toString();
            resolve({ status, text, json: <T>() => JSON.parse(text) as T });
          },
          onResponseError(_controller, error) {
            signal?.removeEventListener("abort", abort);
            reject(error);
          },
        },
      );
    });

  return {
    request,
    async ask(asked) {
      const answer = await request(asked);
      if (answer.status !== 200) {
        throw new Error(`${asked.method} ${asked.path}: ${answer.status} ${answer.text.slice(0, 200)}`);
      }
      return answer;
    },
    close: () => client.destroy(),
  };
}
