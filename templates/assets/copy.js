// A button beside what people copy: digests, commands, request ids.

const SAID_MS = 2000;

export function addCopyButtons() {
  for (const source of document.querySelectorAll("[data-copy]:not([data-copy=ready])")) {
    source.dataset.copy = "ready";
    const button = copyButton(() => source.textContent);
    const place = source.closest("pre");
    if (place) place.prepend(button);
    else source.after(button);
  }
}

/** A button that copies what `text` answers. */
export function copyButton(text, name) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  if (name) button.setAttribute("aria-label", name);
  button.addEventListener("click", async () => {
    button.textContent = await copy(text()) ? "Copied" : "Not allowed";
    setTimeout(() => { button.textContent = "Copy"; }, SAID_MS);
  });
  return button;
}

async function copy(text) {
  // Browsers offer the clipboard only where the connection is trusted; the old way works everywhere.
  if (!navigator.clipboard) return copyMarked(text);
  return navigator.clipboard.writeText(text).then(() => true, () => copyMarked(text));
}

function copyMarked(text) {
  const back = document.activeElement;
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  // Inside an open dialog, or it could not be marked.
  (document.querySelector("dialog[open]") ?? document.body).append(field);
  field.select();
  const isCopied = document.execCommand("copy");
  field.remove();
  back?.focus({ preventScroll: true });
  return isCopied;
}
