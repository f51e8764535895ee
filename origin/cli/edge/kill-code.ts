import { createHash, randomBytes } from "node:crypto";
import { formatKillCode, KILL_CODE_BYTES, readKillCode } from "../../../shared/kill-code.ts";
import { answer, type Command } from "../command.ts";
import { openConfig } from "../open-members.ts";
import { findLostIds, lostCommand } from "./lost-ids.ts";

/** A fresh code, and what the Worker is told of it. */
export function makeKillCode(): { code: string; hash: string } {
  const code = formatKillCode(randomBytes(KILL_CODE_BYTES));
  return {
    code,
    hash: createHash("sha256")
      .update(readKillCode(code) ?? "")
      .digest("hex"),
  };
}

export const edgeKillCode: Command = {
  name: "edge kill-code",
  usage: "",
  summary:
    "Makes the code, to print, by which you shut the server off from any browser when the device is lost.",
  words: 0,
  async run(invocation) {
    const config = openConfig(invocation);
    const { code, hash } = makeKillCode();
    const url = `${config.publicUrl}/.burrow/lost`;
    const ids = findLostIds(config);
    const lost = lostCommand(ids);
    const next = [`echo ${hash} | npx wrangler secret put KILL_CODE_HASH --name ${ids.worker}`];
    answer(invocation, { code, hash, url, lost, next }, [
      "Print this or write it down, and keep it where the device is not. It is shown once and kept nowhere here.",
      "",
      "  When the device is lost or stolen",
      `  1. In any browser:  ${url}`,
      `     Kill code:       ${code}`,
      "  2. At a computer with this repository and your Cloudflare login:",
      `     ${lost}`,
      "  3. docs/recovery.md, “The device is lost”, tells the rest.",
      "",
      "The Worker is told the code's hash only. Now, and again after each new code:",
      ...next.map((line) => `  ${line}`),
    ]);
    return 0;
  },
};
