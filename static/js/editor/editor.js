/** A text field as a code editor: line numbers, colours, Tab. The field keeps the text, so that forms and htmx see it. */
let loading;

function load(name, properties) {
  return new Promise((resolve, reject) => {
    document.head.append(Object.assign(document.createElement(name), { onload: resolve, onerror: reject, ...properties }));
  });
}

const script = (src) => load("script", { src });

/** The editor's library, once a page. `addresses` are those of it, its styles and the languages that it colours here. */
async function library({ editor, styles, python, json, yaml }) {
  await Promise.all([script(editor), load("link", { rel: "stylesheet", href: styles })]);
  window.ace.config.set("useStrictCSP", true); // it would write its styles into the page itself
  await Promise.all([python, json, yaml].filter(Boolean).map(script));
  return window.ace;
}

const modeOf = (path) => ({ py: "ace/mode/python", json: "ace/mode/json", yaml: "ace/mode/yaml" })[path.split(".").at(-1)] ?? "ace/mode/text";

/** Puts an editor in the place of `area`. Gives {name, resize}: `name(path)` chooses the language by a file's name. */
export async function edit(area, path, addresses) {
  loading ??= library(addresses);
  const ace = await loading;
  const host = Object.assign(document.createElement("div"), { className: "editor" });
  const isInUse = document.activeElement === area;
  const cursor = area.selectionStart;
  area.after(host);
  area.hidden = true;
  const editor = ace.edit(host, {
    value: area.value,
    useWorker: false, // before the mode, which would start one
    mode: modeOf(path),
    tabSize: 4,
    useSoftTabs: true,
    minLines: 18,
    maxLines: 40,
    showPrintMargin: false,
    highlightActiveLine: false,
    showFoldWidgets: false,
    enableKeyboardAccessibility: true, // Enter begins, Esc lets Tab leave again
    textInputAriaLabel: area.getAttribute("aria-label") ?? area.labels[0]?.firstChild.textContent.trim(),
  });
  editor.session.on("change", () => {
    area.value = editor.getValue();
    area.dispatchEvent(new Event("input", { bubbles: true }));
  });
  if (isInUse) {
    editor.moveCursorToPosition(editor.session.doc.indexToPosition(cursor));
    editor.focus();
  }
  return { name: (now) => editor.session.setMode(modeOf(now)), resize: () => editor.resize(true) };
}
