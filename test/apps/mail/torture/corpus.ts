/** Messages as nobody should send them, each made here: what breaks readers of mail. */
import { deflateRawSync } from "node:zlib";
import { mxss } from "./mxss.ts";

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

type Fields = readonly (readonly [string, string])[];

const usual: Fields = [
  ["From", "A Friend <friend@example.com>"],
  ["To", "ada@example.org"],
  ["Date", "Mon, 30 Nov 2026 07:00:00 +0000"],
  ["Message-ID", "<torture@example.com>"],
  ["MIME-Version", "1.0"],
];

/** Octets by their number, as they go over the wire. */
const octets = (text: string): Buffer => Buffer.from(text, "latin1");
const lines = (...list: string[]): string => list.join("\r\n");

function message(fields: Fields, body: string | Buffer = "Hello.\r\n"): Buffer {
  const own = new Set(fields.map(([name]) => name.toLowerCase()));
  const all = [...usual.filter(([name]) => !own.has(name.toLowerCase())), ...fields];
  const head = all.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.concat([octets(`${head}\r\n`), typeof body === "string" ? octets(body) : body]);
}

const sample = (
  name: string,
  fields: Fields,
  body?: string | Buffer,
  expected: Omit<Sample, "name" | "raw"> = {},
): Sample => ({ name, raw: () => message(fields, body), ...expected });

const part = (fields: Fields, body: string): string =>
  lines(...fields.map(([name, value]) => `${name}: ${value}`), "", body);
const multipart = (boundary: string, ...parts: string[]): string =>
  `${parts.map((one) => `--${boundary}\r\n${one}\r\n`).join("")}--${boundary}--\r\n`;
const mixed = (boundary: string): readonly [string, string] => [
  "Content-Type",
  `multipart/mixed; boundary="${boundary}"`,
];
const text: readonly [string, string] = ["Content-Type", "text/plain; charset=utf-8"];
const html: readonly [string, string] = ["Content-Type", "text/html; charset=utf-8"];
const utf8 = (value: string): string => Buffer.from(value).toString("latin1");
const base64 = (value: string | Buffer): string =>
  Buffer.from(value)
    .toString("base64")
    .replaceAll(/.{1,76}/g, "$&\r\n");

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

function nested(depth: number): string {
  let body = part([text], "the innermost");
  for (let level = depth; level > 0; level -= 1)
    body = part([mixed(`b${level}`)], multipart(`b${level}`, body));
  return body;
}

