// Says at once whether the text is JSON, keeps the indentation on Enter, formats on demand, sends on Ctrl+Enter.
// Tab leaves the field as everywhere else, so that the keyboard never gets caught.
function problem(text) {
  try {
    JSON.parse(text);
    return "";
  } catch (error) {
    return error.message;
  }
}

export function start(box) {
  const area = box.querySelector("textarea");
  const verdict = box.querySelector(".json-verdict");
  const hint = verdict.textContent;
  const check = () => {
    const wrong = area.value.trim() ? problem(area.value) : "";
    verdict.textContent = wrong ? `Not JSON yet: ${wrong}` : hint;
    verdict.dataset.tone = wrong ? "bad" : "";
    area.setAttribute("aria-invalid", Boolean(wrong));
    format.disabled = Boolean(wrong);
  };
  const format = Object.assign(document.createElement("button"), { type: "button", className: "button", textContent: "Format" });
  format.dataset.size = "small";
  format.addEventListener("click", () => {
    if (area.value.trim()) area.value = JSON.stringify(JSON.parse(area.value), null, 2);
  });
  area.addEventListener("input", check);
  area.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    if (event.ctrlKey || event.metaKey) {
      area.form?.requestSubmit();
      return;
    }
    const line = area.value.slice(0, area.selectionStart).split("\n").at(-1);
    const deeper = /[[{]\s*$/.test(line) ? "  " : "";
    area.setRangeText(`\n${line.match(/^\s*/)[0]}${deeper}`, area.selectionStart, area.selectionEnd, "end");
    check();
  });
  box.querySelector("label").after(format);
  check();
}
