/** What the edge found of the sender's address (RFC 8601). */
export interface SpfFinding {
  readonly result: string;
  /** By what it went: the envelope's sender, or the greeting where that is empty. */
  readonly by: "mailfrom" | "helo";
  readonly domain: string;
}

/**
 * The name by which Email Routing signs what it finds. The field comes with the message's header, where a sender may have
 * put one of their own: only one that stands first, under this name, is believed, and nothing that comes after it.
 */
const edgeName = "mx.cloudflare.net";

/**
 * SPF as the edge saw it: there alone the sender's machine is known. `results`: the text of the header field, or of
 * several with commas between them. Undefined where nothing is known, or it says two things.
 */
export function readSpf(results: string, mailFrom: string): SpfFinding | undefined {
  const [name = "", ...found] = splitResults(results);
  if (name.trim().split(/\s/, 1)[0]?.toLowerCase() !== edgeName) return undefined;
  const by = mailFrom === "" ? "helo" : "mailfrom";
  const findings = found.filter((text) => /^\s*spf\s*=/i.test(text) && text.includes(`smtp.${by}=`));
  const said = new Set(findings.map((text) => /^\s*spf\s*=\s*([a-z]+)/i.exec(text)?.[1]?.toLowerCase()));
  const [result] = said;
  if (result === undefined || said.size !== 1) return undefined;
  const domain =
    by === "mailfrom"
      ? mailFrom.slice(mailFrom.lastIndexOf("@") + 1)
      : (/smtp\.helo=([^\s;]+)/.exec(findings[0] ?? "")?.[1] ?? "");
  return domain === "" ? undefined : { result, by, domain: domain.toLowerCase() };
}

/** The parts of the first field, without comments and quoted strings, which hold what the sender chose (RFC 8601 §2.2). */
function splitResults(text: string): string[] {
  const parts = [""];
  let depth = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === "\\" && (isQuoted || depth > 0)) at += 1;
    else if (character === '"' && depth === 0) isQuoted = !isQuoted;
    else if (isQuoted) continue;
    else if (character === "(") depth += 1;
    else if (character === ")" && depth > 0) depth -= 1;
    else if (depth > 0) continue;
    // Outside of both a comma is none of the field's own: the next field begins.
    else if (character === ",") return parts;
    else if (character === ";") parts.push("");
    else parts.push(`${parts.pop() ?? ""}${character}`);
  }
  return parts;
}
