/** Where each kind of Office document keeps its parts. */
const officeFolders: Readonly<Record<string, string>> = {
  wordprocessingml: "word/",
  spreadsheetml: "xl/",
  presentationml: "ppt/",
};

const officeStart = /^(?:\[Content_Types\]\.xml|_rels\/|docProps\/|customXml\/|word\/|xl\/|ppt\/)/;

/** Whether a zip that begins with these bytes (one character each) may be of a type that is kept in zips. */
export function zipMayBe(type: string, head: string): boolean {
  const nameLength = head.charCodeAt(26) + head.charCodeAt(27) * 256;
  const name = head.startsWith("PK\x03\x04") ? head.slice(30, 30 + nameLength) : "";
  const office = /openxmlformats-officedocument\.(\w+)/.exec(type)?.[1];
  if (office !== undefined) {
    const mentioned = Object.values(officeFolders).filter((folder) => head.includes(folder));
    const own = officeFolders[office] ?? "";
    return officeStart.test(name) && (mentioned.length === 0 || mentioned.includes(own));
  }
  if (type.startsWith("application/vnd.oasis.") || type === "application/epub+zip") {
    // OpenDocument part 2 §3.3, EPUB OCF §4.2.6.3: the type stands first, stored as it is.
    const extra = head.charCodeAt(28) + head.charCodeAt(29) * 256;
    return name === "mimetype" && head.startsWith(type, 30 + nameLength + extra);
  }
  return true;
}
