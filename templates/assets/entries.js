// What a drop or a file picker holds, as a flat sequence of { file, path }; a file that the
// browser cannot read has no `file`.

export async function* droppedFiles(transfer) {
  // The list empties as soon as the event is over: take the entries before the first await.
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry?.()).filter(Boolean);
  for (const entry of entries) yield* walk(entry);
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
