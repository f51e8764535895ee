/** What starts Burrow when the device does. */
export interface BootPlan {
  readonly files: readonly BootFile[];
  /** What the owner does once the files are there: commands and sentences. */
  readonly next: readonly string[];
}

export interface BootFile {
  readonly path: string;
  readonly mode: number;
  readonly content: string;
}

/** How this Burrow is started. All paths are absolute. */
export interface BootFacts {
  readonly program: string;
  readonly dataDir: string;
  /** Undefined: the usual place. */
  readonly servicesFile: string | undefined;
  readonly user: string;
  /** Whether what starts it is another user, who has to become this one. */
  readonly switchUser: boolean;
  readonly home: string;
  /** The folder that the files go to; undefined: the usual one of this kind. */
  readonly into: string | undefined;
  readonly environment: NodeJS.ProcessEnv;
}

/** The command as words. */
export function upCommand({ program, dataDir, servicesFile }: BootFacts): string[] {
  return [
    program,
    "--data",
    dataDir,
    "up",
    ...(servicesFile === undefined ? [] : ["--services", servicesFile]),
  ];
}

/** A word for sh: whatever it has in it, it stays one word. */
export function quoteForShell(word: string): string {
  return /^[\w./:=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
