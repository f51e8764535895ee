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
