// The source files of a config as tabs, each in an editor (its files are data-editor, data-styles, data-python and
// data-json). The editor is larger than all the rest of the page: it is fetched when somebody points at a file or moves
// into it. Without this script, or when the editor cannot be loaded, they are text fields; "Add a file" then asks the
// server.
import { edit } from "../editor/editor.js";

const make = (tag, properties, attributes = {}) => {
  const element = Object.assign(document.createElement(tag), properties);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
};

export function start(box) {
  const tabs = make("div", { className: "sources-tabs" }, { role: "tablist", "aria-label": "Source files" });
  const files = [];

  const show = (file, focus) => {
    for (const each of files) {
      each.tab.setAttribute("aria-selected", each === file);
      each.tab.tabIndex = each === file ? 0 : -1;
      each.section.hidden = each !== file;
    }
    file.editor?.resize();
    if (focus) file.tab.focus();
  };
  const label = (file) => {
    file.tab.textContent = file.path.value.trim() || "new file";
    file.editor?.name(file.path.value);
  };
  const remove = (file) => {
    files.splice(files.indexOf(file), 1);
    file.tab.remove();
    file.section.remove();
    show(files[0], true);
    box.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const take = (section) => {
    const number = files.length;
    section.id ||= `source-${Date.now()}-${number}`;
    section.setAttribute("role", "tabpanel");
    const tab = make("button", { type: "button", id: `${section.id}-tab` }, { role: "tab", "aria-controls": section.id });
    section.setAttribute("aria-labelledby", tab.id);
    const file = { section, tab, path: section.querySelector("input"), area: section.querySelector("textarea") };
    files.push(file);
    tabs.append(tab);
    if (number) {
      const button = make("button", { type: "button", className: "button", textContent: "Remove this file" });
      button.dataset.size = "small";
      button.addEventListener("click", () => remove(file));
      section.append(make("div", {}));
      section.lastElementChild.append(button);
    }
    file.path.addEventListener("input", () => label(file));
    label(file);
    const open = async () => {
      section.removeEventListener("pointerenter", open);
      section.removeEventListener("focusin", open);
      file.editor = await edit(file.area, file.path.value, box.dataset);
      file.editor.name(file.path.value); // it may have been typed meanwhile
    };
    section.addEventListener("pointerenter", open);
    section.addEventListener("focusin", open);
  };

  tabs.addEventListener("click", (event) => {
    const file = files.find((each) => each.tab === event.target.closest("[role=tab]"));
    if (file) show(file);
  });
  tabs.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = files.findIndex((each) => each.tab === event.target);
    if (step && at >= 0) show(files[(at + step + files.length) % files.length], true);
  });
  box.closest("form").querySelector(".add-source").addEventListener("click", (event) => {
    event.preventDefault();
    box.append(box.querySelector("template").content.cloneNode(true));
    take(box.querySelector(":scope > section:last-of-type"));
    show(files.at(-1));
    files.at(-1).path.focus();
  });
  const sections = [...box.querySelectorAll(":scope > section")];
  box.prepend(tabs);
  for (const section of sections) take(section);
  show(files[0]);
}
