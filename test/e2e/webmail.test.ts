/** The webmail in Chromium, through the real Worker. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import type { BrowserContext, Page } from "playwright-core";
import type { Program } from "../apps/mail/jmap/house.ts";
import { type BrowserHouse, openBrowserHouse } from "../apps/mail/webmail/browser-house.ts";
import { fileMessage, htmlMessage, plainMessage } from "../apps/mail/webmail/file-message.ts";
import { testHtmlMail } from "../apps/mail/webmail/html-mail.ts";
import { assertSound, chromiumPath } from "../support/chromium.ts";

const options = chromiumPath === undefined ? { skip: "skipped: no Chromium" } : { timeout: 110_000 };
/** Where somebody wants to look at the pages: BURROW_SCREENSHOTS=/tmp/shots. */
const shots = process.env["BURROW_SCREENSHOTS"];

let house: BrowserHouse;
let ada: Program;
let signedIn: BrowserContext;
const at = (path?: string): string => house.at(path);

before(
  async () => {
    if (chromiumPath === undefined) return;
    house = await openBrowserHouse();
    ({ ada, signedIn } = house);
  },
  { timeout: 110_000 },
);

beforeEach(() => house?.answers());

after(() => house?.close());

const live = (page: Page): Promise<unknown> =>
  page.locator("html[data-live=yes]").waitFor({ state: "attached" });

test("a message is listed, read, searched for, moved, and the move taken back", options, async () => {
  const { email } = await fileMessage(
    ada,
    plainMessage({ id: "lake@example.org", subject: "At the lake", text: "Bring the boat, Zoë." }),
  );
  assert.equal(house.arrivedAt, at("/box/m2"), "signing in leads back");
  const page = await signedIn.newPage();
  await page.goto(at());
  const line = page.locator("#rows li", { hasText: "At the lake" });
  assert.match((await line.getAttribute("class")) ?? "", /unread/);
  await line.getByRole("link").click();
  await page.getByText("Bring the boat, Zoë.").last().waitFor();
  const { list } = await ada.call("Email/get", { ids: [email], properties: ["keywords"] });
  assert.deepEqual(list[0].keywords, { $seen: true });

  await page.getByRole("searchbox").fill("boat subject:lake from:ben has:attachment");
  await page.keyboard.press("Enter");
  await page.getByText("No message holds that.").waitFor();
  await page.getByRole("searchbox").fill("boa subject:lake in:inbox after:2026-01-02");
  await page.keyboard.press("Enter");
  await page.locator("#rows .subject", { hasText: "At the lake" }).waitFor();
  assert.deepEqual(await page.locator("#rows mark").allTextContents(), ["lake", "boat"]);

  await page.goto(at());
  await line.getByRole("checkbox").check();
  await page.getByRole("button", { name: "Archive", exact: true }).click();
  await page.getByText("1 conversation archived.").waitFor();
  assert.equal(await line.count(), 0);
  await page.getByRole("button", { name: "Undo" }).click();
  await line.waitFor();
  await page.close();
});

test("a message with a file is written and sent, held, called back, and sent again", options, async () => {
  const page = await signedIn.newPage();
  await page.goto(at());
  await page.getByRole("link", { name: "Write" }).click();
  await page.getByLabel("To", { exact: true }).fill("Zoë <zoe@example.org>, carl@example.org");
  await page.getByLabel("Subject").fill("Grüße");
  await page.getByLabel("Message", { exact: true }).fill("With a file.\nAnd “quotes”.");
  await page.getByLabel("Attach files").setInputFiles({
    name: "plän.txt",
    mimeType: "text/plain",
    buffer: Buffer.from("the plan"),
  });
  await page.locator("#attachments").getByText("Leave out").waitFor();
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await page.getByText("Sent to 2 people.").waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByText("Taken back.").waitFor();
  assert.equal(await page.getByLabel("Subject").inputValue(), "Grüße");
  await page.locator("#attachments").getByText("plän.txt 8 B").waitFor();
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await page.getByText("Sent to 2 people.").waitFor();

  const { list } = await ada.call("EmailSubmission/get");
  assert.deepEqual(list.map((one: { undoStatus: string }) => one.undoStatus).toSorted(), [
    "canceled",
    "pending",
  ]);
  const { envelope, emailId, sendAt } = list.find(
    (one: { undoStatus: string }) => one.undoStatus === "pending",
  );
  assert.deepEqual(
    envelope.rcptTo.map((one: { email: string }) => one.email),
    ["zoe@example.org", "carl@example.org"],
  );
  assert.ok(Date.parse(sendAt) > Date.now());
  const { list: emails } = await ada.call("Email/get", {
    ids: [emailId],
    properties: ["to", "subject", "keywords", "attachments", "textBody", "bodyValues"],
    fetchTextBodyValues: true,
  });
  const [sent] = emails;
  assert.deepEqual(sent.to[0], { name: "Zoë", email: "zoe@example.org" });
  assert.deepEqual(sent.keywords, { $seen: true });
  assert.equal(sent.bodyValues["1"].value, "With a file.\nAnd “quotes”.\n");
  assert.equal(sent.attachments[0].name, "plän.txt");
  await page.goto(at("/box/m3"));
  await page.locator("#rows").getByText("Waiting").waitFor();
  await page.close();
});

