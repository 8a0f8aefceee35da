// The search box is one key away: "/" from anywhere, Escape to go back to the page.

export function focusSearchOnSlash() {
  const box = document.getElementById("q");
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "/" && !isTyping(event.target)) {
      event.preventDefault();
      box.focus();
      box.select();
    } else if (event.key === "Escape" && event.target === box) {
      box.blur();
    }
  });
}

function isTyping(element) {
  return element.isContentEditable || element.matches("input, textarea, select");
}
