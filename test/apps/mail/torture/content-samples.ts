/** What is inside of messages, and is not opened here. */
import { deflateRawSync } from "node:zlib";
import {
  type Sample,
  base64,
  html,
  lines,
  message,
  mixed,
  multipart,
  part,
  sample,
  text,
} from "./make-sample.ts";
import { mxss } from "./mxss.ts";

/** A zip whose one file is so many zeros. */
function zipBomb(bytes: number): Buffer {
  const packed = deflateRawSync(Buffer.alloc(bytes), { level: 9 });
  const name = Buffer.from("zeros");
  const head = Buffer.alloc(30);
  head.writeUInt32LE(0x04034b50);
  head.writeUInt16LE(20, 4);
  head.writeUInt16LE(8, 8);
  head.writeUInt32LE(packed.length, 18);
  head.writeUInt32LE(bytes, 22);
  head.writeUInt16LE(name.length, 26);
  return Buffer.concat([head, name, packed]);
}

export const contentSamples: readonly Sample[] = [
  sample(
    "a message in a message in a message",
    [mixed("b")],
    multipart(
      "b",
      part([text], "see below"),
      part(
        [["Content-Type", "message/rfc822"]],
        message(
          [
            ["Subject", "inner"],
            ["Content-Type", "message/rfc822"],
          ],
          message([["Subject", "innermost"]]).toString("latin1"),
        ).toString("latin1"),
      ),
    ),
    { body: "see below", attachments: [null] },
  ),
  sample(
    "a report of a failure",
    [["Content-Type", "multipart/report; report-type=delivery-status; boundary=b"]],
    multipart(
      "b",
      part([text], "could not"),
      part(
        [["Content-Type", "message/delivery-status"]],
        "Reporting-MTA: dns; x\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n",
      ),
      part([["Content-Type", "text/rfc822-headers"]], "Subject: x\r\n"),
    ),
    { body: "could not" },
  ),
  sample(
    "a signed message",
    [
      [
        "Content-Type",
        'multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary=b',
      ],
    ],
    multipart(
      "b",
      part([text], "signed words"),
      part(
        [
          ["Content-Type", "application/pkcs7-signature; name=smime.p7s"],
          ["Content-Transfer-Encoding", "base64"],
          ["Content-Disposition", "attachment; filename=smime.p7s"],
        ],
        base64("no signature at all"),
      ),
    ),
    { body: "signed words", attachments: ["smime.p7s"] },
  ),
  sample(
    "an encrypted message",
    [
      ["Content-Type", "application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m"],
      ["Content-Transfer-Encoding", "base64"],
    ],
    base64("ciphertext"),
    { attachments: ["smime.p7m"] },
  ),
  sample(
    "OpenPGP",
    [["Content-Type", 'multipart/encrypted; protocol="application/pgp-encrypted"; boundary=b']],
    multipart(
      "b",
      part([["Content-Type", "application/pgp-encrypted"]], "Version: 1"),
      part([["Content-Type", "application/octet-stream; name=encrypted.asc"]], "-----BEGIN PGP MESSAGE-----"),
    ),
  ),
  sample(
    "TNEF",
    [mixed("b")],
    multipart(
      "b",
      part([text], "see"),
      part(
        [
          ["Content-Type", "application/ms-tnef; name=winmail.dat"],
          ["Content-Disposition", "attachment; filename=winmail.dat"],
          ["Content-Transfer-Encoding", "base64"],
        ],
        base64(Buffer.from([0x78, 0x9f, 0x3e, 0x22, 0xff, 0xff, 0xff, 0xff, 0xff])),
      ),
    ),
    { body: "see", attachments: ["winmail.dat"] },
  ),
  sample(
    "an invitation",
    [["Content-Type", "multipart/alternative; boundary=b"]],
    multipart(
      "b",
      part([text], "come"),
      part(
        [["Content-Type", "text/calendar; method=REQUEST; charset=utf-8"]],
        lines(
          "BEGIN:VCALENDAR",
          "METHOD:REQUEST",
          "BEGIN:VEVENT",
          "RRULE:FREQ=SECONDLY;COUNT=999999999",
          "DTSTART;TZID=/evil/../tz:20261130T070000",
          "END:VCALENDAR",
          "",
        ),
      ),
    ),
    { body: "come" },
  ),
  {
    name: "a zip that unpacks to a thousand times its size",
    raw: () =>
      message(
        [mixed("b")],
        multipart(
          "b",
          part([text], "open me"),
          part(
            [
              ["Content-Type", "application/zip"],
              ["Content-Disposition", "attachment; filename=bomb.zip"],
              ["Content-Transfer-Encoding", "base64"],
            ],
            base64(zipBomb(32 * 1024 * 1024)),
          ),
        ),
      ),
    body: "open me",
    attachments: ["bomb.zip"],
  },
  sample(
    "an SVG and an HTML file as pictures",
    [mixed("b")],
    multipart(
      "b",
      part([text], "look"),
      part(
        [["Content-Type", "image/svg+xml; name=a.svg"]],
        '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
      ),
      part(
        [
          ["Content-Type", "image/png; name=a.html"],
          ["Content-Disposition", "inline; filename=a.html"],
        ],
        "<script>alert(1)</script>",
      ),
    ),
  ),
  sample("every vector of HTML", [html], `${mxss.join("\r\n")}\r\nthe end of it\r\n`, {
    body: "the end of it",
  }),
  sample("HTML of 100,000 open elements", [html], `${"<div>".repeat(100_000)}deep inside\r\n`),
  sample("HTML of 40,000 open elements", [html], `${"<b>".repeat(40_000)}deep inside\r\n`, {
    body: "deep inside",
  }),
  sample("HTML of 40,000 attributes", [html], `<p ${"a=b ".repeat(40_000)}>wide</p>\r\n`, { body: "wide" }),
  sample(
    "a megabyte of entities and brackets",
    [html],
    `${"<<&lt;&&#x;&#999999999999;<!".repeat(40_000)}\r\n`,
  ),
  sample("a megabyte of quotes", [text], `${">".repeat(1000)}\r\n`.repeat(1000)),
  sample("a subject of many prefixes", [["Subject", `${"Re: [list] Fwd: AW[2]: ".repeat(2000)}x`]]),
];
