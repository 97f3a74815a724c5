/** One file in the list of a drop zone: its name, progress, speed, outcome, and the hidden input that carries its id. */
import { inBytes } from "./total.js";
import { discard, send } from "./send.js";

const node = (tag, className, text = "") => Object.assign(document.createElement(tag), { className, textContent: text });

export class Row {
  constructor(item, { base, onChange, onRemove, onRetry }) {
    Object.assign(this, { item, base, onChange, onRemove, onRetry, sent: 0, waiting: true, done: false });
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
    this.startedAt = performance.now();
    try {
      const upload = await send(this.base, this.item, {
        signal: this.abort.signal,
        onProgress: (bytes) => this.progress(bytes),
        onWaiting: (seconds) => this.show(`Connection lost, again in ${seconds} s`, "warn"),
      });
      this.id = upload.id;
      this.done = true;
      this.sent = this.size;
      this.element.append(Object.assign(document.createElement("input"), { type: "hidden", name: "uploads", value: upload.id }));
      this.show(`${inBytes(this.size)} · uploaded`, "ok");
    } catch (error) {
      if (!this.abort.signal.aborted) this.failed(error.message);
    }
  }

  progress(bytes) {
    this.sent = bytes;
    this.bar.value = this.size ? bytes / this.size : 1;
    this.show(`${inBytes(bytes)} of ${inBytes(this.size)}`);
  }

  failed(message) {
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
