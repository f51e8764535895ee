import { PANIC_LEVELS, type PanicLevel } from "./panic.ts";

/** Header field with which the origin answers for each reply; the edge removes it. */
export const REPLY_HEADER = "burrow-reply";

const PROOFS = ["accepted", "stale", "refused"] as const;
const GUESSES = ["none", "ok", "failed"] as const;

/** What the origin made of the request's proof: this, not the status, tells its refusal from an application's own 401. */
export type ProofVerdict = (typeof PROOFS)[number];
/** Whether the request guessed at a secret, and how that ended. */
export type GuessVerdict = (typeof GUESSES)[number];

/** What the origin says beside each answer. */
export interface ReplyFacts {
  /** The origin's clock, unix milliseconds. */
  time: number;
  proof: ProofVerdict;
  /** In force at the origin. Meaningful only where `proof` is not `refused`: an unproved caller is told `none`. */
  panic: PanicLevel;
  guess: GuessVerdict;
}

/** Stands in the reply's base for the nonce of a request that carried none. */
export const NO_NONCE = "-";

/** The text under the reply's mac: bound to one request by its nonce, to one answer by its status. */
export function replyBase(nonce: string, status: number, facts: ReplyFacts): string {
  // Each value comes of a grammar without line ends, so two different replies never share a base.
  return (
    `burrow-reply v1\nnonce: ${nonce}\nstatus: ${status}\n` +
    `t: ${facts.time}\nproof: ${facts.proof}\npanic: ${facts.panic}\nguess: ${facts.guess}`
  );
}

/** The field's value; `mac` is base64 of HMAC-SHA256 over `replyBase`. */
export function formatReply(facts: ReplyFacts, mac: string): string {
  return `v=1, t=${facts.time}, proof=${facts.proof}, panic=${facts.panic}, guess=${facts.guess}, mac=:${mac}:`;
}

const FIELD = new RegExp(
  `^v=1, t=([1-9][0-9]{0,14}), proof=(${PROOFS.join("|")}), panic=(${PANIC_LEVELS.join("|")}), ` +
    `guess=(${GUESSES.join("|")}), mac=:([A-Za-z0-9+/]{43}=):$`,
);

/** Reads what `formatReply` wrote and nothing else; the mac is not yet verified. */
export function parseReply(field: string): { facts: ReplyFacts; mac: string } | undefined {
  const match = FIELD.exec(field);
  if (match === null) return undefined;
  const [, time, proof, panic, guess, mac = ""] = match;
  return {
    facts: {
      time: Number(time),
      proof: proof as ProofVerdict,
      panic: panic as PanicLevel,
      guess: guess as GuessVerdict,
    },
    mac,
  };
}
