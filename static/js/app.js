// Starts the behaviour that an element names: <button data-behaviour="copy"> runs start(button) of behaviours/copy.js,
// on this page and in everything that arrives later. An element works alone: a behaviour that fails leaves the others be.
// Tables need not name theirs: all say where they scroll.
import { behaviours } from "./behaviours.js";
import { start as startShortcuts } from "./behaviours/shortcuts.js";
import { csrfToken } from "./csrf.js";

const BEHAVES = "[data-behaviour], .table";
const started = new WeakSet();

function namesOf(element) {
  const named = element.dataset.behaviour?.split(" ") ?? [];
  return element.matches(".table") ? [...named, "scroll_edge"] : named;
}

async function startOne(name, element) {
  behaviours.get(name)(element);
}

function start(element) {
  if (started.has(element)) return;
  started.add(element);
  for (const name of namesOf(element)) startOne(name, element);
}

function startIn(root) {
  if (root.matches?.(BEHAVES)) start(root);
  root.querySelectorAll?.(BEHAVES).forEach(start);
}

new MutationObserver((changes) => {
  for (const change of changes) change.addedNodes.forEach(startIn);
}).observe(document.body, { childList: true, subtree: true });
startIn(document.body);
startShortcuts();


document.addEventListener("htmx:config:request", (event) => {
  const { ctx } = event.detail;
  ctx.request.headers["X-CSRFToken"] = csrfToken();
  // Nobody looks at a hidden tab: it polls again when it is shown.
  if (document.hidden && ctx.sourceEvent?.type === "every") event.preventDefault();
});
document.addEventListener("htmx:before:response", (event) => {
  // Signed out in the meantime: show the sign-in page itself, not a piece of it inside this one.
  if (new URL(event.detail.ctx.response.raw.url).pathname === "/sign-in/") {
    event.preventDefault();
    location.reload();
  }
});
