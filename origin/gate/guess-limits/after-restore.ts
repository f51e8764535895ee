/**
 * What a backup of throttle.db brings back: browsers and networks that are known, so that on a new device nobody begins as
 * a stranger. Wrong tries of that time are over.
 */
export const throttleAfterRestore = `
  DELETE FROM budget;
  DELETE FROM clearing;
`;
