// A text field in an editor (its files are data-editor, data-styles and those of its language; data-path says by a file's
// name which that is). The editor is large: it is fetched when somebody points at the field or moves into it. Without
// this script, or when it cannot be loaded, the field stays as it is.
import { edit } from "../editor/editor.js";

export function start(box) {
  const area = box.querySelector("textarea");
  const open = () => {
    box.removeEventListener("pointerenter", open);
    box.removeEventListener("focusin", open);
    edit(area, box.dataset.path, box.dataset).catch(() => {});
  };
  box.addEventListener("pointerenter", open);
  box.addEventListener("focusin", open);
}
