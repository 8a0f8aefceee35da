// A button beside what people copy: digests, commands, request ids.

export function addCopyButtons() {
  // Browsers offer the clipboard only where the connection is trusted.
  if (!navigator.clipboard) return;
  for (const source of document.querySelectorAll("[data-copy]:not([data-copy=ready])")) {
    source.dataset.copy = "ready";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", () => copy(source.textContent, button));
    const place = source.closest("pre");
    if (place) place.prepend(button);
    else source.after(button);
  }
}

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not allowed";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
}
