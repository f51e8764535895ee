import type { EmailFields } from "../mailbox/email-fields.ts";

/** A message as the mailbox knows it: read once, in a thread of its own, and kept beside the raw bytes. */
export interface Message {
  readonly root: BodyPart;
  /** The decoded text parts by their part id, each at most `longestText`. */
  readonly texts: Readonly<Record<string, DecodedText>>;
  /** Of what a person would read: at most 256 characters, no line breaks. */
  readonly preview: string;
  readonly hasAttachment: boolean;
  /** What the search looks through beside the header fields: the text of all text parts, without markup. */
  readonly searchText: string;
  /** What of its header lists show and threads go by. */
  readonly fields: EmailFields;
}

/** A part of a message, leaf or multipart (RFC 8621 §4.1.4). */
export interface BodyPart {
  /** Null of a multipart. Numbers as IMAP has them: `1`, `2.1`. */
  readonly partId: string | null;
  readonly headers: readonly HeaderField[];
  /** Lower case, without parameters. */
  readonly type: string;
  readonly charset: string | null;
  readonly disposition: string | null;
  readonly name: string | null;
  /** Without angle brackets. */
  readonly cid: string | null;
  readonly language: readonly string[] | null;
  readonly location: string | null;
  /** Bytes, decoded. Zero of a multipart. */
  readonly size: number;
  readonly subParts: readonly BodyPart[] | null;
}

/** One header field, in the order of the message. */
export interface HeaderField {
  readonly name: string;
  /** As it stands after the colon, folded and encoded; octets that are no UTF-8 are replaced. */
  readonly value: string;
}

export interface DecodedText {
  readonly value: string;
  /** The charset was unknown, or the octets were none of it. */
  readonly isEncodingProblem: boolean;
  readonly isTruncated: boolean;
}

/** Characters of one text part that are kept; what is longer is read again from the raw bytes by whoever asks. */
export const longestText = 256 * 1024;

/** The bytes cannot be read as a message at all, or reading them takes too much. The message is kept as it came. */
export class UnreadableMessageError extends Error {
  override name = "UnreadableMessageError";
  readonly code: "no-message" | "too-costly";
  constructor(code: UnreadableMessageError["code"], message: string) {
    super(message);
    this.code = code;
  }
}