test("what is written survives a closed tab, and is discarded and taken back", options, async () => {
  // Time is that of all pages of a window.
  const context = await house.openAlso({});
  const page = await context.newPage();
  await page.clock.install();
  await page.goto(at("/compose"));
  await page.getByLabel("Subject").fill("Half a thought");
  await page.getByLabel("Message", { exact: true }).fill("I was about to");
  await page.clock.runFor(1500);
  await page.getByText("Draft saved").waitFor();
  await context.close();

  const later = await signedIn.newPage();
  await later.goto(at("/box/m2"));
  await later.locator("#rows").getByText("Half a thought").click();
  assert.equal(await later.getByLabel("Message", { exact: true }).inputValue(), "I was about to");
  await later.getByRole("button", { name: "Discard" }).click();
  await later.getByText("1 draft moved to the trash.").waitFor();
  await later.getByRole("button", { name: "Undo" }).click();
  await later.goto(at("/box/m2"));
  await later.locator("#rows").getByText("Half a thought").waitFor();
  await later.close();
});

test(
  "who is signed out or offline while writing is told so, and what was written can still be sent",
  options,
  async () => {
    const context = await house.openAlso({});
    const page = await context.newPage();
    await page.goto(at("/compose?to=carl@example.org&subject=Late"));
    await page.getByLabel("Message", { exact: true }).fill("Written in time");
    const send = page.getByRole("button", { name: "Send", exact: true });
    const cookies = await context.cookies();
    await context.clearCookies();
    await send.click();
    await page.getByText("You are signed out.").waitFor();
    await context.addCookies(cookies);
    await context.route("**/jmap/session", (route) => route.abort());
    await send.click();
    await page.getByText("The server cannot be reached.").waitFor();
    await context.unroute("**/jmap/session");
    assert.equal(await page.getByLabel("Message", { exact: true }).inputValue(), "Written in time");
    await send.click();
    await page.getByText("Sent to carl@example.org.").waitFor();
    await context.close();
  },
);

test("an answer is quoted, goes to everybody, and joins the conversation", options, async () => {
  const { thread } = await fileMessage(
    ada,
    plainMessage({
      id: "tea@example.org",
      subject: "Tea",
      to: "ada@burrow.localhost, carl@example.org",
      text: "At five?",
    }),
  );
  const page = await signedIn.newPage();
  await page.goto(at());
  await page.locator("#rows li", { hasText: "Tea" }).getByRole("link").click();
  await page.getByText("At five?").last().waitFor();
  await page.keyboard.press("a");
  await page.getByRole("heading", { name: "Answer" }).waitFor();
  assert.equal(await page.getByLabel("To", { exact: true }).inputValue(), "Ben <ben@example.org>");
  assert.equal(await page.getByLabel("Cc", { exact: true }).inputValue(), "carl@example.org");
  assert.equal(await page.getByLabel("Subject").inputValue(), "Re: Tea");
  const body = page.getByLabel("Message", { exact: true });
  assert.match(await body.inputValue(), /Ben wrote:\n> At five\?$/);
  await body.press("Control+Home");
  await page.keyboard.type("Yes!");
  await page.keyboard.press("Control+Enter");
  await page.getByText("Sent to 2 people.").waitFor();
  const { list } = await ada.call("Thread/get", { ids: [thread] });
  assert.equal(list[0].emailIds.length, 2);
  const { list: emails } = await ada.call("Email/get", {
    ids: list[0].emailIds,
    properties: ["keywords", "inReplyTo"],
  });
  assert.deepEqual(
    emails.map(({ keywords }: { keywords: object }) => keywords),
    [{ $answered: true, $seen: true }, { $seen: true }],
  );
  assert.deepEqual(emails[1].inReplyTo, ["tea@example.org"]);
  await page.close();
});

