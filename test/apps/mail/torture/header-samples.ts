/** Headers that break readers of mail (RFC 2047, 2231, 5322, 6532). */
import { type Sample, octets, sample, text, utf8 } from "./make-sample.ts";

export const headerSamples: readonly Sample[] = [
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
];
