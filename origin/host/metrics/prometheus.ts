/** One family of the Prometheus text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). */
export interface Family {
  /** `burrow_disk_free_bytes`: base units, and `_total` at the end of counters. */
  readonly name: string;
  readonly type: "gauge" | "counter";
  readonly help: string;
  /** Null values are left out: what is not known is not zero. */
  readonly values: readonly { labels?: Readonly<Record<string, string>>; value: number | null }[];
}

export const prometheusType = "text/plain; version=0.0.4; charset=utf-8";

export function formatFamilies(families: readonly Family[]): string {
  return families.map(formatFamily).join("");
}

function formatFamily({ name, type, help, values }: Family): string {
  const lines = values.flatMap(({ labels, value }) =>
    value === null ? [] : [`${name}${formatLabels(labels)} ${value}\n`],
  );
  if (lines.length === 0) return "";
  return `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function formatLabels(labels: Readonly<Record<string, string>> = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => {
    const escaped = value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
    return `${name}="${escaped}"`;
  });
  return pairs.length > 0 ? `{${pairs.join(",")}}` : "";
}
