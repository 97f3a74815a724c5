// Keeps "3 minutes ago" true while the page stays open.
const UNITS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60]];
const EVERY = 15_000; // milliseconds

function inWords(seconds) {
  for (const [unit, size] of UNITS) {
    const count = Math.floor(seconds / size);
    if (count >= 1) return `${count} ${unit}${count > 1 ? "s" : ""} ago`;
  }
  return seconds < 10 ? "just now" : `${Math.floor(seconds)} seconds ago`;
}

export function start(time) {
  const at = Date.parse(time.dateTime);
  const timer = setInterval(() => {
    if (!time.isConnected) clearInterval(timer);
    else time.textContent = inWords((Date.now() - at) / 1000);
  }, EVERY);
}
