// Uploads that go on where they stand, by the tus protocol 1.0 (https://tus.io): each function is
// one request. Answers that are no success become a Trouble, which says whether to try again.

const VERSION = { "Tus-Resumable": "1.0.0" };
const OCTETS = { "Content-Type": "application/offset+octet-stream" };
// A request in which nothing has moved for so long is lost.
const SILENCE_MS = 60_000;
const END_TRIES = 6;

export class Trouble extends Error {
  constructor(status, detail, after) {
    super(detail);
    this.status = status;
    /** Seconds to wait, if the server said so. */
    this.after = after;
  }

  /** Whether the same request may go well later. */
  get passes() {
    return this.status === 0 || this.status >= 500 && this.status !== 507 || [408, 409, 423, 425, 429, 460].includes(this.status);
  }

  /** Whether the server knows nothing of the upload any more. */
  get isGone() {
    return this.status === 404 || this.status === 410;
  }
}

/** Begins an upload at an address; with `body`, which is all of it, the answer is its receipt. */
export async function create(door, metadata, length, body, checksum, watch) {
  const headers = { ...VERSION, "Upload-Length": length, "Upload-Metadata": encode(metadata) };
  if (body) Object.assign(headers, OCTETS, { "Upload-Checksum": `sha256 ${checksum}` });
  const answer = await request("POST", door, headers, body, watch);
  return {
    url: new URL(answer.getResponseHeader("Location"), location.href).pathname,
    offset: Number(answer.getResponseHeader("Upload-Offset") ?? 0),
    receipt: answer.response?.sha256 ? answer.response : null,
  };
}

/** Adds a piece; answers how many bytes there are then. */
export async function patch(url, offset, body, checksum, watch) {
  const headers = { ...VERSION, ...OCTETS, "Upload-Offset": offset, "Upload-Checksum": `sha256 ${checksum}` };
  const answer = await request("PATCH", url, headers, body, watch);
  return Number(answer.getResponseHeader("Upload-Offset"));
}

/** How an upload stands: its offset, and its receipt once it is stored. */
export async function look(url, watch) {
  const answer = await request("GET", url, {}, null, watch);
  return answer.response;
}

/** Ends an upload, also while the server still holds the piece that was just cut off; if it cannot
    be told for long, it expires. */
export async function end(url) {
  for (let tries = 0; tries < END_TRIES; tries += 1) {
    try {
      return await request("DELETE", url, VERSION, null, {});
    } catch ({ passes }) {
      if (!passes) return;
      await new Promise((done) => setTimeout(done, 250 * 2 ** tries));
    }
  }
}

function encode(metadata) {
  const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
  return Object.entries(metadata).map(([key, value]) => `${key} ${base64(value)}`).join(",");
}

// XMLHttpRequest, because fetch does not tell how much of a body has been sent.
// `watch`: { sent(bytes), signal } as far as they are of interest.
function request(method, url, headers, body, { sent, signal }) {
  return new Promise((done, failed) => {
    const exchange = new XMLHttpRequest();
    let silence = 0;
    const listen = () => {
      clearTimeout(silence);
      silence = setTimeout(() => exchange.abort(), SILENCE_MS);
    };
    const lost = () => failed(new Trouble(0, "The connection was lost."));
    // A signal tells nobody who listens only now.
    if (signal?.aborted) {
      lost();
      return;
    }
    exchange.open(method, url);
    exchange.responseType = "json";
    for (const [name, value] of Object.entries({ Accept: "application/json", ...headers })) exchange.setRequestHeader(name, value);
    exchange.upload.addEventListener("progress", ({ loaded }) => {
      listen();
      sent?.(loaded);
    });
    exchange.addEventListener("load", () => {
      if (exchange.status >= 200 && exchange.status < 300) done(exchange);
      else failed(trouble(exchange));
    });
    exchange.addEventListener("error", lost);
    exchange.addEventListener("abort", lost);
    exchange.addEventListener("loadend", () => clearTimeout(silence));
    signal?.addEventListener("abort", () => exchange.abort(), { once: true });
    listen();
    exchange.send(body);
  });
}

function trouble(exchange) {
  const detail = exchange.response?.detail ?? `The answer was ${exchange.status}.`;
  const after = Number(exchange.getResponseHeader("Retry-After")) || 0;
  const failure = new Trouble(exchange.status, detail, after);
  // What a proxy says is about one request; what the app says is about the file.
  failure.isOurs = Boolean(exchange.getResponseHeader("Content-Type")?.includes("problem+json"));
  return failure;
}
