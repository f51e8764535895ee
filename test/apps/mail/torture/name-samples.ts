/** Names of attachments (RFC 2183, 2231). */
import { type Sample, mixed, multipart, part, sample, text } from "./make-sample.ts";

export const nameSamples: readonly Sample[] = [
  sample(
    "a name in pieces and charsets",
    [mixed("b")],
    multipart(
      "b",
      part([text], "see"),
      part(
        [
          ["Content-Type", "application/pdf"],
          [
            "Content-Disposition",
            "attachment; filename*0*=utf-8'de'%C3%9Cber; filename*1=\"sicht\"; filename*2*=%20%E2%82%AC.pdf",
          ],
        ],
        "x",
      ),
    ),
    { attachments: ["Übersicht €.pdf"] },
  ),
  sample(
    "names that climb, hide and reverse",
    [mixed("b")],
    multipart(
      "b",
      part([text], "see"),
      ...[
        "../../etc/passwd",
        "C:\\\\evil.exe",
        "invoice.pdf\xe2\x80\xaexcod.exe",
        "",
        ".",
        "con",
        "a\0b",
        `${"n".repeat(5000)}.txt`,
      ].map((name) =>
        part(
          [
            ["Content-Type", "application/octet-stream"],
            ["Content-Disposition", `attachment; filename="${name}"`],
          ],
          "x",
        ),
      ),
    ),
  ),
  sample(
    "pieces of a name in the wrong order, twice and never",
    [["Content-Type", "application/x; name*1=b; name*0=a; name*0=c; name*9=z; name*=broken'"]],
    "x",
  ),
];
