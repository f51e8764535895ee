/** Bodies that break readers of mail (RFC 2045). */
import { type Sample, base64, lines, mixed, multipart, part, sample, text } from "./make-sample.ts";

export const bodySamples: readonly Sample[] = [
  sample(
    "a charset that nobody knows",
    [["Content-Type", "text/plain; charset=x-unheard-of"]],
    "caf\xc3\xa9\r\n",
    { body: "café" },
  ),
  sample("octets that are not of the charset", [text], "caf\xe9 \xf0\x28\r\n", { body: "caf" }),
  sample(
    "UTF-7, which no browser reads either",
    [["Content-Type", "text/html; charset=utf-7"]],
    "+ADw-script+AD4-\r\n",
  ),
  sample(
    "UTF-16 with its mark",
    [
      ["Content-Type", "text/plain; charset=utf-16"],
      ["Content-Transfer-Encoding", "base64"],
    ],
    base64(Buffer.from("\ufeffTee", "utf16le")),
    { body: "Tee" },
  ),
  sample(
    "Shift_JIS, EUC-KR and GB18030",
    [mixed("b")],
    multipart(
      "b",
      part([["Content-Type", "text/plain; charset=shift_jis"]], "\x93\xfa\x96\x7b"),
      part([["Content-Type", "text/plain; charset=euc-kr"]], "\xc7\xd1\xb1\xdb"),
      part([["Content-Type", "text/plain; charset=gb18030"]], "\xd6\xd0\xce\xc4"),
    ),
    { body: "日本" },
  ),
  sample(
    "quoted-printable that is broken",
    [text, ["Content-Transfer-Encoding", "quoted-printable"]],
    "=C3=A4=\r\n=ZZ=4=\r\n==\r\nsoft=   \r\nend=",
    { body: "ä" },
  ),
  sample(
    "base64 with rubbish in it",
    [text, ["Content-Transfer-Encoding", "base64"]],
    "SGV!!!sbG8\r\n=====\r\nu",
    { body: "Hello" },
  ),
  sample(
    "encodings that are none",
    [text, ["Content-Transfer-Encoding", "x-rot13; 8bit, base64"]],
    "Uryyb\r\n",
  ),
  sample("a line of a million characters", [text], `${"a".repeat(1_000_000)}\r\n`),
  sample("200,000 empty lines", [text], "\r\n".repeat(200_000)),
  sample("types that are none", [
    ["Content-Type", ';;;=/"; charset'],
    ["Content-Disposition", '"=; filename*'],
  ]),
  sample("a hundred thousand parameters", [["Content-Type", `text/plain${"; a=b".repeat(100_000)}`]]),
  sample("uuencode in the text", [text], lines("begin 644 cat.txt", "#0V%T", "`", "end", ""), {
    body: "begin 644",
  }),
  sample("yEnc in the text", [text], lines("=ybegin line=128 size=1 name=x", "k", "=yend size=1", "")),
];
