// What a drop or a file picker holds, as a flat sequence of { file, path }; a file that the
// browser cannot read has no `file`. Some browsers give a `handle`, too, by which a later page
// can read it again.

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
    const found = await handle;
    // What comes from another program has no entry in the file system.
    if (found) yield* visit(found, found.name);
    else if (entry) yield* walk(entry);
    else if (file) yield { file, path: file.name };
  }
}

export function* pickedFiles(input) {
  for (const file of input.files) yield { file, path: file.webkitRelativePath || (input.capture ? photoName(file) : file.name) };
}

async function* visit(handle, path) {
  if (handle.kind === "file") {
    yield { file: await handle.getFile().catch(() => null), handle, path };
    return;
  }
  const children = handle.values();
  for (;;) {
    const { value: child } = await children.next().catch(() => ({}));
    if (!child) return;
    yield* visit(child, `${path}/${child.name}`);
  }
}

async function* walk(entry) {
  if (entry.isFile) {
    const file = await new Promise((done) => entry.file(done, () => done(null)));
    yield { file, path: entry.fullPath.replace(/^\//, "") };
    return;
  }
  const reader = entry.createReader();
  // A reader hands out a folder in batches, and ends with an empty one.
  for (;;) {
    const batch = await new Promise((done) => reader.readEntries(done, () => done([])));
    if (batch.length === 0) return;
    for (const child of batch) yield* walk(child);
  }
}

// A camera gives every photo the same name.
function photoName({ name, lastModified }) {
  const taken = new Date(lastModified - new Date(lastModified).getTimezoneOffset() * 60_000);
  return `Photo ${taken.toISOString().slice(0, 19).replace("T", " ").replaceAll(":", ".")}${name.slice(name.lastIndexOf("."))}`;
}
