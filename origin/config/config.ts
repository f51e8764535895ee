/** The validated configuration: frozen, complete, free of secrets. Made by read-config.ts. */
export interface Config {
  /** `development` is what `dev` runs: loopback and *.localhost only. */
  readonly mode: "production" | "development";
  readonly dataDir: string;
  /** The Matrix server name and apex host: `example.org`. */
  readonly serverName: string;
  /** What a client types: `https://example.org`, in development `http://127.0.0.1:PORT`. No trailing slash. */
  readonly publicUrl: string;
  readonly listen: ListenAddress;
  /** Public host (lower-case, no port) → app host (`apex`, `id`, …). */
  readonly hosts: ReadonlyMap<string, string>;
  readonly matrix: MatrixConfig;
  readonly edge: EdgeConfig;
  readonly log: { readonly level: "debug" | "info" | "warn" | "error" };
}

export type ListenAddress =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

export interface MatrixConfig {
  /** `10`, `11` or `12`. */
  readonly defaultRoomVersion: string;
  /** Bytes. */
  readonly maxUploadSize: number;
}

/** What `edge config` writes for wrangler: the names and ids of one deployment. Empty until it is made. */
export interface EdgeConfig {
  /** The Worker's name in the account. */
  readonly worker: string;
  /** Cloudflare's id of the Workers VPC service that leads to the origin. */
  readonly vpcService: string;
  /** The tunnel's hostname, where Access closes it to all but the Worker; empty: the VPC service is the way. */
  readonly tunnelHost: string;
  /** As shared/security-headers.ts reads it: `trial`, `day`, `long includeSubDomains` … */
  readonly hstsStage: string;
}
