import { UsageError } from "./command.ts";

/** More than any password: an endless input must not fill the memory. */
const longest = 4096;

/** The whole of standard input without its last line end. Throws UsageError when there is none. */
export async function readPassword(input: AsyncIterable<Uint8Array | string>): Promise<string> {
  let text = "";
  for await (const chunk of input) {
    text += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8");
    if (text.length > longest) throw new UsageError("The password on standard input is too long.");
  }
  const password = text.replace(/\r?\n$/, "");
  if (password === "") throw new UsageError("There is no password on standard input.");
  return password;
}
