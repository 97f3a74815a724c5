// A log that grows: asks data-url?offset=N for {text, offset, done} and adds the text, until the server says `done`.
// It follows the end unless the reader has scrolled up.
const QUICK = 1000; // milliseconds, while text arrives
const SLOW = 3000; // while nothing happens
const KEEP = 400_000; // characters; more would make the page slow
const COLOURS = /\u001b\[[0-9;]*m/g;
const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

function add(log, text) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  log.append(text.replace(COLOURS, ""));
  if (log.textContent.length > KEEP) log.textContent = `… ${log.textContent.slice(-KEEP / 2)}`;
  if (atEnd) log.scrollTop = log.scrollHeight;
}

async function next(log) {
  const url = new URL(log.dataset.url, location.href);
  url.searchParams.set("offset", log.dataset.offset ?? 0);
  const response = await fetch(url, { headers: { Accept: "application/json" } });
  if (!response.ok) return { text: "", offset: log.dataset.offset, done: response.status < 500 };
  return response.json();
}

export async function start(log) {
  log.scrollTop = log.scrollHeight;
  while (log.isConnected) {
    if (document.hidden) {
      await pause(SLOW);
      continue;
    }
    const piece = await next(log).catch(() => ({ text: "", offset: log.dataset.offset }));
    log.dataset.offset = piece.offset;
    if (piece.text) add(log, piece.text);
    log.dataset.state = piece.done ? "done" : "following";
    if (piece.done) return;
    await pause(piece.text ? QUICK : SLOW);
  }
}