test("the list follows what arrives, and the keyboard alone reads and sorts it", options, async () => {
  const page = await signedIn.newPage();
  await page.goto(at());
  await live(page);
  await fileMessage(ada, plainMessage({ subject: "Just now" }));
  await page.locator("#rows li", { hasText: "Just now" }).waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("s");
  await page.getByText("1 conversation flagged.").waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Just now" }).waitFor();
  await page.keyboard.press("#");
  await page.getByText("1 conversation moved to the trash.").waitFor();
  await page.keyboard.press("z");
  await page.getByText("Taken back.").waitFor();
  await page.keyboard.press("/");
  await page.getByRole("searchbox").and(page.locator(":focus")).waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  await page.getByRole("heading", { name: "Help" }).waitFor();
  await page.close();
});

test(
  "without script mail is read, written with a file, and put in a folder of one's own",
  options,
  async () => {
    const context = await house.openAlso({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(at("/folders"));
    await page.getByLabel("Name", { exact: true }).fill("Réceipts");
    await page.getByRole("button", { name: "Make it" }).click();
    await page.locator("#boxes").getByText("Réceipts").waitFor();
    await page.goto(at("/compose?to=carl@example.org&subject=Plain"));
    await page.getByLabel("Attach files").setInputFiles({
      name: "a.txt",
      mimeType: "text/plain",
      buffer: Buffer.from("a"),
    });
    await page.getByRole("button", { name: "Save draft" }).click();
    await page.locator("#attachments").getByText("a.txt 1 B").waitFor();
    await page.getByLabel("To", { exact: true }).fill("nobody");
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await page.getByText("“nobody” is no address.").waitFor();
    await page.getByLabel("To", { exact: true }).fill("carl@example.org");
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await page.getByText("Sent to carl@example.org.").waitFor();
    await page.goto(at());
    await page.locator("#rows li").first().getByRole("checkbox").check();
    await page.getByLabel("Move to").selectOption({ label: "Réceipts" });
    await page.getByRole("button", { name: "Move", exact: true }).click();
    await page.getByText("1 conversation moved to Réceipts.").waitFor();
    await context.close();
  },
);

/** A phone in daylight, a desk at night; all of them where somebody looks at the pictures. */
const looks =
  shots === undefined
    ? ([
        { width: 360, colorScheme: "light" },
        { width: 1280, colorScheme: "dark" },
      ] as const)
    : [360, 768, 1280].flatMap((width) =>
        (["light", "dark"] as const).map((colorScheme) => ({ width, colorScheme })),
      );

test("every page, on a phone and on a desk, by day and by night", options, async () => {
  const page = await signedIn.newPage();
  const picture = await fileMessage(
    ada,
    htmlMessage(
      `<h2>News</h2><p>From <a href="https://evil.example/">https://bank.example</a></p><img src="https://pictures.example/a.png" alt="a cat"><p>${"Words of a newsletter. ".repeat(40)}</p>`,
      "A newsletter with a subject that is too long for a line of a list on a phone",
    ),
  );
  for (const [name, path] of [
    ["inbox", "/"],
    ["thread", `/thread/${picture.thread}?from=/`],
    ["search", "/search?q=e"],
    ["search-none", "/search?q=before:never"],
    ["empty", "/box/m5"],
    ["sent", "/box/m3"],
    ["compose", "/compose?to=zoe@example.org"],
    ["folders", "/folders"],
    ["settings", "/settings"],
    ["rules", "/rules"],
    ["help", "/help"],
    ["gone", "/thread/t999"],
  ] as const) {
    await page.goto(at(path));
    if (name === "thread") await page.frameLocator("iframe").getByRole("heading", { name: "News" }).waitFor();
    for (const { width, colorScheme } of looks) {
      await page.setViewportSize({ width, height: 740 });
      await page.emulateMedia({ colorScheme });
      await assertSound(page);
      if (shots !== undefined)
        await page.screenshot({
          path: join(shots, `mail-${name}-${width}-${colorScheme}.png`),
          fullPage: true,
        });
    }
  }
  await page.goto(at(`/email/${picture.email}/frame`));
  await page.getByText("(leads to evil.example)").waitFor();
  await page.close();
});

test("no page has complained", options, () => assert.deepEqual(house.complaints, []));

testHtmlMail(() => house, options);
