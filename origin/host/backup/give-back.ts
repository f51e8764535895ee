/**
 * Frees the memory of a piece that its last owner is done with; the piece is empty afterwards. V8 counts the small
 * object and hardly the bytes behind it: left to it, 32 MB of pieces wait before the first is collected.
 */
export function giveBack(piece: Uint8Array): void {
  // A part of something larger is not its owner's to take.
  if (piece.byteLength === piece.buffer.byteLength) (piece.buffer as ArrayBuffer).transfer(0);
}

/** The pieces, for somebody who is done with each when he asks for the next. */
export async function* givingBack(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    yield piece;
    giveBack(piece);
  }
}
