// The pages work without this: it saves typing, and a second press of a button.

for (const form of document.forms) sendOnce(form);
for (const button of document.querySelectorAll("[data-reveal]")) offerToShow(button);
offerCopies();

/** Checking a password takes a phone a moment: a second press must not send the form twice. */
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

function offerToShow(button) {
  const password = document.getElementById(button.dataset.reveal);
  button.hidden = false;
  button.addEventListener("click", () => {
    const shown = password.type === "password";
    password.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
  });
  // Browsers offer to remember only what is sent as a password.
  password.form.addEventListener("submit", () => (password.type = "password"));
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
  document.getElementById("copied").textContent = `Copied ${button.dataset.copySays ?? button.dataset.copy}`;
  button.classList.add("done");
  setTimeout(() => button.classList.remove("done"), 1500);
}
