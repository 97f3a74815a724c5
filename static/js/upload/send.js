/**
 * Sends one file in chunks to the REST uploads. Broken connections are tried again with growing pauses, going on at the
 * byte the server has; so does a page that is opened later, for the same file. The server computes the digest.
 */
import { csrfToken } from "../csrf.js";

const TRIES = 6;
const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

export class Refused extends Error {}

async function ask(url, options = {}) {
  const headers = { "X-CSRFToken": csrfToken(), Accept: "application/json", ...options.headers };
  const response = await fetch(url, { ...options, headers });
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  const [error] = body.errors ?? [];
  const message = error ? `${error.detail} ${error.hint ?? ""}`.trim() : `The studio answered ${response.status}.`;
  throw response.status >= 500 || response.status === 429 ? new Error(message) : new Refused(message);
}

function put(url, blob, { onProgress, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch tells nothing about the progress of a body
    request.open("PUT", url);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("X-CSRFToken", csrfToken());
    request.upload.onprogress = (event) => onProgress(event.loaded);
    request.onload = () => resolve(request.status);
    request.onerror = () => reject(new Error("The connection broke."));
    signal.addEventListener("abort", () => { request.abort(); reject(new Refused("Cancelled.")); });
    request.send(blob);
  });
}

// Which upload a file of this browser is: also in another tab, and tomorrow.
const memory = (base, { file, path }) => `upload:${base}:${path}:${file.size}:${file.lastModified}`;
const recall = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
const remember = (key, id) => { try { localStorage.setItem(key, id); } catch { /* then it begins anew */ } };
const forget = (key) => { try { localStorage.removeItem(key); } catch { /* nothing was remembered */ } };

async function begin(base, item) {
  const known = recall(memory(base, item));
  const before = known && (await ask(`${base}/${known}`).catch(() => null));
  if (before && !before.complete) return before;
  const body = JSON.stringify({ path: item.path, size: item.file.size });
  const upload = await ask(base, { method: "POST", body, headers: { "Content-Type": "application/json" } });
  remember(memory(base, item), upload.id);
  return upload;
}

/** One round: chunks until the end. Throws when the connection breaks; the caller asks `received` and starts again. */
async function chunks(base, upload, item, options) {
  let { received } = upload;
  while (received < item.file.size) {
    const blob = item.file.slice(received, received + upload.chunk_bytes);
    const start = received;
    const status = await put(`${base}/${upload.id}?offset=${start}`, blob, {
      ...options, onProgress: (sent) => options.onProgress(Math.min(start + sent, item.file.size)),
    });
    if (status >= 200 && status < 300) received += blob.size;
    else if (status === 409) received = (await ask(`${base}/${upload.id}`)).received;
    else if (status >= 500 || status === 429) throw new Error(`The studio answered ${status}.`);
    else throw new Refused(status === 413 ? "The file is larger than the studio accepts." : `The studio answered ${status}.`);
    options.onProgress(received);
  }
}

/**
 * Resolves with the completed upload. `onBegin(upload)` says what has arrived before, `onProgress(bytes)` what has by
 * now, `onWaiting(seconds)` that the connection is lost; `signal` is an AbortSignal.
 */
export async function send(base, item, options) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const upload = await begin(base, item);
      options.onBegin(upload);
      await chunks(base, upload, item, options);
      const whole = await ask(`${base}/${upload.id}/complete`, { method: "POST" });
      forget(memory(base, item));
      return whole;
    } catch (error) {
      if (error instanceof Refused || attempt >= TRIES) throw error;
      options.onWaiting(2 ** attempt);
      await pause(2 ** attempt * 1000);
    }
  }
}

export function discard(base, id) {
  return ask(`${base}/${id}`, { method: "DELETE" }).catch(() => null); // it lapses by itself as well
}
