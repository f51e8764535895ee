import type { Config, DownloadsConfig } from "../../config/config.ts";
import type { PinnedFile } from "./fetch-verified.ts";

/** What Burrow can fetch for its owner, as the settings under [downloads] call it. */
export type DownloadName = keyof DownloadsConfig;

const MB = 1_000_000;

/** What each is: whether it runs, and how large it can be at most. */
const kinds: Readonly<Record<DownloadName, { executable: boolean; maxBytes: number }>> = {
  cloudflared: { executable: true, maxBytes: 100 * MB },
  element_web: { executable: false, maxBytes: 100 * MB },
  cinny: { executable: false, maxBytes: 100 * MB },
};

export const downloadNames = Object.keys(kinds) as readonly DownloadName[];

/** `linux-x64`, `linux-arm64` …: process.platform and process.arch; `any` for what is the same everywhere. */
type Platform = `${NodeJS.Platform}-${NodeJS.Architecture}` | "any";

interface Release {
  readonly version: string;
  readonly files: Readonly<Partial<Record<Platform, { url: string; sha256: string }>>>;
}

/**
 * What this release of Burrow pins. An entry stands here only when somebody fetched the file, compared it with what its
 * makers publish and wrote down its hash (docs/updating.md): a guess would be worse than nothing. None is pinned yet.
 */
const catalogue: Readonly<Partial<Record<DownloadName, Release>>> = {};

/** A pin that can be fetched. */
export interface Pin extends PinnedFile {
  readonly name: DownloadName;
  readonly version: string;
  /** `owner`: from burrow.toml; `release`: from this release's catalogue. */
  readonly by: "owner" | "release";
}

/** The owner's own pin, else this release's for the platform; undefined where there is neither. */
export function findPin(
  name: DownloadName,
  config: Config,
  platform: Platform = `${process.platform}-${process.arch}`,
): Pin | undefined {
  const own = config.downloads[name];
  if (own) return { ...own, ...kinds[name], name, by: "owner" };
  const release = catalogue[name];
  const file = release?.files[platform] ?? release?.files.any;
  return release && file && { ...file, ...kinds[name], name, version: release.version, by: "release" };
}

/** A pinned file's name, with its version, so that the old one stays until the new one is named in its place. */
export function fileNameOf(pin: Pin): string {
  const ending = pin.executable === true ? "" : endingOf(pin.url);
  return `${pin.name.replaceAll("_", "-")}-${pin.version}${ending}`;
}

function endingOf(url: string): string {
  return /\.(?:tar\.gz|tgz|zip)$/.exec(new URL(url).pathname)?.[0] ?? "";
}
