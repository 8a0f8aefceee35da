// A look at a file without leaving the list: pictures, sound, films and the beginning of texts.
// Nothing in a file is run: pictures are inert, texts are shown as the characters they are.

const MOST_TEXT = 64 << 10;

/** Shows the file of a row; answers whether there is one. */
export function peek(row) {
  if (row.dataset.folder !== undefined) return false;
  const link = row.querySelector(".name a");
  const dialog = document.createElement("dialog");
  dialog.className = "peek";
  dialog.setAttribute("aria-label", `Preview of ${link.textContent}`);
  const title = Object.assign(document.createElement("h2"), { textContent: link.textContent });
  const place = Object.assign(document.createElement("div"), { className: "place", textContent: "Loading…" });
  const acts = document.createElement("p");
  const close = Object.assign(document.createElement("button"), { textContent: "Close" });
  close.addEventListener("click", () => dialog.close());
  acts.append(button("Open", link.href), " ", button("Download", `/download/${row.dataset.row}`, true), " ", close);
  dialog.append(title, place, acts);
  dialog.addEventListener("close", () => {
    dialog.remove();
    link.focus({ preventScroll: true });
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === " " && !event.target.matches("button, a, pre, video, audio")) {
      event.preventDefault();
      dialog.close();
    }
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("a")) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  close.focus();
  fill(place, row.dataset.row, link.textContent);
  return true;
}

async function fill(place, id, name) {
  try {
    const answer = await fetch(`/api/v1/entries/${id}`, { headers: { accept: "application/json" } });
    const { media_type: type } = await answer.json();
    const source = `/download/${id}`;
    const [kind] = type.split("/");
    if (kind === "image") place.replaceChildren(media("img", source, { alt: name }));
    else if (kind === "audio" || kind === "video") place.replaceChildren(media(kind, source, { controls: true }));
    else if (kind === "text" || /\b(json|xml|javascript|toml|yaml)\b/.test(type)) place.replaceChildren(await text(source, type));
    else place.textContent = "There is no preview of this type; open or download it.";
  } catch {
    place.textContent = "The preview cannot be loaded just now.";
  }
}

async function text(source, type) {
  const answer = await fetch(source, { headers: { range: `bytes=0-${MOST_TEXT - 1}` } });
  const charset = /charset=([\w-]+)/.exec(answer.headers.get("content-type") ?? type)?.[1] ?? "utf-8";
  const shown = document.createElement("pre");
  shown.tabIndex = 0;
  shown.setAttribute("aria-label", "The beginning of the text");
  shown.textContent = answer.status === 416 ? "" : new TextDecoder(charset).decode(await answer.arrayBuffer());
  return shown;
}

function media(tag, src, more) {
  return Object.assign(document.createElement(tag), { src, ...more });
}

function button(label, href, isDownload) {
  const made = Object.assign(document.createElement("a"), { className: "button", textContent: label, href });
  if (isDownload) made.download = "";
  return made;
}
