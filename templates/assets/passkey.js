// Lets the browser make or use a passkey where a form asks for one, and sends what it answers.

export function usePasskeys(main) {
  const isAble = Boolean(window.PublicKeyCredential?.parseRequestOptionsFromJSON);
  for (const part of main.querySelectorAll("[data-passkeys]")) part.hidden = !isAble;
  for (const form of main.querySelectorAll("form[data-passkey]")) {
    if (!isAble) tell(form, "This browser knows no passkeys; a newer one does.");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (isAble) ask(form);
    });
    // Whoever comes to this page has just asked for it.
    if (isAble && form.dataset.at === "once") ask(form);
  }
}

async function ask(form) {
  const button = form.querySelector("button");
  button.disabled = true;
  tell(form, "Your browser asks for the passkey…");
  try {
    const credential = await answered(form.dataset.passkey, JSON.parse(form.dataset.options));
    form.querySelector("[data-answer]").value = JSON.stringify(credential);
    form.submit();
  } catch (failure) {
    button.disabled = false;
    tell(form, reason(failure));
  }
}

function answered(what, options) {
  return what === "make"
    ? navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
    : navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
}

function reason(failure) {
  if (failure.name === "InvalidStateError") return "This device holds a passkey of your account already.";
  if (failure.name === "SecurityError") return "The browser uses no passkeys at this address.";
  return "No passkey came of it: it was cancelled, took too long, or there is none for this address. Try again.";
}

function tell(form, sentence) {
  form.querySelector("[role=status]").textContent = sentence;
}
