/** A value that cannot be used: the message says what would be right. */
export class SettingError extends Error {
  override name = "SettingError";
}
