// The thread in which senders are checked: hashing a big message takes a third of a second, on a phone several.
import { createReadStream } from "node:fs";
import { answerWork } from "../message/answer-work.ts";
import { authenticate } from "./authenticate.ts";
import type { AuthenticateRequest, LookUp } from "./authenticator.ts";
import { readSigned } from "./read-signed.ts";

answerWork(async ({ path, spf, ownDomain }: AuthenticateRequest, ask) => {
  const raw = createReadStream(path);
  try {
    const resolve = async (name: string, type: string) =>
      (await ask({ name, type } satisfies LookUp)) as string[][] | string[];
    return await authenticate(readSigned(raw), { spf, ownDomain, resolve });
  } finally {
    raw.destroy();
  }
});
