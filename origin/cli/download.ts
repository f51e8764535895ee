import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { lockDataFolder } from "../host/data-lock.ts";
import { downloadNames, fileNameOf, findPin } from "../host/downloads/catalogue.ts";
import { fetchVerified } from "../host/downloads/fetch-verified.ts";
import { createStderrLog } from "../host/log.ts";
import { makeProgramFolder } from "../host/supervisor/program-folder.ts";
import { chooseServicesFile } from "../host/supervisor/services-file.ts";
import { answer, type Command, CommandError, UsageError } from "./command.ts";
import { openConfig } from "./open-members.ts";
import { showProgress } from "./show-progress.ts";

const words = downloadNames.map((name) => name.replaceAll("_", "-"));

export const download: Command = {
  name: "download",
  usage: "NAME",
  summary: `Fetches a pinned program and verifies it: ${words.join(", ")}.`,
  words: 1,
  async run(invocation) {
    const [word = ""] = invocation.positionals;
    const name = downloadNames[words.indexOf(word)];
    if (name === undefined) throw new UsageError(`"${word}" is none of ${words.join(", ")}.`);
    const config = openConfig(invocation);
    const pin = findPin(name, config);
    if (!pin) {
      throw new CommandError(
        `This release pins no ${word} for ${process.platform}-${process.arch}, and without a known hash nothing is fetched. Pin it yourself under [downloads.${name}] in burrow.toml; docs/updating.md tells how.`,
      );
    }
    const servicesFile = chooseServicesFile(undefined, invocation.environment);
    const runs = pin.executable === true;
    const folder = runs
      ? makeProgramFolder(servicesFile, config.dataDir)
      : makeDownloadFolder(config.dataDir);
    const path = join(folder, fileNameOf(pin));
    // Two at once would write into the same beginning.
    const lock = lockDataFolder(folder);
    const { createOutbound } = await import("../host/outbound/outbound.ts");
    const outbound = createOutbound({ config, log: createStderrLog("error"), now: Date.now });
    const progress = showProgress(invocation, word);
    try {
      const { bytes, fetched } = await fetchVerified(pin, path, { outbound, onProgress: progress.show });
      progress.end();
      const { version, sha256 } = pin;
      answer(invocation, { name: word, version, path, bytes, sha256, fetched }, [
        `${word} ${version} is verified: ${path}${fetched ? "" : " (it was there already)"}`,
        ...(runs
          ? [`To run it, write into ${servicesFile}:`, ...namedIn(word, path), "and restart Burrow."]
          : []),
      ]);
      return 0;
    } finally {
      progress.end();
      await outbound.close();
      lock.release();
    }
  },
};

function makeDownloadFolder(dataDir: string): string {
  const folder = join(dataDir, "downloads");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/** H7: the pin may come from burrow.toml, so what is run is written down by the owner, where Burrow never writes. */
function namedIn(word: string, path: string): string[] {
  return [`  [${word}]`, `  binary = ${JSON.stringify(path)}`];
}
