/** What a client could send that no client should: values, bodies, path parameters and queries. */

/** A piece of JSON text that JSON.stringify would not write. */
class Raw {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  toJSON(): string {
    return `\u0000${this.text}\u0000`;
  }
}

/** Below the first level: one of each kind. */
const innerValues: readonly unknown[] = [null, -1, 1.5, "", new Raw('"\\ud800"'), [], { x: [1] }];

/** JSON, with raw pieces as they are. */
export const hostileJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll(/"\\u0000(.*?)\\u0000"/g, (_, text: string) =>
    text.replaceAll('\\"', '"').replaceAll("\\\\", "\\"),
  );

const values: readonly unknown[] = [
  null,
  0,
  -1,
  1.5,
  2 ** 53,
  new Raw("1e400"),
  "",
  "x",
  "\u0000",
  new Raw('"\\ud800"'),
  "\u{1f98a}".repeat(300),
  [],
  [[null]],
  ["x", 1],
  {},
  new Raw('{"__proto__":{"polluted":1},"constructor":1}'),
  { x: { x: [1.5, "\u0000"] } },
];

/** The body with one value exchanged at a time, down to the third level. */
export function mutationsOf(body: unknown): string[] {
  const found: string[] = [];
  exchange(body, 3, (changed) => found.push(hostileJson(changed)));
  return found;
}

function exchange(value: unknown, depth: number, emit: (changed: unknown) => void): void {
  if (depth === 0 || typeof value !== "object" || value === null) return;
  for (const [key, part] of Object.entries(value)) {
    const put = (changed: unknown): void =>
      emit(
        Array.isArray(value)
          ? value.map((item, at) => (String(at) === key ? changed : item))
          : { ...value, [key]: changed },
      );
    for (const hostile of depth === 3 ? values : innerValues) put(hostile);
    exchange(part, depth - 1, put);
  }
}

/** The fields of a form, one of them spoiled at a time. */
export function spoiledForms(fields: Readonly<Record<string, string>>): string[] {
  const odd = [
    "",
    "\u0000",
    "__proto__",
    "\ud800",
    "<script>",
    "\r\nx: y",
    "x".repeat(9000),
    "\u{1f98a}".repeat(300),
  ];
  const forms = Object.keys(fields).flatMap((name) => odd.map((value) => ({ ...fields, [name]: value })));
  return [...forms.map((form) => new URLSearchParams(form).toString()), "%zz=%ff&=&&%00", "name=a&name=b"];
}

const megabytes = (count: number): string => `{"x":"${"x".repeat(count * 1024 * 1024)}"}`;
const nested = (depth: number): string => `{"x":${'{"x":'.repeat(depth)}1${"}".repeat(depth)}}`;
const nestedLists = (depth: number): string => `{"x":${"[".repeat(depth)}${"]".repeat(depth)}}`;

export interface HostileBody {
  readonly body: string | Uint8Array;
  readonly chunked?: boolean;
  readonly headers?: Record<string, string>;
}

/** For every operation. */
export const anyBodies: readonly HostileBody[] = [
  { body: "" },
  { body: "", chunked: true },
  { body: "null" },
  { body: "[]" },
  { body: "[{}]" },
  { body: '"x"' },
  { body: "1e400" },
  { body: "{" },
  { body: "}" },
  { body: "{'a':1}" },
  { body: '{"a":1,}' },
  { body: "\ufeff{}" },
  { body: "{}\u0000" },
  { body: '{"a":NaN}' },
  { body: '{"__proto__":{"admin":true},"constructor":{"prototype":{}},"toString":1,"hasOwnProperty":0}' },
  { body: '{"a":1,"a":"2","a":{}}' },
  { body: nested(10_000) },
  { body: nestedLists(10_000) },
  { body: Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0x22, 0x7d]) },
  { body: Buffer.from([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d]), chunked: true },
  { body: Buffer.from('{"a":1}', "utf16le") },
  { body: "{}", headers: { "content-type": "text/plain" } },
  { body: "{}", headers: { "content-type": "application/x-www-form-urlencoded" } },
  { body: "a=b&c=%zz&%00=%ff", headers: { "content-type": "application/x-www-form-urlencoded" } },
  { body: "--x\r\n\r\n--x--", headers: { "content-type": "multipart/form-data; boundary=x" } },
  { body: "{}", headers: { "content-type": "\u00e9/\u00e9; charset=\u00ff" } },
  { body: "{}", headers: { "content-encoding": "gzip" } },
  { body: "{}", chunked: true },
];

/** Too large by the length that they tell, and without one. */
export const largeBodies: readonly HostileBody[] = [
  { body: megabytes(5) },
  { body: megabytes(5), chunked: true },
];

/** What stands in a path in the place of any parameter. */
export const anyParameters: readonly string[] = [
  "x",
  "%00",
  "%zz",
  "%",
  "%2F",
  "%2F%2F",
  "%ff%fe",
  "%ED%A0%80",
  "%F0%9F%A6%8A",
  "a".repeat(4000),
  "%F0%9F%A6%8A".repeat(300),
  "__proto__",
  "constructor",
  "hasOwnProperty",
  "%7B%7D",
  "-1",
  "1e9",
  "9007199254740993",
  "'%20OR%201=1;--",
  "%3Cscript%3E",
  "%0d%0aset-cookie:a=b",
];

/** Queries for every operation: each names what one of them knows. */
export const anyQueries: readonly string[] = [
  "limit=-1",
  "limit=1e9",
  "limit=99999999999999999999",
  "limit=",
  "dir=x",
  "dir=b&limit=0",
  "dir=b&from=garbage",
  "dir=f&from=s-1",
  "dir=b&from=s999999999999999",
  "dir=f&to=s0_0_0",
  "dir=b&filter={",
  "dir=b&filter=[]",
  "dir=b&filter=null",
  'dir=b&filter={"limit":-1}',
  'dir=b&filter={"limit":1e400}',
  'dir=b&filter={"types":["*"],"not_types":[1]}',
  'dir=b&filter={"types":"x","senders":{}}',
  'dir=b&filter={"rooms":["x"]}',
  'dir=b&filter={"related_by_rel_types":[{}]}',
  "since=s-1",
  "since=s1.5",
  "since=s999999999999999_1_1",
  "since=s0",
  "since=%00",
  "timeout=abc",
  "timeout=-1",
  "timeout=1e9&since=x",
  "full_state=maybe",
  "use_state_after=2",
  "filter=0",
  "filter=99",
  "filter=__proto__",
  "filter={",
  'filter={"room":[]}',
  'filter={"room":{"timeline":{"limit":"10"}}}',
  'filter={"event_fields":["__proto__.x","constructor","content.__proto__"]}',
  'filter={"event_format":"x"}',
  "at=x",
  "at=s0",
  "membership=x&not_membership=y",
  "from=x&to=y",
  "from=s0&to=s0",
  "ts=NaN",
  "recurse=1",
  "format=x",
  "username=",
  "username=%00",
  "username=%F0%9F%A6%8A",
  "token=",
  "token=%00%ff",
  "before=x&after=y",
  "kind=guest",
  "kind=x",
  "access_token=x",
  "user_id=@ben:burrow.localhost",
  "%",
  "&&==&",
  "%zz=%00",
  "__proto__=x&constructor=y",
].map((query) => query.replaceAll(/[{}"[\]*]/g, encodeURIComponent));
