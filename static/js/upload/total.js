/** The line under a drop zone: how much of everything is there, how fast, and how long it will still take. */
export function inBytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let amount = count;
  let unit = 0;
  while (amount >= 1000 && unit < units.length - 1) {
    amount /= 1000;
    unit += 1;
  }
  return `${unit ? amount.toFixed(1) : amount} ${units[unit]}`;
}

export function inTime(seconds) {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  if (seconds < 3600) return `${Math.ceil(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.ceil((seconds % 3600) / 60)} min`;
}

const sum = (rows, key) => rows.reduce((total, row) => total + row[key], 0);

export function showTotal(box, rows) {
  const size = sum(rows, "size");
  const sent = sum(rows, "sent");
  const unfinished = rows.some((row) => !row.done && !row.waiting) || rows.some((row) => row.waiting);
  box.hidden = rows.length === 0;
  if (box.hidden) return;
  const files = `${rows.length} file${rows.length > 1 ? "s" : ""}, ${inBytes(size)}`;
  const began = Math.min(...rows.map((row) => row.startedAt ?? Infinity));
  const speed = sent / ((performance.now() - began) / 1000);
  const pace = unfinished && speed > 0 ? ` · ${inBytes(speed)}/s · ${inTime((size - sent) / speed)} left` : "";
  const bar = box.querySelector("progress") ?? Object.assign(document.createElement("progress"), { className: "progress", max: 1 });
  bar.setAttribute("aria-label", "All files");
  bar.value = size ? sent / size : 1;
  bar.hidden = !unfinished;
  const label = Object.assign(document.createElement("span"), {
    textContent: unfinished ? `${inBytes(sent)} of ${files}${pace}` : `${files}, all uploaded`,
  });
  box.replaceChildren(label, bar);
}
