/** R5: HTML mail in a real browser. Nothing that it holds runs, asks for anything, or reaches the page around it. */
import assert from "node:assert/strict";
import { before, describe, test, type TestOptions } from "node:test";
import type { BrowserContext, Page } from "playwright-core";
import { mxss } from "../torture/mxss.ts";
import type { BrowserHouse } from "./browser-house.ts";
import { fileMessage, fileMessages, htmlMessage } from "./file-message.ts";
import { evil, harmful } from "./harmful-html.ts";

/** `open`: the house that stands by then; after all others, since the inbox is full of it, and the console of complaints. */
export function testHtmlMail(open: () => BrowserHouse, options: TestOptions): void {
  describe("HTML mail", () => {
    let house: BrowserHouse;
    let context: BrowserContext;
    let page: Page;
    /** Whatever anything in a page asks of other hosts. */
    const asked: string[] = [];
    const emails: string[] = [];

    before(
      async () => {
        if (options.skip !== undefined) return;
        house = open();
        context = await house.openAlso({});
        await context.route(
          (url) => !url.hostname.endsWith(".localhost"),
          async (route) => {
            asked.push(route.request().url());
            await route.fulfill({ contentType: "image/png", body: "" });
          },
        );
        page = await context.newPage();
        page.on("dialog", (dialog) => {
          asked.push(`dialog ${dialog.message()}`);
          void dialog.dismiss();
        });
        await page.goto(house.at("/help"));
        const filed = await fileMessages(
          house.ada,
          [...harmful, ...mxss].map((html) => ({ raw: htmlMessage(html) })),
        );
        emails.push(...filed.map(({ email }) => email));
      },
      { timeout: 90_000 },
    );

    /** Opens all of them in frames of a page of ours, and answers once each has loaded. */
    async function frameAll(paths: readonly string[], sandbox: string | undefined): Promise<void> {
      await page.evaluate(
        ([addresses, attribute]) =>
          Promise.all(
            addresses.map(
              (address) =>
                new Promise((resolve) => {
                  const frame = document.createElement("iframe");
                  if (attribute !== undefined) frame.setAttribute("sandbox", attribute);
                  frame.src = address;
                  frame.addEventListener("load", resolve);
                  document.body.append(frame);
                }),
            ),
          ),
        [paths, sandbox] as const,
      );
    }

    for (const [name, sandbox] of [
      ["in its frame", "allow-popups allow-popups-to-escape-sandbox"],
      ["in a frame that allows all, by its own policy", undefined],
    ] as const) {
      test(`nothing runs, asks for anything or reaches our page: ${name}`, options, async () => {
        asked.length = 0;
        await page.goto(house.at("/help"));
        await frameAll(
          emails.map((email) => `/email/${email}/frame`),
          sandbox,
        );
        const state = await page.evaluate(() => ({
          address: location.href,
          harmed: "harmed" in window,
          frames: frames.length,
          readable: [...document.querySelectorAll("iframe")].filter((frame) => frame.contentDocument !== null)
            .length,
        }));
        assert.deepEqual(state, {
          address: house.at("/help"),
          harmed: false,
          frames: emails.length,
          readable: 0,
        });
        assert.deepEqual(asked, []);
      });
    }

    test(
      "what the cleaner leaves is what a browser makes of it, and that again: no element or attribute that acts",
      options,
      async () => {
        const documents = await page.evaluate(
          (addresses) => Promise.all(addresses.map(async (address) => (await fetch(address)).text())),
          emails.map((email) => `/email/${email}/frame`),
        );
        const faults = await page.evaluate((texts) => {
          const found: string[] = [];
          const known =
            /^(?:A|ABBR|ADDRESS|B|BDO|BIG|BLOCKQUOTE|BODY|BR|CENTER|CODE|DD|DEL|DIV|DL|DT|EM|FONT|H[1-6]|HEAD|HR|HTML|I|IMG|INS|LI|META|OL|P|PRE|Q|S|SMALL|SPAN|STRONG|STYLE|SUB|SUP|TABLE|TBODY|TD|TFOOT|TH|THEAD|TITLE|TR|TT|U|UL|VAR)$/;
          const check = (index: number, html: string): string => {
            const parsed = new DOMParser().parseFromString(html, "text/html");
            if (parsed.querySelectorAll("style, meta, title").length !== 6) found.push(`${index}: head`);
            for (const element of parsed.querySelectorAll("*")) {
              if (!known.test(element.tagName) || element.namespaceURI !== "http://www.w3.org/1999/xhtml")
                found.push(`${index}: ${element.tagName}`);
              if (element.closest("head")) continue;
              for (const { name, value } of element.attributes) {
                if (
                  /^on|^(?:srcdoc|background|action|formaction|ping|id|name|class$|srcset)$/.test(name) &&
                  value !== "real-host"
                )
                  found.push(`${index}: ${name}=${value}`);
                if (
                  /url\(|expression|javascript:|vbscript:|@import|position|\\/i.test(value) &&
                  name !== "alt" &&
                  name !== "title"
                )
                  found.push(`${index}: ${name}=${value}`);
                if (name === "href" && !/^(?:https?:|mailto:|tel:)/.test(value))
                  found.push(`${index}: ${value}`);
                if (name === "src" && !value.startsWith("data:image/png;base64,"))
                  found.push(`${index}: ${value}`);
              }
              if (element.matches("a[href]:not([target=_blank][rel='noopener noreferrer nofollow'])"))
                found.push(`${index}: ${element.outerHTML}`);
            }
            return parsed.documentElement.outerHTML;
          };
          for (const [index, html] of texts.entries()) check(index, check(index, check(index, html)));
          return found;
        }, documents);
        assert.deepEqual(faults, []);
      },
    );

    test(
      "pictures are asked for once somebody presses for it, and never since a link says so",
      options,
      async () => {
        const html = `<p>Look</p><img src="http://${evil}/a.png?who=ada" alt="a"><img srcset="https://${evil}/b.png 2x"><p style="background:url(https://${evil}/c.png)">`;
        const { thread, email } = await fileMessage(house.ada, htmlMessage(html, "Pictures"));
        asked.length = 0;
        await page.goto(house.at(`/thread/${thread}?from=/`));
        await page.frameLocator("iframe").getByText("Look").waitFor();
        assert.deepEqual(asked, []);
        const frame = house.at(`/email/${email}/frame?pictures=yes`);
        const alone = await context.newPage();
        // As a link in a message opens it: from a document of no origin.
        await alone.goto("about:blank");
        await alone.goto(frame);
        await alone.getByText("Look").waitFor();
        assert.deepEqual(asked, []);
        await alone.close();
        await page.getByRole("link", { name: "Show pictures" }).click();
        await page.getByText("which tells them that you read this").waitFor();
        await page.frameLocator("iframe").getByRole("img").waitFor({ state: "attached" });
        await page.waitForLoadState("load");
        assert.deepEqual(asked, [`https://${evil}/a.png?who=ada`]);
      },
    );

    test(
      "pictures that came along are shown if their bytes are pictures, and a link leads out by a window of its own",
      options,
      async () => {
        const pixel =
          "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
        const part = (cid: string, type: string, base64: string): string =>
          `--b\nContent-Type: ${type}; name="${cid}"\nContent-ID: <${cid}>\nContent-Disposition: inline\nContent-Transfer-Encoding: base64\n\n${base64}\n`;
        const { thread, email } = await fileMessage(
          house.ada,
          `From: Ben <ben@example.org>\nSubject: Inline\nMIME-Version: 1.0\nContent-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>See <a href="https://${evil}/page">this</a></p><img src="cid:real@x" alt="real"><img src="cid:fake@x" alt="fake"><img src="cid:none@x" alt="none">\n${part("real@x", "image/png", pixel)}${part("fake@x", "image/png", Buffer.from("<svg onload=alert(1)>").toString("base64"))}--b--\n`,
        );
        await page.goto(house.at(`/thread/${thread}?from=/`));
        const frame = page.frameLocator("iframe");
        await frame.getByAltText("real").waitFor();
        assert.match(
          (await frame.getByAltText("real").getAttribute("src")) ?? "",
          /^data:image\/png;base64,/,
        );
        assert.equal(
          await frame.getByAltText("real").evaluate((image: HTMLImageElement) => image.naturalWidth),
          1,
        );
        for (const name of ["fake", "none"])
          assert.equal(await frame.getByAltText(name).getAttribute("src"), null);
        asked.length = 0;
        const [opened] = await Promise.all([
          context.waitForEvent("page"),
          frame.getByRole("link", { name: "this" }).click(),
        ]);
        await opened.waitForURL(`https://${evil}/page`);
        assert.equal(await opened.evaluate(() => window.opener), null);
        assert.equal(await opened.evaluate(() => document.referrer), "");
        await opened.close();
        assert.equal(page.url(), house.at(`/thread/${thread}?from=/`));

        const download = page.waitForEvent("download");
        await page.getByRole("link", { name: "fake@x" }).click();
        assert.equal((await download).suggestedFilename(), "fake@x");
        assert.ok(email);
      },
    );
  });
}
