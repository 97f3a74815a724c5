// Lists the shortcuts of the page in a dialog: what stands in the sidebar with a button does it on a click, "?" anywhere.
const ALWAYS = [["/", "Search"], ["?", "This list"], ["Esc", "Close a dialog or menu"]];
const isTyping = (target) => target.closest?.("input, textarea, select, [contenteditable], dialog[open]");

function row([keys, label]) {
  const line = document.createElement("div");
  const what = Object.assign(document.createElement("dt"), { textContent: label });
  const how = document.createElement("dd");
  for (const key of keys.split(" ")) how.append(Object.assign(document.createElement("kbd"), { textContent: key }), " ");
  line.append(what, how);
  return line;
}

function show() {
  const links = [...document.querySelectorAll("[data-shortcut]")];
  const dialog = Object.assign(document.createElement("dialog"), { className: "dialog shortcuts" });
  dialog.setAttribute("aria-labelledby", "shortcuts-title");
  const title = Object.assign(document.createElement("h2"), { id: "shortcuts-title", textContent: "Keyboard shortcuts" });
  const list = document.createElement("dl");
  list.append(...ALWAYS.map(row), ...links.map((link) => row([link.dataset.shortcut, link.textContent.trim()])));
  const close = Object.assign(document.createElement("button"), { className: "button", textContent: "Close" });
  const form = Object.assign(document.createElement("form"), { method: "dialog", className: "question-actions" });
  form.append(close);
  dialog.append(title, list, form);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

export function start(item) {
  item.hidden = false;
  item.querySelector("button").addEventListener("click", show);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "?" || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    event.preventDefault();
    show();
  });
}
