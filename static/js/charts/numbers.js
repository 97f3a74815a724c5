/** Writes the numbers of a drawn chart into the table of its disclosure: one row for each x, one column for each trace. */
const MOMENT = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d(?::\d\d)?)/;
const cell = (kind, text) => Object.assign(document.createElement(kind), { textContent: text });

function inWords(value) {
  if (value === undefined || value === null || Number.isNaN(value)) return "–";
  if (typeof value === "number") return String(Number(value.toPrecision(6)));
  const moment = String(value).match(MOMENT);
  return moment ? `${moment[1]} ${moment[2]}` : String(value);
}

function rowsOf(traces) {
  const rows = new Map();
  traces.forEach((trace, column) => {
    Array.from(trace.x ?? []).forEach((x, index) => {
      if (!rows.has(x)) rows.set(x, []);
      rows.get(x)[column] = trace.y[index];
    });
  });
  return [...rows].sort(([a], [b]) => (a < b ? 1 : -1));
}

export function fillTable(disclosure, chart) {
  const traces = chart._fullData ?? [];
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  for (const name of ["Time (UTC)", ...traces.map((trace) => trace.name)]) {
    head.append(Object.assign(cell("th", name), { scope: "col" }));
  }
  const body = table.createTBody();
  for (const [x, values] of rowsOf(traces)) {
    const row = body.insertRow();
    row.append(cell("td", inWords(x)), ...traces.map((_, index) => cell("td", inWords(values[index]))));
  }
  const box = disclosure.querySelector(".table");
  box.tabIndex = 0;
  box.replaceChildren(table);
}