export const corpus: readonly Sample[] = [
  // Headers (RFC 2047, 2231, 5322, 6532).
  sample(
    "encoded words that split a character",
    [["Subject", "=?utf-8?B?R3LDvA==?= =?utf-8?B?w58=?=\r\n =?utf-8?Q?e_?=\r\n =?iso-8859-1?Q?=FCber?="]],
    undefined,
    { subject: "Grüße über" },
  ),
  sample(
    "words of several charsets",
    [["Subject", "=?iso-2022-jp?B?GyRCRnxLXBsoQg==?= =?koi8-r?B?8NLJ18XU?= =?windows-1252?Q?=80?="]],
    undefined,
    { subject: "日本Привет€" },
  ),
  sample("a word in a charset that nobody knows", [["Subject", "=?x-unheard-of?Q?abc?="]]),
  sample("encoded words that are none", [
    ["Subject", "=?utf-8?B?????= =?utf-8?X?abc?= =?utf-8?Q?=ZZ=?= =?utf-8?Q?open"],
  ]),
  sample(
    "eight bits in the header",
    [
      ["Subject", utf8("Übermut 🫖")],
      ["From", utf8("Zoë <zoë@exämple.com>")],
    ],
    undefined,
    {
      subject: "Übermut 🫖",
    },
  ),
  sample("octets that are no UTF-8 in the header", [["Subject", "caf\xe9 \xff\xfe"]]),
  sample("NULs everywhere", [["Subject", "a\0b"], ["X-\0", "\0"], text], "c\0d\0\r\n", { body: "c" }),
  sample("a header of 900 KiB", [["X-Long", "x".repeat(900 * 1024)]], undefined, { body: "Hello." }),
  sample("a header of over 1 MiB", [["X-Long", "x".repeat(1024 * 1024 + 10)]], undefined, {
    unreadable: true,
  }),
  sample(
    "ten thousand fields",
    Array.from({ length: 10_000 }, (_, index) => [`X-${index}`, "y"] as const),
  ),
  sample("ten thousand recipients", [
    [
      "To",
      Array.from({ length: 10_000 }, (_, index) => `"R ${index}" <r${index}@example.net>`).join(",\r\n "),
    ],
  ]),
  sample("groups, comments, quotes and routes among addresses", [
    [
      "To",
      'Team: ada@example.org, "B, \\"en\\"" <ben@example.org>;, undisclosed:;, <@a,@b:c@example.net>, (a (b) c) d@example.net',
    ],
    ["Cc", ',,;;<>@@, =?utf-8?Q?=2C?= <x@example.net>, "open'],
  ]),
  sample(
    "two of every field",
    [
      ["From", "a@example.com"],
      ["From", "b@example.com"],
      ["Subject", "one"],
      ["Subject", "two"],
      ["Date", "yesterday"],
      ["Date", "Mon, 30 Nov 2026 07:00:00 +0000"],
      ["Message-ID", "<1@x>"],
      ["Message-ID", "<2@x>"],
    ],
    undefined,
    { subject: "two" },
  ),
  ...[
    "",
    "0",
    "Mon, 99 Foo 2026 99:99:99 +9999",
    "Thu, 01 Jan 1970 00:00:00 +0000",
    "Fri, 31 Dec 99999 23:59:59 -2359",
    "30 Nov 26 07:00 EST",
    "2026-11-30T07:00:00Z",
    "Mon, 30 Nov 2026 07:00:00 +0000 (a (b)",
    "\xff",
  ].map((date) => sample(`the date "${date}"`, [["Date", date]])),
  sample("ids of any kind", [
    ["Message-ID", "no brackets"],
    ["References", `${"<a@b> ".repeat(5000)}<<>>< ><@>`],
    ["In-Reply-To", "<a@b\r\n c>"],
  ]),
  sample("fields without a colon, and with nothing else", [
    ["Subject", "x\r\nno colon here\r\n: empty name\r\n\t folded onto nothing"],
  ]),
  { name: "no header", raw: () => octets("\r\njust a body\r\n"), body: "just a body" },
  { name: "nothing but a line end", raw: () => octets("\r\n") },
  { name: "nothing", raw: () => Buffer.alloc(0) },
  {
    name: "a header without an end",
    raw: () => octets("From: a@example.com\r\nSubject: cut off"),
    subject: "cut off",
  },
  {
    name: "an mbox line first",
    raw: () => octets("From a@example.com Mon Nov 30 07:00:00 2026\r\nSubject: mbox\r\n\r\nx\r\n"),
    subject: "mbox",
  },
  {
    name: "a byte order mark first",
    raw: () => octets("\xef\xbb\xbfFrom: a@example.com\r\nSubject: bom\r\n\r\nx\r\n"),
    subject: "bom",
  },
  {
    name: "bare line feeds",
    raw: () => octets("From: a@example.com\nSubject: unix\n\nbody\n"),
    subject: "unix",
    body: "body",
  },
  { name: "bare carriage returns", raw: () => octets("From: a@example.com\rSubject: mac\r\rbody\r") },
  {
    name: "line ends of all kinds",
    raw: () => octets("From: a@example.com\r\r\nSubject: mix\n\r\n\rbody\n\r\n"),
  },
  {
    name: "octets by chance",
    raw: () => Buffer.from(Array.from({ length: 50_000 }, (_, at) => (at * 7919 + (at >> 3)) & 255)),
  },

  // Bodies (RFC 2045).
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

  // Names of attachments (RFC 2183, 2231).
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

  // Multiparts (RFC 2046).
  sample("200 multiparts in one another", [mixed("top")], multipart("top", nested(200)), {
    body: "the innermost",
  }),
  sample(
    "1,100 parts",
    [mixed("b")],
    multipart("b", ...Array.from({ length: 1100 }, () => part([text], "x"))),
    { unreadable: true },
  ),
  sample(
    "900 parts",
    [mixed("b")],
    multipart("b", ...Array.from({ length: 900 }, (_, at) => part([text], `p${at}`))),
  ),
  sample("no end boundary", [mixed("b")], lines("--b", part([text], "still here")), { body: "still here" }),
  sample("a boundary that never comes", [mixed("b")], "all of it\r\n"),
  sample("no boundary at all", [["Content-Type", "multipart/mixed"]], "plain then\r\n", {
    body: "plain then",
  }),
  sample(
    "an empty boundary",
    [["Content-Type", 'multipart/mixed; boundary=""']],
    multipart("", part([text], "x")),
  ),
  sample(
    "a boundary of 10,000 characters",
    [mixed("b".repeat(10_000))],
    multipart("b".repeat(10_000), part([text], "x")),
  ),
  sample(
    "a boundary that begins another",
    [mixed("b")],
    multipart("b", part([mixed("bb")], multipart("bb", part([text], "inner"))), part([text], "outer")),
    { body: "inner" },
  ),
  sample(
    "the same boundary within itself",
    [mixed("b")],
    multipart("b", part([mixed("b")], multipart("b", part([text], "x")))),
  ),
  sample(
    "boundaries with spaces behind, and none in front",
    [mixed("b")],
    "--b  \t\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--  \r\n--b\r\n\r\nafter the end",
  ),
  sample(
    "a preamble and an epilogue",
    [mixed("b")],
    `before\r\n${multipart("b", part([text], "the body"))}after\r\n`,
    { body: "the body" },
  ),
  sample("a multipart of no parts", [mixed("b")], "--b--\r\n"),
  sample(
    "an alternative without a kind that anybody knows",
    [["Content-Type", "multipart/alternative; boundary=b"]],
    multipart("b", part([["Content-Type", "application/x-unknown"]], "x")),
  ),
  sample(
    "related without a start",
    [["Content-Type", 'multipart/related; boundary=b; start="<none>"']],
    multipart(
      "b",
      part([html], '<img src="cid:one">'),
      part(
        [
          ["Content-Type", "image/png"],
          ["Content-ID", "<one>"],
          ["Content-Transfer-Encoding", "base64"],
        ],
        base64("png"),
      ),
    ),
  ),
  sample(
    "a partial and an external body",
    [mixed("b")],
    multipart(
      "b",
      part([["Content-Type", 'message/partial; id="x"; number=2; total=3']], "piece"),
      part(
        [["Content-Type", 'message/external-body; access-type=URL; URL="https://evil.example/beacon"']],
        "Content-Type: image/gif\r\n\r\n",
      ),
    ),
  ),

  // What is inside.
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
  sample("a megabyte of quotes", [text], `${`${">".repeat(1000)}\r\n`.repeat(1000)}`),
  sample("a subject of many prefixes", [["Subject", `${"Re: [list] Fwd: AW[2]: ".repeat(2000)}x`]]),
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
