// Draws a Plotly figure that the server made: fetches data-url ({figures: {id: figure}} or one figure), draws data-figure,
// follows the theme, and looks again every data-refresh seconds while the page is visible. With data-zoom, dragging over a
// part leads to that page for this time, so that the address keeps it.
import { fetchFigures } from "../charts/figures.js";
import { loadPlotly } from "../charts/plotly.js";
import { fillTable } from "../charts/numbers.js";
import { themed } from "../charts/theme.js";

const CONFIG = { displayModeBar: false, responsive: true };

function fail(box, message) {
  if (box.dataset.ready === "yes") return; // an old picture is better than none
  box.dataset.message = message;
  box.dataset.ready = "failed";
}

function choose(answer, id) {
  if (!answer.figures) return answer;
  return answer.figures[id ?? Object.keys(answer.figures)[0]];
}

/** Only with a fine pointer: on a touch screen dragging scrolls. */
function zoomable(layout) {
  if (!matchMedia("(pointer: fine)").matches) return layout;
  return { ...layout, dragmode: "zoom", xaxis: { ...layout.xaxis, fixedrange: false } };
}

function showTime(page, from, to) {
  const url = new URL(page, location.href);
  const moment = (text) => `${String(text).replace(" ", "T").slice(0, 19).padEnd(19, ":00")}Z`;
  url.searchParams.set("since", moment(from));
  url.searchParams.set("until", moment(to));
  const scale = new URLSearchParams(location.search).get("scale");
  if (scale) url.searchParams.set("scale", scale);
  location.assign(url);
}

function sayUnit(box, unit) {
  const place = box.closest("figure")?.querySelector(".chart-unit");
  if (place && unit) place.textContent = unit;
}

export async function start(box) {
  const table = document.querySelector(`.chart-table[data-for="${CSS.escape(box.id)}"]`);
  const plotly = await loadPlotly();
  let figure = null;
  const draw = async () => {
    if (!figure || !box.isConnected) return;
    const { data, layout } = themed(figure);
    await plotly.react(box, data, box.dataset.zoom ? zoomable(layout) : layout, CONFIG);
    if (box.dataset.zoom && box.dataset.ready !== "yes") {
      box.on("plotly_relayout", (change) => {
        if (change["xaxis.range[0]"]) showTime(box.dataset.zoom, change["xaxis.range[0]"], change["xaxis.range[1]"]);
      });
    }
    box.dataset.ready = "yes";
    sayUnit(box, figure.layout?.meta?.unit);
    if (table?.open) fillTable(table, box);
  };
  const refresh = async () => {
    try {
      figure = choose(await fetchFigures(box.dataset.url), box.dataset.figure);
      if (!figure) fail(box, "No such chart.");
      await draw();
    } catch {
      fail(box, "The figures cannot be loaded. Reload the page to try again.");
    }
  };
  document.addEventListener("theme:changed", draw);
  table?.addEventListener("toggle", () => table.open && fillTable(table, box));
  await refresh();
  const seconds = Number(box.dataset.refresh);
  if (!seconds) return;
  const timer = setInterval(() => {
    if (!box.isConnected) clearInterval(timer);
    else if (!document.hidden) refresh();
  }, seconds * 1000);
}
