/**
 * One file in the list of a drop zone: its name, progress, outcome, and the hidden input that carries its id, called
 * `begun` until the file is whole and `uploads` from then on. `moved` counts the bytes that were sent from this page.
 */
import { inBytes } from "./total.js";
import { discard, send } from "./send.js";

const node = (tag, className, text = "") => Object.assign(document.createElement(tag), { className, textContent: text });

export class Row {
  constructor(item, { base, onChange, onRemove, onRetry, onBegin }) {
    Object.assign(this, { item, base, onChange, onRemove, onRetry, onBegin });
    Object.assign(this, { sent: 0, moved: 0, waiting: true, offline: false, done: false, failure: "" });
    this.abort = new AbortController();
    this.element = node("li", "");
    this.state = node("span", "drop-state", inBytes(item.file.size));
    this.bar = Object.assign(node("progress", "progress"), { max: 1, value: 0, ariaLabel: `Upload of ${item.path}` });
    const remove = Object.assign(node("button", "button", "Remove"), { type: "button", ariaLabel: `Remove ${item.path}` });
    Object.assign(remove.dataset, { variant: "quiet", size: "small" });
    remove.addEventListener("click", () => this.remove());
    this.element.append(node("span", "truncate mono", item.path), this.state, remove, this.bar);
  }

  get size() { return this.item.file.size; }

  show(text, tone = "") {
    this.state.textContent = text;
    if (tone) this.element.dataset.tone = tone;
    else delete this.element.dataset.tone;
    this.onChange();
  }

  async send() {
    this.waiting = false;
    this.failure = "";
    try {
      const upload = await send(this.base, this.item, {
        signal: this.abort.signal,
        onBegin: (begun) => this.begin(begun),
        onProgress: (bytes) => this.progress(bytes),
        onWaiting: (seconds) => {
          this.offline = true;
          this.show(`Connection lost, again in ${seconds} s`, "warn");
        },
      });
      this.id = upload.id;
      this.done = true;
      this.offline = false;
      this.sent = this.size;
      this.hold(upload.id).name = "uploads";
      this.show(`${inBytes(this.size)} · uploaded`, "ok");
    } catch (error) {
      if (!this.abort.signal.aborted) this.failed(error.message);
    }
  }

  /** The studio knows the file, or knows it already: what has arrived before is not sent again. */
  begin(upload) {
    this.sent = upload.received;
    this.hold(upload.id);
    this.onBegin();
  }

  hold(id) {
    this.input ??= Object.assign(document.createElement("input"), { type: "hidden", name: "begun" });
    this.input.value = id;
    this.element.append(this.input);
    return this.input;
  }

  progress(bytes) {
    if (!this.moved && bytes > this.sent) this.onBegin(); // its first bytes are on their way
    this.moved += Math.max(0, bytes - this.sent);
    this.offline = false;
    this.sent = bytes;
    this.bar.value = this.size ? bytes / this.size : 1;
    this.show(`${inBytes(bytes)} of ${inBytes(this.size)}`);
  }

  failed(message) {
    this.failure = message;
    this.offline = false;
    const again = Object.assign(node("button", "button", "Try again"), { type: "button" });
    again.dataset.size = "small";
    again.addEventListener("click", () => {
      again.remove();
      this.waiting = true;
      this.show("Waiting");
      this.onRetry();
    });
    this.show(message, "bad");
    this.state.after(again);
  }

  remove() {
    this.abort.abort();
    if (this.id) discard(this.base, this.id);
    this.waiting = false;
    this.element.remove();
    this.onRemove(this);
  }
}
