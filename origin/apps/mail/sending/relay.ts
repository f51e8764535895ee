import { Readable } from "node:stream";
import { domainToASCII } from "node:url";
import type SmtpConnection from "nodemailer/lib/smtp-connection";
import type { RelayConfig } from "../../../config/config.ts";
import type { Outbound } from "../../../host/outbound/outbound.ts";

/** A message as the relay is given it. */
export interface Parcel {
  /** Empty: nobody is to be told of a failure. */
  readonly mailFrom: string;
  /** At most 100. */
  readonly recipients: readonly string[];
  /** Bytes. */
  readonly size: number;
  /** Whether there are octets above 127 in it. */
  readonly eightBit: boolean;
  readonly content: () => AsyncIterable<Uint8Array>;
  /** Awaited when all but the end of the message was said: from then on the relay may have it. */
  readonly beforeEnd: () => Promise<void>;
}

export interface Refusal {
  readonly address: string;
  /** With its code: 4xx may be tried again, 5xx not. */
  readonly reply: string;
}

export interface Receipt {
  readonly accepted: readonly string[];
  readonly refused: readonly Refusal[];
  /** To the message itself. */
  readonly reply: string;
}

/**
 * Why a message did not go. `message`: the relay refused it, whoever it is for. The others are of the relay itself and
 * hold for every message: it cannot be reached, it is not the one that it should be, or it refuses the sign-in.
 */
export type RelayFault = "message" | "unreachable" | "tls" | "auth";

export class RelayError extends Error {
  override name = "RelayError";
  readonly fault: RelayFault;
  /** An SMTP reply, the relay's own where it gave one. */
  readonly reply: string;
  constructor(fault: RelayFault, reply: string, cause?: unknown) {
    super(reply, { cause });
    this.fault = fault;
    this.reply = reply;
  }
}

/** The owner's relay: the one way for mail to leave (R4). One message at a time. */
export interface Relay {
  /** Throws RelayError, or what `content` and `beforeEnd` throw: the relay does not have the message then. */
  send(parcel: Parcel): Promise<Receipt>;
  /** Signs in and leaves again. Throws RelayError. */
  check(): Promise<void>;
  /** Says goodbye: there is nothing to send for now. */
  rest(): void;
  /** Hangs up. */
  close(): void;
}

const greetingMs = 30_000;
/** RFC 5321 §4.5.3.2 asks for ten minutes after the end of a message. */
const silenceMs = 10 * 60_000;

export function createRelay(options: {
  readonly relay: RelayConfig;
  /** What this server calls itself. */
  readonly domain: string;
  readonly password: string | undefined;
  readonly outbound: Pick<Outbound, "connect">;
}): Relay {
  const { relay, domain, password, outbound } = options;
  let current: SmtpConnection | undefined;
  let isClosed = false;
  /** Who waits for the relay: when we hang up ourselves, the library tells nobody. */
  const waiting = new Set<(error: RelayError) => void>();

  async function waitFor<T>(
    begin: (resolve: (value: T) => void, reject: (error: unknown) => void) => void,
  ): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    waiting.add(reject);
    try {
      begin(resolve, reject);
      return await promise;
    } finally {
      waiting.delete(reject);
    }
  }

  async function dial(): Promise<Awaited<ReturnType<Outbound["connect"]>>> {
    if (isClosed) throw stopping();
    const dialled = outbound.connect("relay", relay.host, relay.port);
    dialled.then(
      ({ socket }) => isClosed && socket.destroy(),
      () => undefined,
    );
    try {
      return await waitFor((resolve, reject) => void dialled.then(resolve, reject));
    } catch (error) {
      if (error instanceof RelayError) throw error;
      throw new RelayError("unreachable", "451 4.4.1 The relay cannot be reached.", error);
    }
  }

  async function open(): Promise<SmtpConnection> {
    const { host, port, security, user } = relay;
    const { socket, trust } = await dial();
    // Some 100 KB of code that a server without outgoing mail does not need.
    const { default: Connection } = await import("nodemailer/lib/smtp-connection");
    const connection = new Connection({
      connection: socket,
      host,
      port,
      name: domain,
      secure: security === "tls",
      // Without it the connection ends: nothing is ever said in clear text.
      requireTLS: security === "starttls",
      ignoreTLS: security === "none",
      tls: { ...trust, minVersion: "TLSv1.2" },
      greetingTimeout: greetingMs,
      socketTimeout: silenceMs,
    });
    try {
      await waitFor<void>((resolve, reject) => {
        connection.once("error", reject);
        connection.connect((error) => (error ? reject(error) : resolve()));
      });
      connection.on("error", () => undefined);
      if (user !== "") await signIn(connection, user);
    } catch (error) {
      connection.on("error", () => undefined);
      connection.close();
      throw toRelayError(error);
    }
    connection.once("end", () => {
      if (current === connection) current = undefined;
    });
    return connection;
  }

  async function signIn(connection: SmtpConnection, user: string): Promise<void> {
    if (password === undefined)
      throw new RelayError("auth", "451 4.7.0 The password of the relay is missing on this server.");
    await waitFor<void>((resolve, reject) => {
      connection.once("error", reject);
      connection.login({ user, pass: password }, (error) => (error ? reject(error) : resolve()));
    });
  }

  async function say(connection: SmtpConnection, parcel: Parcel): Promise<Receipt> {
    const { mailFrom, recipients, size, eightBit } = parcel;
    const asSent = new Map(recipients.map((address) => [toWire(address), address]));
    let broken: { error: unknown } | undefined;
    async function* content(): AsyncGenerator<Uint8Array> {
      try {
        yield* parcel.content();
        await parcel.beforeEnd();
      } catch (error) {
        broken = { error };
        throw error;
      }
    }
    const message = Readable.from(content(), { objectMode: false });
    const refusalsOf = (errors: readonly SmtpError[]): Refusal[] =>
      errors.map((error) => ({
        address: asSent.get(error.recipient ?? "") ?? "",
        reply: replyOf(error) ?? "550 5.0.0 Refused.",
      }));
    try {
      const envelope = { from: toWire(mailFrom), to: [...asSent.keys()], size, use8BitMime: eightBit };
      return await waitFor<Receipt>((resolve, reject) => {
        connection.send(envelope, message, (error, info) => {
          if (error || !info) return reject(error ?? new Error("There was no answer."));
          resolve({
            accepted: (info.accepted ?? []).map((address) => asSent.get(address) ?? ""),
            refused: refusalsOf((info.rejectedErrors ?? []) as SmtpError[]),
            reply: oneLine(info.response ?? "250 2.0.0 Ok"),
          });
        });
      });
    } catch (error) {
      // Whatever it was: where the conversation stands is not known well enough to go on with it.
      connection.close();
      message.destroy();
      if (broken) throw broken.error;
      const refused = refusalsOf((error as { rejectedErrors?: SmtpError[] }).rejectedErrors ?? []);
      const isHangUp = refused.some(({ reply }) => reply.startsWith("421"));
      if (refused.length > 0 && !isHangUp) return { accepted: [], refused, reply: "" };
      throw toRelayError(error);
    }
  }

  return {
    async send(parcel) {
      const used = current;
      if (!used) return await say((current = await open()), parcel);
      let hasEnded = false;
      const beforeEnd = async (): Promise<void> => {
        hasEnded = true;
        await parcel.beforeEnd();
      };
      try {
        return await say(used, { ...parcel, beforeEnd });
      } catch (error) {
        // Relays take only so many messages on one connection, or for so long.
        if (hasEnded || !(error instanceof RelayError) || error.fault !== "unreachable") throw error;
        return await say((current = await open()), parcel);
      }
    },
    async check() {
      const connection = await open();
      await waitFor<void>((resolve) => {
        connection.once("end", resolve);
        connection.quit();
      });
    },
    rest() {
      current?.quit();
      current = undefined;
    },
    close() {
      isClosed = true;
      current?.close();
      current = undefined;
      for (const reject of waiting) reject(stopping());
    },
  };
}

