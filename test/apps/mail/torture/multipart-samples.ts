/** Multiparts that break readers of mail (RFC 2046). */
import { type Sample, base64, html, lines, mixed, multipart, part, sample, text } from "./make-sample.ts";

function nested(depth: number): string {
  let body = part([text], "the innermost");
  for (let level = depth; level > 0; level -= 1)
    body = part([mixed(`b${level}`)], multipart(`b${level}`, body));
  return body;
}

export const multipartSamples: readonly Sample[] = [
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
];
