// Keys of the whole page: "/" focuses the search, "g m" follows the link with data-shortcut="g m".
const PATIENCE = 1200; // milliseconds between the two keys

const isTyping = (target) => target.closest?.("input, textarea, select, [contenteditable], dialog[open]");

export function start() {
  let first = "";
  let pressedAt = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (event.key === "/") {
      const search = document.getElementById("global-search");
      if (!search) return;
      event.preventDefault();
      search.focus();
      search.select();
      return;
    }
    const chord = `${first} ${event.key}`;
    const inTime = performance.now() - pressedAt < PATIENCE;
    const link = inTime && document.querySelector(`[data-shortcut="${CSS.escape(chord)}"]`);
    first = event.key === "g" ? "g" : "";
    pressedAt = performance.now();
    if (link) location.assign(link.href);
  });
}
