/**
 * A figure in the page's colours. Any string of a trace or layout that names a token ("--ok", "--series-2") becomes that
 * token's colour in the present theme; what the server leaves out follows the page.
 */
const SERIES = 6;

function colour(token) {
  const probe = document.createElement("span");
  probe.style.color = `var(${token})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

function resolve(value) {
  if (typeof value === "string") return value.startsWith("--") ? colour(value) : value;
  if (Array.isArray(value)) return typeof value[0] === "number" ? value : value.map(resolve);
  if (value && typeof value === "object" && !ArrayBuffer.isView(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, resolve(each)]));
  }
  return value;
}

function axis(given = {}) {
  const line = colour("--line");
  return { gridcolor: line, linecolor: line, zerolinecolor: line, automargin: true, fixedrange: true, ...given };
}

export function themed(figure) {
  const { data, layout = {} } = resolve(figure);
  const { template, title, width, height, ...rest } = layout; // the caption carries the title, CSS the size
  const style = getComputedStyle(document.body);
  const surface = colour("--raised");
  const text = colour("--muted");
  const axes = Object.fromEntries(
    ["xaxis", "yaxis", ...Object.keys(rest).filter((key) => /^[xy]axis\d+$/.test(key))].map((key) => [key, axis(rest[key])]),
  );
  return {
    data,
    layout: {
      margin: { l: 44, r: 16, t: data.length > 1 ? 30 : 12, b: 34 },
      hovermode: "x unified",
      showlegend: data.length > 1,
      ...rest,
      ...axes,
      autosize: true,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: style.fontFamily, size: 11, color: text },
      colorway: Array.from({ length: SERIES }, (_, index) => colour(`--series-${index + 1}`)),
      hoverlabel: { bgcolor: surface, bordercolor: colour("--line-strong"), font: { color: colour("--text"), size: 12 } },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, bgcolor: "rgba(0,0,0,0)", ...rest.legend },
    },
  };
}
