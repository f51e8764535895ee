/** Messages as nobody should send them, each made here: what breaks readers of mail. */
import { bodySamples } from "./body-samples.ts";
import { contentSamples } from "./content-samples.ts";
import { headerSamples } from "./header-samples.ts";
import { multipartSamples } from "./multipart-samples.ts";
import { nameSamples } from "./name-samples.ts";
import { message, mixed, multipart, part, type Sample, text } from "./make-sample.ts";

export const corpus: readonly Sample[] = [
  ...headerSamples,
  ...bodySamples,
  ...nameSamples,
  ...multipartSamples,
  ...contentSamples,
];

/** A message with an attachment of so many bytes, as it goes over the wire. */
export function withAttachment(bytes: number): Buffer {
  const line = `${"QUJD".repeat(19)}\r\n`;
  const body = line.repeat(Math.ceil((bytes * 4) / 3 / 76));
  return message(
    [mixed("b"), ["Subject", "large"]],
    multipart(
      "b",
      part([text], "with a file"),
      part(
        [
          ["Content-Type", "application/octet-stream; name=large.bin"],
          ["Content-Disposition", "attachment; filename=large.bin"],
          ["Content-Transfer-Encoding", "base64"],
        ],
        body,
      ),
    ),
  );
}
