import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { bind } from "../../http/bind.ts";
import type { ListenerRow, SupervisorReport } from "./service.ts";

/** The daemon's answer to the command line. */
export type ControlAnswer =
  | { readonly ok: true; readonly report: SupervisorReport }
  | { readonly ok: false; readonly error: string };

export type ControlRequest = { readonly do: "status" } | { readonly do: "restart"; readonly service: string };

/** No daemon answers on the data folder's control socket. The message says what to do. */
export class ControlError extends Error {
  override name = "ControlError";
}

const longestRequest = 4_096;
const longestAnswer = 1_000_000;
const patienceMs = 30_000;

export function controlSocket(dataDir: string): string {
  return join(dataDir, "control.sock");
}

/** How the control socket stands in the table of listeners. */
export function controlListener(dataDir: string): ListenerRow {
  return {
    owner: "origin",
    address: `unix:${controlSocket(dataDir)}`,
    use: "The command line of this user.",
  };
}

/** A 0600 socket in the data folder: one request a connection, one line of JSON each way. It can restart, not run. */
export async function startControl(
  dataDir: string,
  answer: (request: ControlRequest) => Promise<ControlAnswer>,
): Promise<{ close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    socket.setTimeout(patienceMs, () => socket.destroy());
    void readLine(socket, longestRequest)
      .then(parseRequest)
      .then(answer)
      .catch((error: unknown): ControlAnswer => ({ ok: false, error: messageOf(error) }))
      .then((result) => socket.end(`${JSON.stringify(result)}\n`));
  });
  server.maxConnections = 8;
  await bind(server, { kind: "unix", path: controlSocket(dataDir) });
  // It must not keep the process alive on its own.
  server.unref();
  return {
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Asks the running daemon. Throws ControlError when none answers or it cannot do what was asked. */
export async function askDaemon(dataDir: string, request: ControlRequest): Promise<SupervisorReport> {
  const socket = connect(controlSocket(dataDir));
  socket.setTimeout(patienceMs, () => socket.destroy(new Error("it does not answer")));
  let line: string;
  try {
    socket.end(`${JSON.stringify(request)}\n`);
    line = await readLine(socket, longestAnswer);
  } catch (error) {
    throw new ControlError(
      `The daemon cannot be asked (${messageOf(error)}). Is it running? Start it with "burrow up".`,
    );
  } finally {
    socket.destroy();
  }
  const answer = JSON.parse(line) as ControlAnswer;
  if (!answer.ok) throw new ControlError(answer.error);
  return answer.report;
}

async function readLine(socket: Socket, longest: number): Promise<string> {
  let text = "";
  socket.setEncoding("utf8");
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    text += chunk as string;
    const end = text.indexOf("\n");
    if (end >= 0) return text.slice(0, end);
    if (text.length > longest) throw new Error("too long");
  }
  throw new Error("the connection ended early");
}

function parseRequest(line: string): ControlRequest {
  const value = JSON.parse(line) as { do?: unknown; service?: unknown };
  if (value.do === "status") return { do: "status" };
  if (value.do === "restart" && typeof value.service === "string")
    return { do: "restart", service: value.service };
  throw new Error("This daemon does not know that request. Is the command line of another version?");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
