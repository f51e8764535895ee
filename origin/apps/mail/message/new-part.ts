import type { NewPart } from "./compose.ts";

/** A part that is its content and nothing else: a text, or parts of a multipart. */
export function newPart(type: string, content: NewPart["content"]): NewPart {
  return {
    type,
    content,
    name: null,
    disposition: null,
    cid: null,
    charset: null,
    language: null,
    location: null,
    fields: [],
  };
}
