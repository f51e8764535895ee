import { type DecodedText, longestText } from "./message.ts";

/** The text of a part, from its decoded octets and the charset that it names. Line ends are line feeds. */
export function decodeText(octets: Uint8Array, charset: string | undefined): DecodedText {
  const { text, isEncodingProblem } = toText(octets, charset);
  const lines = text.replaceAll("\r\n", "\n");
  // Not in the midst of a character.
  const value = lines.slice(0, longestText).replace(/[\ud800-\udbff]$/, "");
  return { value, isEncodingProblem, isTruncated: value.length < lines.length };
}

function toText(
  octets: Uint8Array,
  charset: string | undefined,
): { text: string; isEncodingProblem: boolean } {
  const named = charset?.toLowerCase() ?? "us-ascii";
  const strict = decoderFor(named, true);
  try {
    if (strict) return { text: strict.decode(octets), isEncodingProblem: false };
  } catch {
    // What the octets are not is known now; what they are is guessed below.
  }
  const loose = decoderFor(named, false) ?? new TextDecoder("utf-8");
  return { text: loose.decode(octets), isEncodingProblem: true };
}

type Decoder = InstanceType<typeof TextDecoder>;

/** Undefined for a charset that nobody knows. ASCII is read as UTF-8: programs that send more mean that. */
function decoderFor(charset: string, fatal: boolean): Decoder | undefined {
  try {
    return new TextDecoder(charset === "us-ascii" || charset === "ascii" ? "utf-8" : charset, { fatal });
  } catch {
    return undefined;
  }
}
