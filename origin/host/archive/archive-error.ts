/** Why an archive is refused; one sentence for each is in `sentences`. */
export type ArchiveErrorCode = keyof typeof sentences;

const sentences = {
  "unknown-format": "It is not a zip, tar, tar.gz or tar.zst archive.",
  "wrong-format": "It is not the kind of archive that it was given as.",
  truncated: "It ends too early. Copy or download it again.",
  damaged: "It is damaged: its structure makes no sense.",
  checksum: "A checksum in it does not match its content. Copy or download it again.",
  "trailing-data": "Something follows its end.",
  "hidden-data": "It holds bytes that belong to no entry.",
  "header-mismatch": "It describes the same entry in two different ways.",
  "size-mismatch": "An entry is larger or smaller than the archive says.",
  overlap: "Two entries share the same bytes.",
  encrypted: "It is encrypted. Unpack it where you know its password, and pack it again without one.",
  unsupported: "It uses a feature that is not accepted here. Pack it again with an ordinary program.",
  "archive-too-large": "The archive is larger than is accepted here.",
  "file-too-large": "A file in it is larger than is accepted here.",
  "total-too-large": "Its files together are larger than is accepted here.",
  "too-many-entries": "It holds more files and folders than are accepted here.",
  ratio: "Its content grows far more than ordinary files do.",
  "too-deep": "Its folders are nested deeper than is accepted here.",
  "path-too-long": "A name in it is longer than is accepted here.",
  "absolute-path": "A name in it is absolute, so that it would leave the folder.",
  "parent-path": "A name in it contains .., so that it would leave the folder.",
  "bad-name": "A name in it is empty, is not proper text, or contains a character that is not accepted.",
  link: "It contains a link. Only files and folders are accepted.",
  "special-file": "It contains a device, a pipe or a socket. Only files and folders are accepted.",
  duplicate: "It contains the same name twice.",
  "name-collision": "Two names in it differ only in case or in how their accents are written.",
  "file-and-folder": "The same name in it is a file and a folder.",
  "destination-in-use": "The folder to unpack into is not an empty folder.",
} as const;

/** An archive that is refused as a whole. `message` is a sentence for people; `code` is for programs. */
export class ArchiveError extends Error {
  override name = "ArchiveError";
  readonly code: ArchiveErrorCode;
  /** The entry's name as the archive gives it, shortened and with no control characters. */
  readonly entry: string | undefined;

  constructor(code: ArchiveErrorCode, entry?: string, options?: ErrorOptions) {
    const shown = entry === undefined ? undefined : printable(entry);
    super(`The archive is refused. ${sentences[code]}${shown === undefined ? "" : ` (${shown})`}`, options);
    this.code = code;
    this.entry = shown;
  }
}

/** A hostile name must not draw on a terminal or turn a log line around. */
function printable(name: string): string {
  const short = name.length > 120 ? `${name.slice(0, 120)}…` : name;
  return short.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, "\u{fffd}");
}
