// Uploads that were begun from this browser and are not stored yet, by what tells their files
// apart: whoever chooses the same file again goes on where it stood.

const KEY = "wharfside.unfinished";
// As long as a server keeps them, unless it is told otherwise.
const KEPT_MS = 48 * 3600 * 1000;

export function remember(transfer) {
  change((known) => { known[name(transfer)] = { url: transfer.upload, at: Date.now() }; });
}

export function recall(item) {
  const known = read()[name(item)];
  return known && Date.now() - known.at < KEPT_MS ? known.url : null;
}

export function forget(transfer) {
  if (!read()[name(transfer)]) return;
  change((known) => { delete known[name(transfer)]; });
}

function name({ file, path, folder, ifPresent }) {
  return file && JSON.stringify([folder, path, file.size, file.lastModified, ifPresent]);
}

function change(how) {
  const known = read();
  for (const [name, { at }] of Object.entries(known)) if (Date.now() - at > KEPT_MS) delete known[name];
  how(known);
  try {
    localStorage.setItem(KEY, JSON.stringify(known));
  } catch {
    // Without a memory an interrupted upload begins again.
  }
}

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}
