// The SHA-256 of a piece in base64. Browsers offer theirs only where the connection is trusted;
// elsewhere it is computed here (FIPS 180-4), with pauses in which the page can move.

const STRIDE = 1 << 20;

export async function sha256(buffer) {
  const digest = crypto.subtle
    ? new Uint8Array(await crypto.subtle.digest("SHA-256", buffer))
    : await byHand(new Uint8Array(buffer));
  return btoa(String.fromCharCode(...digest));
}

export async function byHand(bytes) {
  const state = fractions(8, 1 / 2);
  const whole = bytes.length - (bytes.length % 64);
  for (let from = 0; from < whole; from += STRIDE) {
    if (from) await new Promise((done) => setTimeout(done));
    compress(state, bytes, from, Math.min(from + STRIDE, whole));
  }
  const rest = bytes.length - whole;
  const tail = new Uint8Array(rest < 56 ? 64 : 128);
  tail.set(bytes.subarray(whole));
  tail[rest] = 0x80;
  new DataView(tail.buffer).setBigUint64(tail.length - 8, BigInt(bytes.length) * 8n);
  compress(state, tail, 0, tail.length);
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((word, at) => digest.setUint32(at * 4, word));
  return new Uint8Array(digest.buffer);
}

// The first 32 bits of the fractional parts of the first primes' roots.
function fractions(count, power) {
  const words = [];
  for (let n = 2; words.length < count; n += 1) {
    let prime = true;
    for (let d = 2; d * d <= n; d += 1) prime &&= n % d !== 0;
    if (prime) words.push((n ** power % 1) * 2 ** 32 | 0);
  }
  return Int32Array.from(words);
}

const ROUND = fractions(64, 1 / 3);

function compress(state, bytes, from, end) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const turn = (word, by) => (word >>> by) | (word << (32 - by));
  const w = new Int32Array(64);
  for (let block = from; block < end; block += 64) {
    for (let t = 0; t < 16; t += 1) w[t] = view.getInt32(block + t * 4);
    for (let t = 16; t < 64; t += 1) {
      const low = turn(w[t - 15], 7) ^ turn(w[t - 15], 18) ^ (w[t - 15] >>> 3);
      const high = turn(w[t - 2], 17) ^ turn(w[t - 2], 19) ^ (w[t - 2] >>> 10);
      w[t] = w[t - 16] + low + w[t - 7] + high;
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let t = 0; t < 64; t += 1) {
      const one = h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + ROUND[t] + w[t];
      const two = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((word, at) => { state[at] += word; });
  }
}
