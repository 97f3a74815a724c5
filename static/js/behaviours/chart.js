// Draws a Plotly figure that the server made: fetches data-url ({figures: {id: figure}} or one figure), draws data-figure,
// follows the theme, and looks again every data-refresh seconds while the page is visible.
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

export async function start(box) {
  const table = document.querySelector(`.chart-table[data-for="${CSS.escape(box.id)}"]`);
  const plotly = await loadPlotly();
  let figure = null;
  const draw = async () => {
    if (!figure || !box.isConnected) return;
    const { data, layout } = themed(figure);
    await plotly.react(box, data, layout, CONFIG);
    box.dataset.ready = "yes";
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
