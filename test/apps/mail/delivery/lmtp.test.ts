/** What arrives is handed to a local mail server by LMTP, however often that takes. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { SMTPServer } from "smtp-server";
import { createHandOvers } from "../../../../origin/apps/mail/delivery/hand-over.ts";
import type { ListenAddress } from "../../../../origin/config/config.ts";
import { createDelivery } from "../../../../origin/apps/mail/delivery/deliver.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { letter, openDelivery } from "./open-delivery.ts";

interface Taken {
  from: string;
  to: string[];
  raw: string;
}

async function startLmtpServer(t: { after(work: () => unknown): void }, path?: string) {
  const taken: Taken[] = [];
  const refusals: Error[] = [];
  const server = new SMTPServer({
    lmtp: true,
    disabledCommands: ["AUTH", "STARTTLS"],
    onData(stream, { envelope }, done) {
      stream.toArray().then((pieces: Buffer[]) => {
        const refusal = refusals.shift();
        if (refusal) return done(refusal);
        taken.push({
          from: envelope.mailFrom ? envelope.mailFrom.address : "",
          to: envelope.rcptTo.map(({ address }) => address),
          raw: Buffer.concat(pieces).toString("latin1"),
        });
        done(null, "taken");
      }, done);
    },
  });
  const listening = path === undefined ? server.listen(0, "127.0.0.1") : server.listen(path);
  await once(listening, "listening");
  t.after(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const target: ListenAddress =
    path === undefined
      ? { kind: "tcp", host: "127.0.0.1", port: (listening.address() as AddressInfo).port }
      : { kind: "unix", path };
  return { target, taken, refusals };
}

const silent = { warn() {}, error() {} };

test("each message is handed over as it came, by TCP and by socket", async (t) => {
  const house = await openDelivery(t);
  const { mail, arrive, releaseBlob, clock } = house;
  for (const path of [undefined, join(temporaryFolder(t), "lmtp")]) {
    const { target, taken } = await startLmtpServer(t, path);
    const { database, blobs } = mail;
    const handOvers = createHandOvers({ database, blobs, target, now: () => clock.now, log: silent });
    t.after(() => handOvers.close());
    const delivery = createDelivery({ ...mail, handOvers });
    const arrival = await arrive(`${letter({ Subject: String(path) })}\n.leading dot\n`, {
      recipient: "Ada+x@example.org",
    });
    await delivery.deliver(arrival, () => void releaseBlob.run(arrival.hash));
    const bounce = await arrive(letter(), { mailFrom: "", recipient: "abuse@example.org", results: "" });
    await delivery.deliver(bounce, () => void releaseBlob.run(bounce.hash));
    await handOvers.settle();
    assert.deepEqual(
      taken.map(({ from, to }) => [from, to]),
      [
        ["friend@example.com", ["ada+x@example.org"]],
        ["", ["ada@example.org"]],
      ],
    );
    const kept = await mail.blobs.open(arrival.hash);
    assert.equal(taken[0]?.raw, (await kept!.stream.toArray()).join(""));
    assert.deepEqual(handOvers.state(), { waiting: 0, failing: 0, error: null });
  }
});

test("a server that refuses or is not there is asked again, also after a restart", async (t) => {
  const { mail, arrive, clock } = await openDelivery(t);
  const { database, blobs } = mail;
  const nowhere: ListenAddress = { kind: "unix", path: join(temporaryFolder(t), "nobody") };
  const open = (target: ListenAddress) =>
    createHandOvers({ database, blobs, target, now: () => clock.now, log: silent });
  const first = open(nowhere);
  const arrival = await arrive(letter());
  await database.write((transaction) => first.add(transaction, { ...arrival, account: 0 }));
  await first.settle();
  assert.deepEqual([first.state().waiting, first.state().failing], [1, 1]);
  assert.match(first.state().error ?? "", /ENOENT/);
  await first.close();

  const { target, taken, refusals } = await startLmtpServer(t);
  refusals.push(Object.assign(new Error("mailbox busy"), { responseCode: 450 }));
  const second = open(target);
  t.after(() => second.close());
  await second.settle();
  assert.equal(taken.length, 0, "not before its time");
  clock.now += 60_000;
  await second.settle();
  assert.match(second.state().error ?? "", /mailbox busy/);
  clock.now += 60_000;
  await second.settle();
  assert.equal(taken.length, 0, "the pause doubles");
  clock.now += 60_000;
  await second.settle();
  assert.equal(taken.length, 1);
  assert.equal(second.state().waiting, 0);
});
