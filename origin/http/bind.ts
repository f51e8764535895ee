import { lstatSync, unlinkSync } from "node:fs";
import { type AddressInfo, connect, type Server } from "node:net";
import type { ListenAddress } from "../config/config.ts";

/** The listener cannot be opened. The message says what to do. */
export class BindError extends Error {
  override name = "BindError";
}

/** Where a listener really is; `text` is `127.0.0.1:8090` or `unix:/path`. */
export type BoundAddress = ListenAddress & { readonly text: string };

/** Binds to loopback or to a Unix socket that only its owner may open. */
export async function bind(server: Server, listen: ListenAddress): Promise<BoundAddress> {
  if (listen.kind === "tcp") {
    await listening(server, listen, { host: listen.host, port: listen.port });
    const { address, port, family } = server.address() as AddressInfo;
    return {
      kind: "tcp",
      host: address,
      port,
      text: family === "IPv6" ? `[${address}]:${port}` : `${address}:${port}`,
    };
  }
  await removeDeadSocket(listen.path);
  // The mode is the umask's from the first moment: a chmod afterwards would leave a gap to connect in. The umask is
  // the whole process's, so it is set only while node binds, which it does before `listen` returns.
  const before = process.umask(0o177);
  let bound: Promise<void>;
  try {
    bound = listening(server, listen, { path: listen.path });
  } finally {
    process.umask(before);
  }
  await bound;
  return { ...listen, text: `unix:${listen.path}` };
}

function listening(
  server: Server,
  listen: ListenAddress,
  where: { host: string; port: number } | { path: string },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => reject(new BindError(explain(error, listen)));
    server.once("error", failed);
    server.listen(where, () => {
      server.off("error", failed);
      resolve();
    });
  });
}

function explain(error: NodeJS.ErrnoException, listen: ListenAddress): string {
  const where = listen.kind === "tcp" ? `${listen.host}:${listen.port}` : listen.path;
  if (error.code === "EADDRINUSE") {
    return `Something else listens on ${where} already. Stop it, or change "listen" in burrow.toml.`;
  }
  return `Cannot listen on ${where}: ${error.message}`;
}

/** A killed process leaves its socket behind. One that somebody answers on, or that is no socket, stays. */
async function removeDeadSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket())
    throw new BindError(`${path} is in the way of the socket and is none. Move it away.`);
  if (await answers(path)) {
    throw new BindError(
      `Another process listens on ${path}. Stop it, or choose another socket for "listen".`,
    );
  }
  unlinkSync(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
