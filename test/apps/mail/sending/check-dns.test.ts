/** What doctor finds in the DNS of the mail domain, and says to write there. No name is asked: the records are the test's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkDns, type MailRecords } from "../../../../origin/apps/mail/sending/check-dns.ts";
import { dkimRecord, newDkimKey, readDkimKey } from "../../../../origin/config/dkim-key.ts";

const domain = "example.org";
const relay = { host: "relay.example.net", port: 465, user: "burrow", security: "tls" } as const;
const key = readDkimKey(await newDkimKey(), "burrow");
const own = dkimRecord(key, domain);
const config = { domain, relay, relaySpf: "include:spf.example.net" };
const routes = [1, 2, 3].map((at) => ({ exchange: `route${at}.mx.cloudflare.net` }));

function records(texts: Record<string, string[][]>, mx: { exchange: string }[] = []): MailRecords {
  const none = (): never => {
    throw Object.assign(new Error("none"), { code: "ENODATA" });
  };
  return {
    resolveMx: async () => (mx.length === 0 ? none() : mx),
    resolveTxt: async (name) => texts[name] ?? none(),
  };
}

const statuses = async (found: MailRecords, more: Partial<typeof config> = {}): Promise<string[]> =>
  (await checkDns({ config: { ...config, ...more }, key, records: found })).map(
    ({ name, status }) => `${name} ${status}`,
  );

test("all is well: long records in pieces, capital letters and other records beside them", async () => {
  const right = records(
    {
      [domain]: [
        ["some-proof=1"],
        ["v=spf1 include:_spf.mx.cloudflare.net ", "INCLUDE:spf.example.net ~all"],
      ],
      [`_dmarc.${domain}`]: [["v=DMARC1; p=none"]],
      [own.name]: [[own.value.slice(0, 255), own.value.slice(255)]],
    },
    routes.map(({ exchange }) => ({ exchange: exchange.toUpperCase() })),
  );
  assert.deepEqual(await statuses(right), ["MX ok", "SPF ok", "DKIM ok", "DMARC ok"]);
});

test("each that is missing or wrong has what to write where", async () => {
  const other = readDkimKey(await newDkimKey(), "burrow");
  const wrong = records(
    {
      [domain]: [["v=spf1 include:_spf.mx.cloudflare.net ~all"]],
      [own.name]: [[dkimRecord(other, domain).value]],
    },
    [...routes, { exchange: "mail.elsewhere.example" }],
  );
  const rows = await checkDns({ config, key, records: wrong });
  assert.deepEqual(
    rows.map(({ name, status }) => `${name} ${status}`),
    ["MX warning", "SPF warning", "DKIM warning", "DMARC warning"],
  );
  const mends = Object.fromEntries(rows.map(({ name, mend }) => [name, mend]));
  assert.match(
    mends["SPF"] ?? "",
    /"v=spf1 include:_spf\.mx\.cloudflare\.net include:spf\.example\.net ~all"/,
  );
  assert.match(mends["DKIM"] ?? "", /burrow\._domainkey\.example\.org/);
  assert.match(mends["DMARC"] ?? "", /_dmarc\.example\.org: "v=DMARC1; p=/);
  assert.deepEqual(await statuses(records({})), [
    "MX warning",
    "SPF warning",
    "DKIM warning",
    "DMARC warning",
  ]);
  const two = records({ [domain]: [["v=spf1 -all"], ["v=spf1 ~all"]] });
  assert.equal((await statuses(two))[1], "SPF warning");
});

test("a resolver that does not answer is no missing record", async () => {
  const silent: MailRecords = {
    resolveMx: () => Promise.reject(Object.assign(new Error("late"), { code: "ETIMEOUT" })),
    resolveTxt: () => Promise.reject(Object.assign(new Error("late"), { code: "ETIMEOUT" })),
  };
  const rows = await checkDns({ config, key: undefined, records: silent });
  assert.deepEqual(
    rows.map(({ detail }) => detail),
    Array(3).fill("DNS did not answer."),
  );
});
