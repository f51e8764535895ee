import { renewEdgeKey } from "../../config/rotate-secret.ts";
import { answer, type Command } from "../command.ts";
import { openConfig } from "../open-members.ts";
import { makeKillCode } from "./kill-code.ts";
import { deleteSecret, putSecret } from "./wrangler.ts";

export const edgeRecover: Command = {
  name: "edge recover",
  usage: "",
  summary: "After “edge lost”: gives this device a new key, tells the edge, and opens it again.",
  words: 0,
  async run(invocation) {
    const config = openConfig(invocation);
    const { worker } = config.edge;
    const { code, hash } = makeKillCode();
    // The edge is opened last: by then nothing that the lost device has is good there.
    await putSecret(invocation, worker, { name: "EDGE_KEY", value: renewEdgeKey(config.dataDir) });
    await putSecret(invocation, worker, { name: "KILL_CODE_HASH", value: hash });
    await deleteSecret(invocation, worker, "PANIC");
    const next = ["Restart Burrow: it reads its secrets when it starts.", "burrow doctor"];
    answer(invocation, { worker, code, next }, [
      `The Worker ${worker} believes this device alone, and is open again.`,
      `The new kill code, for paper: ${code}`,
      "Next:",
      ...next.map((line) => `  ${line}`),
    ]);
    return 0;
  },
};
