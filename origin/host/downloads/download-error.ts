/** Why a download is not there. */
export type DownloadFault = keyof typeof sentences;

const sentences = {
  checksum:
    "What came is not what is pinned: its SHA-256 differs. It was deleted. Do not use it; find out which of the two is right.",
  "too-large": "What came is larger than is taken for it. It was deleted.",
  "cut-off":
    "The download broke off. Run the same command again: it goes on from there where the server allows it.",
  refused: "The server does not give it out.",
  "not-allowed": "This download leads to a host that is not listed for it.",
  "bad-answer": "The server's answer makes no sense.",
} as const;

/** A download that is not handed on. The message says what to do. */
export class DownloadError extends Error {
  override name = "DownloadError";
  readonly code: DownloadFault;

  constructor(code: DownloadFault, detail?: string, options?: ErrorOptions) {
    super(detail === undefined ? sentences[code] : `${sentences[code]} (${detail})`, options);
    this.code = code;
  }
}
