// Files get in by being dropped anywhere on a page, or picked in the form, which then sends
// itself.

import { droppedFiles, pickedFiles } from "./entries.js";
import { upload, whenAllSent, wouldLose } from "./upload.js";

export function acceptFiles() {
  acceptDrops();
  acceptPicks(document.getElementById("upload"));
  whenAllSent(showWhatIsNew);
  addEventListener("beforeunload", (event) => {
    if (wouldLose()) event.preventDefault();
  });
}

function acceptDrops() {
  const veil = document.createElement("div");
  veil.className = "drop";
  veil.hidden = true;
  document.body.append(veil);
  // Entering a child fires before leaving its parent: the veil goes with the last one left.
  let depth = 0;
  const hide = () => {
    depth = 0;
    veil.hidden = true;
  };
  addEventListener("dragenter", (event) => {
    if (!holdsFiles(event)) return;
    depth += 1;
    veil.textContent = `Drop to store in ${folder() || "the library"}`;
    veil.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (holdsFiles(event) && --depth <= 0) hide();
  });
  addEventListener("dragover", (event) => {
    if (holdsFiles(event)) event.preventDefault();
  });
  addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) upload(droppedFiles(event.clipboardData), folder());
  });
  addEventListener("drop", (event) => {
    hide();
    if (!holdsFiles(event)) return;
    event.preventDefault();
    upload(droppedFiles(event.dataTransfer), folder());
  });
}

function acceptPicks(form) {
  if (!form) return;
  for (const input of form.querySelectorAll("input[type=file]")) {
    input.addEventListener("change", () => {
      upload([...pickedFiles(input)], folder());
      input.value = "";
    });
  }
  // Without files there is nothing to send: Enter in the folder field stays here.
  form.addEventListener("submit", (event) => event.preventDefault());
}

// The form's field, where there is one, may have been edited.
function folder() {
  const field = document.querySelector("#upload [name=folder]");
  return (field ? field.value : document.body.dataset.folder).trim();
}

function holdsFiles(event) {
  return event.dataTransfer?.types.includes("Files");
}

async function showWhatIsNew() {
  const listing = document.getElementById("listing");
  if (!listing) return;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("listing");
    if (answer.ok && fresh) listing.replaceWith(fresh);
  } catch {
    // The page still shows what it showed; the tray has told what was stored.
  }
}
