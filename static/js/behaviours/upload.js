// A drop zone: files and folders go to the studio in chunks while the form is filled in; the form then sends their ids.
import { fromDrop, fromInput } from "../upload/collect.js";
import { Row } from "../upload/row.js";
import { showTotal } from "../upload/total.js";

const AT_ONCE = 2; // files on their way at the same time

export function start(drop) {
  const form = drop.closest("form");
  const input = drop.querySelector("input[type=file]");
  const rows = [];
  let busy = 0;

  const update = () => {
    showTotal(drop.querySelector(".drop-total"), rows);
    const ready = rows.length > 0 && rows.every((row) => row.done);
    drop.dataset.state = rows.length ? (ready ? "ready" : "sending") : "empty";
    for (const button of form?.querySelectorAll("[type=submit]") ?? []) button.disabled = rows.length > 0 && !ready;
  };
  const sending = () => rows.some((row) => row.id === undefined && !row.failure);
  window.addEventListener("beforeunload", (event) => {
    if (drop.isConnected && sending()) event.preventDefault();
  });
  const next = async () => {
    const row = rows.find((each) => each.waiting);
    if (!row || busy >= AT_ONCE) return;
    busy += 1;
    await row.send();
    busy -= 1;
    update();
    begun();
    next();
  };
  const begun = () => drop.dispatchEvent(new CustomEvent("upload:begun", { bubbles: true }));
  const remove = (row) => {
    rows.splice(rows.indexOf(row), 1);
    update();
    begun();
  };
  const add = (items) => {
    for (const item of items) {
      const row = new Row(item, { base: drop.dataset.url, onChange: update, onRemove: remove, onRetry: next, onBegin: begun });
      rows.push(row);
      drop.querySelector(".drop-list").append(row.element);
    }
    update();
    for (let slot = 0; slot < AT_ONCE; slot += 1) next();
  };

  input.required = false; // the ids count, not the files of the input
  const take = (field) => {
    const items = fromInput(field.files);
    field.value = "";
    add(items);
  };
  input.addEventListener("change", () => take(input));
  const folder = Object.assign(document.createElement("input"), { type: "file", webkitdirectory: true, hidden: true });
  folder.addEventListener("change", () => take(folder));
  const chooseFolder = drop.querySelector(".drop-folder");
  chooseFolder.hidden = false;
  chooseFolder.after(folder);
  chooseFolder.addEventListener("click", () => folder.click());

  const over = (yes) => (event) => {
    event.preventDefault();
    drop.toggleAttribute("data-over", yes);
  };
  drop.addEventListener("dragover", over(true));
  drop.addEventListener("dragleave", over(false));
  drop.addEventListener("drop", async (event) => {
    over(false)(event);
    add(await fromDrop(event.dataTransfer));
  });
  drop.dataset.ready = "yes";
  if (input.files.length) take(input); // chosen before this script was there
}