const stopping = (): RelayError => new RelayError("unreachable", "451 4.3.2 This server is stopping.");

interface SmtpError extends Error {
  readonly code?: string;
  /** Of the system's error whose code was replaced. */
  readonly originalCode?: string;
  readonly command?: string;
  readonly response?: string;
  readonly responseCode?: number;
  readonly recipient?: string;
}

/** A domain in its own letters has a form that every server takes (RFC 5891); a name before the @ has none. */
function toWire(address: string): string {
  const at = address.lastIndexOf("@");
  const domain = domainToASCII(address.slice(at + 1));
  return domain === "" ? address : `${address.slice(0, at)}@${domain}`;
}

function toRelayError(error: unknown): RelayError {
  if (error instanceof RelayError) return error;
  const { code, originalCode = "", command = "", responseCode } = error as SmtpError;
  const reply = replyOf(error as SmtpError);
  if (code === "EAUTH" || responseCode === 530)
    return new RelayError("auth", reply ?? "451 4.7.0 The relay refuses this server's sign-in.", error);
  if (code === "ETLS" || command === "STARTTLS" || /CERT|TLS|SSL|SIGN|ISSUER/.test(originalCode))
    return new RelayError(
      "tls",
      "451 4.7.5 No connection to the relay that could be trusted: its certificate or its encryption is wrong.",
      error,
    );
  const isOfMessage = ["MAIL FROM", "RCPT TO", "DATA"].includes(command) && responseCode !== 421;
  if (isOfMessage && reply !== undefined) return new RelayError("message", reply, error);
  if (code === "EMESSAGE")
    return new RelayError("message", "552 5.3.4 The message is larger than the relay takes.", error);
  if (code === "EENVELOPE")
    return new RelayError("message", "553 5.1.3 That is no address that could be written to.", error);
  return new RelayError("unreachable", reply ?? "451 4.4.2 The connection to the relay broke off.", error);
}

function replyOf({ response }: SmtpError): string | undefined {
  return response !== undefined && /^[245]\d\d/.test(response) ? oneLine(response) : undefined;
}

/** Replies of several lines say their code in each. */
function oneLine(reply: string): string {
  const [first = "", ...more] = reply.split(/\r?\n/);
  const text = [first.replace(/^(\d{3})-/, "$1 "), ...more.map((line) => line.replace(/^\d{3}[- ]?/, ""))];
  return text
    .join(" ")
    .replaceAll(/\p{Cc}/gu, " ")
    .slice(0, 500);
}
