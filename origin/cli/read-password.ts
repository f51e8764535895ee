import { UsageError } from "./command.ts";

/** More than any password or token: an endless input must not fill the memory. */
const longest = 4096;

type Input = AsyncIterable<Uint8Array | string>;

/** The whole of standard input without its last line end. Throws UsageError when there is none. */
export function readPassword(input: Input): Promise<string> {
  return readSecretInput(input, "password");
}

/** As `readPassword`, for a secret that is called otherwise. */
export async function readSecretInput(input: Input, what: string): Promise<string> {
  let text = "";
  for await (const chunk of input) {
    text += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8");
    if (text.length > longest) throw new UsageError(`The ${what} on standard input is too long.`);
  }
  const secret = text.replace(/\r?\n$/, "");
  if (secret === "") throw new UsageError(`There is no ${what} on standard input.`);
  return secret;
}
