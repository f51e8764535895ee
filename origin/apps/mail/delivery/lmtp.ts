import { connect } from "node:net";
import type { Readable } from "node:stream";
import type { ListenAddress } from "../../../config/config.ts";

/** One message, for one recipient, to a mail server of this machine (RFC 2033). */
export interface LmtpMessage {
  readonly target: ListenAddress;
  readonly mailFrom: string;
  readonly recipient: string;
  readonly raw: Readable;
  /** Bytes. */
  readonly size: number;
  readonly patienceMs: number;
  readonly signal: AbortSignal;
}

/** Resolves once the server has taken it; throws what it said instead. */
export async function sendByLmtp(message: LmtpMessage): Promise<void> {
  const { default: SMTPConnection } = await import("nodemailer/lib/smtp-connection");
  const { target, mailFrom, recipient, raw, size, patienceMs, signal } = message;
  const socket = connect(
    target.kind === "unix" ? { path: target.path } : { host: target.host, port: target.port },
  );
  const connection = new SMTPConnection({
    lmtp: true,
    connection: socket,
    name: "localhost",
    ignoreTLS: true,
    greetingTimeout: patienceMs,
    socketTimeout: patienceMs,
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const give = (error: Error | null | undefined): void => (error ? reject(error) : resolve());
  const stop = (): void => reject(new Error("Burrow is stopping."));
  signal.addEventListener("abort", stop);
  connection.once("error", reject);
  connection.once("end", () => reject(new Error("The local server hung up.")));
  socket.once("error", reject);
  socket.once("connect", () =>
    connection.connect((error) => {
      if (error) return reject(error);
      connection.send({ from: mailFrom, to: [recipient], size }, raw, (failure, info) =>
        give(failure ?? info.rejectedErrors?.[0]),
      );
    }),
  );
  try {
    await promise;
    connection.quit();
  } catch (error) {
    connection.close();
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
    raw.destroy();
  }
}
