import { lstatSync } from "node:fs";
import { type NetConnectOpts, Socket } from "node:net";
import { type Dispatcher, Pool } from "undici";
import type { ListenAddress } from "../../config/config.ts";
import { freeWritten } from "./free-written.ts";

/** The connections to one app. */
export interface Upstream {
  dispatch(request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void;
  /** Cuts what is open. */
  close(): Promise<void>;
}

/** Why no connection is made to the app's socket. */
export class UnsafeSocketError extends Error {
  override readonly name = "UnsafeSocketError";
}

const connectMs = 5_000;
/** Cloudflare gives up after 100 s without an answer: ours, which says what is wrong, comes before. */
const headMs = 90_000;
const headBytes = 32_768;

/**
 * Opens connections when they are needed, and keeps them while the app does. `closedOnly`: a Unix socket that others
 * could connect to is not used (G9).
 */
export function openUpstream(options: {
  address: ListenAddress;
  connections: number;
  closedOnly: boolean;
  /** How long the app may take for the head of an answer; for tests. */
  patienceMs?: number;
}): Upstream {
  const { address, connections, closedOnly, patienceMs = headMs } = options;
  const where: NetConnectOpts =
    address.kind === "tcp" ? { host: address.host, port: address.port } : { path: address.path };
  const pool = new Pool("http://upstream", {
    connections,
    pipelining: 1,
    headersTimeout: patienceMs,
    // An event stream may be silent for hours. Whoever waits in vain for more leaves, and that ends it.
    bodyTimeout: 0,
    maxHeaderSize: headBytes,
    connect: (_options, callback) => {
      if (closedOnly && address.kind === "unix" && isOpenToOthers(address.path)) {
        callback(new UnsafeSocketError(`${address.path} can be used by other apps: chmod 600 it`), null);
      } else dial(where, callback);
    },
  });
  return {
    dispatch: (request, handler) => void pool.dispatch(request, handler),
    close: () => pool.destroy(),
  };
}

/** Whether somebody else than its owner may connect: writing is what that takes (unix(7)). */
export function isOpenToOthers(path: string): boolean {
  return ((lstatSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o022) !== 0;
}

/** What is written to it was read for that alone: bodies of requests, and what comes once a connection has left HTTP. */
class AppSocket extends Socket {
  override _write(
    chunk: Uint8Array | string,
    encoding: BufferEncoding,
    callback: (error?: Error | null) => void,
  ): void {
    const free = typeof chunk === "string" ? undefined : freeWritten(chunk);
    const done: typeof callback = (error) => {
      free?.(error);
      callback(error);
    };
    super._write(chunk, encoding, free ? done : callback);
  }
}

function dial(where: NetConnectOpts, callback: (...outcome: [null, Socket] | [Error, null]) => void): void {
  const socket = new AppSocket();
  const late = setTimeout(() => {
    socket.destroy(Object.assign(new Error("The app takes no connection."), { code: "ETIMEDOUT" }));
  }, connectMs);
  const failed = (error: Error): void => {
    clearTimeout(late);
    callback(error, null);
  };
  socket.once("error", failed);
  socket.once("connect", () => {
    clearTimeout(late);
    socket.off("error", failed);
    callback(null, socket);
  });
  socket.setNoDelay(true);
  socket.connect(where);
}
