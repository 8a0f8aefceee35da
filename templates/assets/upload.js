// Sending files: a few at a time, one request each, so that each has its own progress, its own
// receipt, and a failure costs nothing but itself.

import { whenSearchable } from "./searchable.js";
import { addRow } from "./tray.js";

const AT_ONCE = 4;

const queue = [];
let running = 0;
let ended = () => {};

/** `then` is called whenever nothing is left to send. */
export function whenAllSent(then) {
  ended = then;
}

/** Sends every { file, path } of a sequence into a folder. */
export async function upload(files, folder) {
  for await (const { file, path } of files) {
    queue.push({ file, path, folder });
    start();
  }
}

export function isSending() {
  return running > 0 || queue.length > 0;
}

function start() {
  while (running < AT_ONCE && queue.length > 0) {
    running += 1;
    send(queue.shift()).finally(() => {
      running -= 1;
      if (isSending()) start();
      else ended();
    });
  }
}

async function send(item) {
  const row = addRow(item.path);
  try {
    if (!item.file) throw new Error("The browser could not read it.");
    const receipt = await post(item, row.sent);
    row.stored(receipt);
    whenSearchable(receipt.id, receipt.sequence, row.searchable);
  } catch (failure) {
    row.failed(failure.message, () => {
      queue.push(item);
      start();
    });
  }
}

// XMLHttpRequest, because fetch does not tell how much of a body has been sent.
function post({ file, path, folder }, progress) {
  const body = new FormData();
  body.append("folder", folder);
  body.append("path", path);
  body.append("file", file, file.name);
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/upload");
    request.setRequestHeader("accept", "application/json");
    request.responseType = "json";
    request.upload.addEventListener("progress", ({ loaded, total }) => progress(loaded / total));
    request.addEventListener("load", () => {
      const answer = request.response ?? {};
      const [receipt] = answer.receipts ?? [];
      if (receipt) done(receipt);
      else failed(new Error(answer.failures?.[0]?.detail ?? answer.detail ?? `The answer was ${request.status}.`));
    });
    request.addEventListener("error", () => failed(new Error("The connection was lost.")));
    request.addEventListener("abort", () => failed(new Error("The upload was stopped.")));
    request.send(body);
  });
}
