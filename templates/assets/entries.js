// What a drop or a file picker holds, as a flat sequence of { file, path }; a file that the
// browser cannot read has no `file`.

export async function* droppedFiles(transfer) {
  // The list empties as soon as the event is over: take all of it before the first await.
  const dropped = Array.from(transfer.items)
    .filter((item) => item.kind === "file")
    .map((item) => ({ entry: item.webkitGetAsEntry?.(), file: item.getAsFile() }));
  for (const { entry, file } of dropped) {
    // What comes from another program has no entry in the file system.
    if (entry) yield* walk(entry);
    else if (file) yield { file, path: file.name };
  }
}

export function* pickedFiles(input) {
  for (const file of input.files) yield { file, path: file.webkitRelativePath || file.name };
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
