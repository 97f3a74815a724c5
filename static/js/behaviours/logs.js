// A log that grows: asks data-url?offset=N for {html, offset, done} and adds the entries, until the server says `done`.
// It follows the end while the switch "Follow" of its section is on; scrolling up turns it off, back to the end on again.
const QUICK = 1000; // milliseconds, while text arrives
const SLOW = 3000; // while nothing happens
const KEEP = 3000; // entries and requests; more would make the page slow
const NEAR = 40; // pixels from the end that still count as the end
const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));
const isAtEnd = (log) => log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;

function followSwitch(log) {
  const box = log.closest("section")?.querySelector(".log-follow");
  if (!box) return null;
  box.closest("label").hidden = false;
  box.addEventListener("change", () => {
    if (box.checked) log.scrollTop = log.scrollHeight;
  });
  log.addEventListener("scroll", () => { box.checked = isAtEnd(log); });
  return box;
}

function add(log, html, follow) {
  const goes = follow ? follow.checked : isAtEnd(log);
  log.insertAdjacentHTML("beforeend", html);
  while (log.childElementCount > KEEP) log.firstElementChild.remove();
  if (goes) log.scrollTop = log.scrollHeight;
}

async function next(log) {
  const url = new URL(log.dataset.url, location.href);
  url.searchParams.set("offset", log.dataset.offset ?? 0);
  const response = await fetch(url, { headers: { Accept: "application/json" } });
  if (!response.ok) return { html: "", offset: log.dataset.offset, done: response.status < 500 };
  return response.json();
}

export async function start(log) {
  const follow = followSwitch(log);
  log.scrollTop = log.scrollHeight;
  while (log.isConnected) {
    if (document.hidden) {
      await pause(SLOW);
      continue;
    }
    const piece = await next(log).catch(() => ({ html: "", offset: log.dataset.offset }));
    const grew = Number(piece.offset) !== Number(log.dataset.offset);
    log.dataset.offset = piece.offset;
    if (piece.html) add(log, piece.html, follow);
    log.dataset.state = piece.done ? "done" : "following";
    if (piece.done) return;
    await pause(grew ? QUICK : SLOW);
  }
}
