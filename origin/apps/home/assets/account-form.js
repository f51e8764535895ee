// The form works without this: it saves typing and shows early what the server would say anyway.

const form = document.querySelector("form[data-shortest]");
if (form) {
  takeTokenFromLink(form);
  addEventListener("hashchange", () => takeTokenFromLink(form));
  showNameAsTyped(form);
  countPasswordAsTyped(form);
}

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

function countPasswordAsTyped({ elements, dataset }) {
  const live = document.getElementById("password-live");
  const { password } = elements;
  password.addEventListener("input", () => {
    const missing = Number(dataset.shortest) - Array.from(password.value.normalize("NFKC")).length;
    if (password.value === "") live.textContent = "";
    else live.textContent = missing > 0 ? `${missing} more to go.` : "Long enough.";
  });
}
