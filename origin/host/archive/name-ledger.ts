import { ArchiveError } from "./archive-error.ts";
import type { ArchiveLimits } from "./archive-limits.ts";
import { foldName, splitPath } from "./entry-path.ts";

export type EntryKind = "file" | "folder";

interface Known {
  /** The spelling that came first. */
  readonly path: string;
  readonly kind: EntryKind;
  /** Whether an entry of its own named it, not only another's path. */
  named: boolean;
}

/** The names that an archive has used so far. */
export interface NameLedger {
  /**
   * Admits an entry and the folders above it. Answers its path, undefined for the root itself. Throws ArchiveError
   * for a bad path, a name used before in any spelling, and one entry too many.
   */
  admit(name: string, kind: EntryKind): string | undefined;
}

export function createNameLedger(limits: ArchiveLimits): NameLedger {
  const known = new Map<string, Known>();
  let roots = 0;
  let lastFolder = "";

  const add = (path: string, kind: EntryKind, named: boolean): void => {
    const key = foldName(path);
    const before = known.get(key);
    if (before === undefined) {
      if (known.size >= limits.entries) throw new ArchiveError("too-many-entries", path);
      known.set(key, { path, kind, named });
      return;
    }
    if (before.path !== path) throw new ArchiveError("name-collision", path);
    if (before.kind !== kind) throw new ArchiveError("file-and-folder", path);
    if (named && before.named) throw new ArchiveError("duplicate", path);
    before.named ||= named;
  };

  return {
    admit(name, kind) {
      const parts = splitPath(name, limits);
      if (parts.length === 0) {
        if (kind === "file") throw new ArchiveError("bad-name", name);
        // A root that is named for ever would be an archive without an end and without an entry.
        if (++roots > 1) throw new ArchiveError("duplicate", name);
        return undefined;
      }
      const path = parts.join("/");
      const folder = parts.slice(0, -1).join("/");
      // The entries of a folder mostly come together: its own folders are looked up once, not for each of them.
      if (folder !== lastFolder) {
        for (let depth = 1; depth < parts.length; depth++) {
          add(parts.slice(0, depth).join("/"), "folder", false);
        }
        lastFolder = folder;
      }
      add(path, kind, true);
      return path;
    },
  };
}
