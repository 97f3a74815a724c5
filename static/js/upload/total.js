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
const SPAN = 5000; // milliseconds that the speed is measured over

/** Bytes per second of late: what was sent from here, without what had arrived before. */
function speedOf(box, rows) {
  const now = performance.now();
  const moved = sum(rows, "moved");
  const before = (box.samples ?? []).filter((each) => now - each.at < SPAN && each.moved <= moved);
  box.samples = [...before, { at: now, moved }];
  const [first] = box.samples;
  return now > first.at ? ((moved - first.moved) / (now - first.at)) * 1000 : 0;
}

function paceOf(box, rows, left) {
  const open = rows.filter((row) => !row.done && !row.waiting && !row.failure);
  if (open.length && open.every((row) => row.offline)) return " · waiting for the connection";
  const speed = speedOf(box, rows);
  return speed > 0 ? ` · ${inBytes(speed)}/s · ${inTime(left / speed)} left` : "";
}

export function showTotal(box, rows) {
  const size = sum(rows, "size");
  const sent = sum(rows, "sent");
  const unfinished = rows.some((row) => !row.done);
  box.hidden = rows.length === 0;
  if (box.hidden) return;
  const files = `${rows.length} file${rows.length > 1 ? "s" : ""}, ${inBytes(size)}`;
  const bar = box.querySelector("progress") ?? Object.assign(document.createElement("progress"), { className: "progress", max: 1 });
  bar.setAttribute("aria-label", "All files");
  bar.value = size ? sent / size : 1;
  bar.hidden = !unfinished;
  const label = Object.assign(document.createElement("span"), {
    textContent: unfinished ? `${inBytes(sent)} of ${files}${paceOf(box, rows, size - sent)}` : `${files}, all uploaded`,
  });
  box.replaceChildren(label, bar);
}
