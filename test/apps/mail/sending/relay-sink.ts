/** A relay that keeps what it is given: a real SMTP server on loopback. */
import { EventEmitter, once } from "node:events";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { SMTPServer, type SMTPServerOptions, type SMTPServerSession } from "smtp-server";

export interface Sunk {
  readonly from: string;
  readonly to: readonly string[];
  /** As it came, dots undone. */
  readonly raw: Buffer;
  /** Parameters of MAIL FROM. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

export interface RelaySink {
  readonly port: number;
  readonly messages: readonly Sunk[];
  /** Sessions so far, and sign-ins that were refused. */
  readonly sessions: () => number;
  readonly refusedSignIns: () => number;
  /** What it answers to a recipient, and to a message; 250 where that is nothing. Changed by tests. */
  answers: { recipient?: (address: string) => string | undefined; message?: () => string | undefined };
  /** Waits until so many messages have come. */
  arrived(count: number): Promise<void>;
  close(): Promise<void>;
}

export const account = { user: "burrow", password: "a password of the relay" };

export async function startRelaySink(
  t: { after(work: () => unknown): void },
  options: SMTPServerOptions & { readonly port?: number } = {},
): Promise<RelaySink> {
  const messages: Sunk[] = [];
  const events = new EventEmitter();
  let sessions = 0;
  let refusedSignIns = 0;
  const sink: RelaySink = {
    port: 0,
    messages,
    sessions: () => sessions,
    refusedSignIns: () => refusedSignIns,
    answers: {},
    async arrived(count) {
      while (messages.length < count) await once(events, "message");
    },
    async close() {
      await new Promise<void>((resolve) => server.close(resolve));
    },
  };
  const { port = 0, ...more } = options;
  const server = new SMTPServer({
    disabledCommands: more.key === undefined ? ["STARTTLS"] : [],
    allowInsecureAuth: true,
    closeTimeout: 100,
    logger: false,
    size: 30_000_000,
    onConnect(_session, done) {
      sessions += 1;
      done();
    },
    onAuth({ username, password }, _session, done) {
      if (username === account.user && password === account.password) return done(null, { user: username });
      refusedSignIns += 1;
      done(refusal("535 5.7.8 Wrong user or password"));
    },
    onRcptTo({ address }, _session, done) {
      done(refusal(sink.answers.recipient?.(address)));
    },
    onData(stream, session: SMTPServerSession, done) {
      buffer(stream).then((raw) => {
        const answer = refusal(sink.answers.message?.());
        if (answer) return done(answer);
        const { mailFrom, rcptTo } = session.envelope;
        const from = mailFrom === false ? { address: "", args: {} } : mailFrom;
        messages.push({
          from: from.address,
          to: rcptTo.map(({ address }) => address),
          raw,
          parameters: from.args === false ? {} : from.args,
        });
        done();
        events.emit("message");
      }, done);
    },
    ...more,
  });
  server.on("error", () => undefined);
  const listening = server.listen(port, "127.0.0.1");
  await once(listening, "listening");
  t.after(() => sink.close());
  return Object.assign(sink, { port: (listening.address() as AddressInfo).port });
}

/** `450 4.2.1 Later` as an error that the server answers with. */
function refusal(answer: string | undefined): Error | null {
  if (answer === undefined) return null;
  return Object.assign(new Error(answer.slice(4)), { responseCode: Number(answer.slice(0, 3)) });
}
