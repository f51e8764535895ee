// A passkey needs the browser's hand: this asks for it, and sends what it gives as the form's `answer`.

for (const form of document.querySelectorAll("form[data-ceremony]")) offer(form);

function offer(form) {
  if (!globalThis.PublicKeyCredential) return;
  form.hidden = false;
  const button = form.querySelector("button");
  button.addEventListener("click", () => void run(form, button));
}

async function run(form, button) {
  const problem = form.querySelector("[role=alert]");
  problem.hidden = true;
  button.disabled = true;
  try {
    form.elements.answer.value = JSON.stringify(await ceremony(form));
    // The page's own listener is for forms that a person sends; this one must not be held up by it.
    form.submit();
  } catch (error) {
    problem.textContent = explain(error);
    problem.hidden = false;
    button.disabled = false;
  }
}

async function ceremony({ dataset }) {
  const options = await ask(dataset.options);
  if (dataset.ceremony === "create") {
    return toJson(await navigator.credentials.create({ publicKey: withBytes(options) }));
  }
  return toJson(await navigator.credentials.get({ publicKey: withBytes(options) }));
}

async function ask(address) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { accept: "application/json" },
    body: new URLSearchParams(),
  });
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  throw new Error(body.message ?? "That did not work. Load this page again.");
}

/** JSON has no bytes: WebAuthn §5.1.8 gives them as base64url. */
function withBytes(options) {
  const credentials = (list = []) => list.map((one) => ({ ...one, id: toBytes(one.id) }));
  return {
    ...options,
    challenge: toBytes(options.challenge),
    ...(options.user && { user: { ...options.user, id: toBytes(options.user.id) } }),
    ...(options.excludeCredentials && { excludeCredentials: credentials(options.excludeCredentials) }),
    ...(options.allowCredentials && { allowCredentials: credentials(options.allowCredentials) }),
  };
}

function toJson({ id, type, response }) {
  const parts = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
  const json = Object.fromEntries(
    parts.filter((part) => response[part]).map((part) => [part, toBase64url(response[part])]),
  );
  if (response.getTransports) json.transports = response.getTransports();
  return { id, rawId: id, type, response: json, clientExtensionResults: {} };
}

function toBytes(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
}

function toBase64url(buffer) {
  const binary = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function explain(error) {
  if (error.name === "NotAllowedError") return "That was cancelled, or took too long. Try again.";
  if (error.name === "InvalidStateError") return "This device has a passkey for your account already.";
  if (error.name === "SecurityError") return "Passkeys work at this server's own address only.";
  return error.message;
}
