import { dkimRecord, newDkimKey, readDkimKey } from "../config/dkim-key.ts";
import { readOptionalSecret, writeSecret } from "../config/secrets.ts";
import { answer, type Command, CommandError } from "./command.ts";
import { openConfig } from "./open-members.ts";

/** DNS servers take a TXT record in pieces of at most 255 characters (RFC 1035 §3.3.14). */
const longestPiece = 255;

export const mailDkim: Command = {
  name: "mail dkim",
  usage: "",
  summary: "Shows the DNS record of the key that signs mail; makes the key where there is none.",
  words: 0,
  async run(invocation) {
    const { dataDir, mail } = openConfig(invocation);
    if (!mail) throw new CommandError("Mail is off: burrow config set mail.enabled true");
    if (mail.dkimSelector === "") {
      throw new CommandError(
        'Your relay signs mail, commonly. To sign it here: burrow config set mail.dkim_selector burrow, then "burrow mail dkim" again.',
      );
    }
    const known = readOptionalSecret(dataDir, "mail-dkim-key");
    const line = known ?? (await newDkimKey());
    if (known === undefined) writeSecret(dataDir, "mail-dkim-key", line);
    const { name, value } = dkimRecord(readDkimKey(line, mail.dkimSelector), mail.domain);
    const pieces = value.match(new RegExp(`.{1,${longestPiece}}`, "g")) ?? [];
    answer(invocation, { name, type: "TXT", value, made: known === undefined }, [
      ...(known === undefined ? ["A key was made. Restart Burrow once the record is in DNS."] : []),
      "Write into DNS, as one record (Cloudflare's dashboard takes it whole and without the quotes):",
      `  name   ${name}`,
      "  type   TXT",
      `  value  ${pieces.map((piece) => `"${piece}"`).join(" ")}`,
    ]);
    return 0;
  },
};
