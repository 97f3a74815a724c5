// Copies data-copy, or the text or value of the element that data-copy-from selects, and says so for a moment.
const SHOWN_FOR = 1500; // milliseconds

async function write(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Plain http on another machine has no clipboard object; the old command still works there.
  const area = Object.assign(document.createElement("textarea"), { value: text });
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

export function start(button) {
  const use = button.querySelector("use");
  const icon = use?.getAttribute("href");
  button.addEventListener("click", async () => {
    const source = button.dataset.copyFrom && document.querySelector(button.dataset.copyFrom);
    await write(source ? source.value ?? source.textContent : button.dataset.copy);
    button.dataset.done = "";
    use?.setAttribute("href", icon.replace(/#.*/, "#check"));
    setTimeout(() => {
      delete button.dataset.done;
      use?.setAttribute("href", icon);
    }, SHOWN_FOR);
  });
}
