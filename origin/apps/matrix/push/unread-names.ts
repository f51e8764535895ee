/**
 * How a row names whom it concerns: localparts, each between spaces, none of which may be in one. Only people with an
 * account here are ever named, so the rest of the user id says nothing, and would make a row of fifty too long for
 * its page.
 */
export const namesOf = (userIds: readonly string[]): string => {
  let text = "";
  for (const userId of userIds) text += ` ${nameOf(userId)}`;
  return text === "" ? text : `${text} `;
};

/** What a row that names the user contains. */
export const namedIn = (userId: string): string => ` ${nameOf(userId)} `;

export const namesIn = (text: string): string[] => text.trim().split(" ");

export const nameOf = (userId: string): string => userId.slice(1, userId.indexOf(":"));

/** Empty where nobody's rule has tweaks, which is most events; otherwise JSON of [tweaks, names] pairs. */
export function tweaksToText(tweaked: ReadonlyMap<string, readonly string[]>): string {
  if (tweaked.size === 0) return "";
  return JSON.stringify([...tweaked].map(([tweaks, users]) => [tweaks, namesOf(users)]));
}

/** The tweaks with which the row notifies the user, as JSON; empty for none. */
export function tweaksFor(text: string, userId: string): string {
  if (text === "") return "";
  const pairs = JSON.parse(text) as [tweaks: string, names: string][];
  return pairs.find(([, names]) => names.includes(namedIn(userId)))?.[0] ?? "";
}
