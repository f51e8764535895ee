import assert from "node:assert/strict";

import type { MatrixClient } from "matrix-js-sdk";
import {
  type ShowSasCallbacks,
  VerificationPhase,
  type VerificationRequest,
  type Verifier,
} from "matrix-js-sdk/lib/crypto-api/index.js";

/** Two devices of one person compare emoji, all of it by messages between devices, until both trust each other. */
export async function verifyBySas(asking: MatrixClient, asked: MatrixClient): Promise<void> {
  const received = new Promise<VerificationRequest>((resolve) => {
    asked.once("crypto.verificationRequestReceived" as never, resolve as never);
  });
  await asking.getCrypto()?.userHasCrossSigningKeys(asking.getSafeUserId(), true);
  const outgoing = await asking.getCrypto()?.requestOwnUserVerification();
  assert.ok(outgoing);
  const incoming = await received;
  await incoming.accept();
  await reached(outgoing, VerificationPhase.Ready);

  const first = await outgoing.startVerification("m.sas.v1");
  const firstShown = shown(first);
  const firstDone = first.verify();
  await reached(incoming, VerificationPhase.Started);
  const second = incoming.verifier;
  assert.ok(second);
  const secondShown = shown(second);
  const secondDone = second.verify();
  const [one, other] = await Promise.all([firstShown, secondShown]);
  assert.deepEqual(one.sas.emoji, other.sas.emoji);
  await Promise.all([one.confirm(), other.confirm()]);
  await Promise.all([firstDone, secondDone]);
  await Promise.all([reached(outgoing, VerificationPhase.Done), reached(incoming, VerificationPhase.Done)]);
}

const shown = (verifier: Verifier): Promise<ShowSasCallbacks> =>
  new Promise((resolve) => verifier.once("show_sas" as never, resolve as never));

async function reached(request: VerificationRequest, phase: VerificationPhase): Promise<void> {
  while (request.phase < phase) {
    await new Promise<void>((resolve) => request.once("change" as never, (() => resolve()) as never));
  }
}
