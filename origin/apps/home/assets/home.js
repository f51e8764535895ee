// The pages work without this: it saves typing and shows early what the server would say anyway.

const form = document.querySelector("form");
if (form) {
  takeTokenFromLink(form);
  addEventListener("hashchange", () => takeTokenFromLink(form));
  showNameAsTyped(form);
  showPasswordAsTyped(form);
  sendOnce(form);
}
offerCopies();

/** The token travels in the fragment, which no server and no log ever sees; it leaves the address bar at once. */
function takeTokenFromLink({ elements }) {
  const token = location.hash.slice(1);
  if (token === "") return;
  history.replaceState(null, "", location.pathname);
  elements.token.value = token;
  document.getElementById("token-field").hidden = true;
  elements.name.focus();
}

function showNameAsTyped({ elements, dataset }) {
  const live = document.getElementById("name-live");
  const show = () => {
    const name = elements.name.value.normalize("NFKC").trim().toLowerCase();
    const fine = /^[a-z0-9][a-z0-9._=/+-]{0,63}$/.test(name);
    live.textContent = fine ? `You will be @${name}:${dataset.server}.` : "";
    elements.name.setCustomValidity(
      fine || name === ""
        ? ""
        : "Use letters a to z, digits and . _ - = / + only, and begin with a letter or a digit.",
    );
  };
  elements.name.addEventListener("input", show);
  show();
}

function showPasswordAsTyped({ elements, dataset }) {
  const live = document.getElementById("password-live");
  const reveal = document.getElementById("reveal");
  const { password } = elements;
  password.addEventListener("input", () => {
    const missing = Number(dataset.shortest) - Array.from(password.value.normalize("NFKC")).length;
    if (password.value === "") live.textContent = "";
    else live.textContent = missing > 0 ? `${missing} more to go.` : "Long enough.";
  });
  reveal.hidden = false;
  reveal.addEventListener("click", () => {
    const shown = password.type === "password";
    password.type = shown ? "text" : "password";
    reveal.setAttribute("aria-pressed", String(shown));
  });
  // Browsers offer to remember only what is sent as a password.
  elements.password.form.addEventListener("submit", () => (password.type = "password"));
}

/** Making a password takes a phone a moment: a second press must not send the form twice. */
function sendOnce(sent) {
  let sending = false;
  sent.addEventListener("submit", (event) => {
    if (sending) event.preventDefault();
    sending = true;
    sent.setAttribute("aria-busy", "true");
  });
  addEventListener("pageshow", () => {
    sending = false;
    sent.removeAttribute("aria-busy");
  });
}

function offerCopies() {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => void copy(button));
  }
}

async function copy(button) {
  await navigator.clipboard.writeText(button.dataset.copy);
  document.getElementById("copied").textContent = `Copied ${button.dataset.copy}`;
  button.classList.add("done");
  setTimeout(() => button.classList.remove("done"), 1500);
}
