/** How the messages of the corpus are put together. */

export interface Sample {
  readonly name: string;
  /** The raw bytes; made when they are needed. */
  readonly raw: () => Buffer;
  /** What whoever reads it sees: the subject and words of the body. */
  readonly subject?: string | null;
  readonly body?: string;
  /** Names of its attachments. */
  readonly attachments?: readonly (string | null)[];
  /** It cannot be filed, and is kept aside. */
  readonly unreadable?: true;
}

export type Fields = readonly (readonly [string, string])[];

const usual: Fields = [
  ["From", "A Friend <friend@example.com>"],
  ["To", "ada@example.org"],
  ["Date", "Mon, 30 Nov 2026 07:00:00 +0000"],
  ["Message-ID", "<torture@example.com>"],
  ["MIME-Version", "1.0"],
];

/** Octets by their number, as they go over the wire. */
export const octets = (text: string): Buffer => Buffer.from(text, "latin1");
export const lines = (...list: string[]): string => list.join("\r\n");

export function message(fields: Fields, body: string | Buffer = "Hello.\r\n"): Buffer {
  const own = new Set(fields.map(([name]) => name.toLowerCase()));
  const all = [...usual.filter(([name]) => !own.has(name.toLowerCase())), ...fields];
  const head = all.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.concat([octets(`${head}\r\n`), typeof body === "string" ? octets(body) : body]);
}

export const sample = (
  name: string,
  fields: Fields,
  body?: string | Buffer,
  expected: Omit<Sample, "name" | "raw"> = {},
): Sample => ({ name, raw: () => message(fields, body), ...expected });

export const part = (fields: Fields, body: string): string =>
  lines(...fields.map(([name, value]) => `${name}: ${value}`), "", body);
export const multipart = (boundary: string, ...parts: string[]): string =>
  `${parts.map((one) => `--${boundary}\r\n${one}\r\n`).join("")}--${boundary}--\r\n`;
export const mixed = (boundary: string): readonly [string, string] => [
  "Content-Type",
  `multipart/mixed; boundary="${boundary}"`,
];
export const text: readonly [string, string] = ["Content-Type", "text/plain; charset=utf-8"];
export const html: readonly [string, string] = ["Content-Type", "text/html; charset=utf-8"];
export const utf8 = (value: string): string => Buffer.from(value).toString("latin1");
export const base64 = (value: string | Buffer): string =>
  Buffer.from(value)
    .toString("base64")
    .replaceAll(/.{1,76}/g, "$&\r\n");
