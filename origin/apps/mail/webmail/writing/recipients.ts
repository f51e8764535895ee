import { asAddresses, type EmailAddress } from "../../message/header-forms.ts";

/** Addresses as somebody types them: with names or without, apart by commas, semicolons or line ends. */
export function readRecipients(text: string): EmailAddress[] {
  const line = text.replaceAll(/[\r\n]+/g, ",").replaceAll(/;/g, ",");
  return asAddresses(line).map(({ name, email }) => ({ name, email: email.normalize("NFC") }));
}

/** The same as it is typed. */
export function writeRecipients(addresses: readonly EmailAddress[] | null): string {
  return (addresses ?? [])
    .map(({ name, email }) => {
      if (name === null) return email;
      const isPlain = /^[\p{L}\p{N}\p{M} '.-]+$/u.test(name);
      return `${isPlain ? name : `"${name.replaceAll(/["\\]/g, "\\$&")}"`} <${email}>`;
    })
    .join(", ");
}
