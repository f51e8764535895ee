/** An update that was not made, or was undone. The message says what runs now and what to do. */
export class UpdateError extends Error {
  override name = "UpdateError";
}
