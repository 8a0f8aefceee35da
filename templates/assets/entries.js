// What a drop or a file picker holds, as a flat sequence of { file, path }; a file that the
// browser cannot read has no `file`. Some browsers give a `handle`, too, of the file or of the
// dropped folder that it is in, by which a later page can read it again.

export async function* droppedFiles(transfer) {
  // The list empties as soon as the event is over: take all of it before the first await.
  const dropped = Array.from(transfer.items)
    .filter((item) => item.kind === "file")
    .map((item) => ({
      handle: item.getAsFileSystemHandle?.().catch(() => null),
      entry: item.webkitGetAsEntry?.(),
      file: item.getAsFile(),
    }));
  for (const { handle, entry, file } of dropped) {
    const root = await handle;
    // What comes from another program has no entry in the file system.
    if (entry) yield* walk(entry, root);
    else if (file) yield { file, handle: root, path: file.name };
  }
}

export function* pickedFiles(input) {
  for (const file of input.files) yield { file, path: file.webkitRelativePath || (input.hasAttribute("capture") ? photoName(file) : file.name) };
}

async function* walk(entry, handle) {
  if (entry.isFile) {
    const file = await new Promise((done) => entry.file(done, () => done(null)));
    yield { file, handle, path: entry.fullPath.replace(/^\//, "") };
    return;
  }
  const reader = entry.createReader();
  // A reader hands out a folder in batches, and ends with an empty one.
  for (;;) {
    const batch = await new Promise((done) => reader.readEntries(done, () => done([])));
    if (batch.length === 0) return;
    for (const child of batch) yield* walk(child, handle);
  }
}

// A camera gives every photo the same name.
function photoName({ name, lastModified }) {
  const taken = new Date(lastModified - new Date(lastModified).getTimezoneOffset() * 60_000);
  return `Photo ${taken.toISOString().slice(0, 19).replace("T", " ").replaceAll(":", ".")}${name.slice(name.lastIndexOf("."))}`;
}
