/**
 * A figure in the page's colours. Any string of a trace or layout that names a token ("var(--ok)", "--series-2") becomes that
 * token's colour in the present theme; what the server leaves out follows the page.
 */
const SERIES = 6;
const TOKEN = /^(?:var\()?(--[a-z0-9-]+)\)?$/;
const FILL = 0.14; // opacity of the area under a line

function colour(token) {
  const probe = document.createElement("span");
  probe.style.color = `var(${token})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

function resolve(value) {
  if (typeof value === "string") return TOKEN.test(value) ? colour(value.match(TOKEN)[1]) : value;
  if (Array.isArray(value)) return typeof value[0] === "number" ? value : value.map(resolve);
  if (value && typeof value === "object" && !ArrayBuffer.isView(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, resolve(each)]));
  }
  return value;
}

function axis(given = {}) {
  const line = colour("--line");
  const { title, ...rest } = given; // the caption says the unit
  return { gridcolor: line, linecolor: line, zerolinecolor: line, automargin: true, fixedrange: true, ...rest };
}

/** An area under a line is its line's colour, thinned. */
function filled(trace) {
  const line = trace.line?.color;
  if (!trace.fill || trace.fill === "none" || trace.fillcolor || !line?.startsWith("rgb(")) return trace;
  return { ...trace, fillcolor: line.replace("rgb(", "rgba(").replace(")", `, ${FILL})`) };
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
    data: data.map(filled),
    layout: {
      hovermode: "x unified",
      showlegend: data.length > 1,
      ...rest,
      margin: { l: 44, r: 16, t: layout.annotations?.length ? 22 : 12, b: data.length > 1 ? 56 : 36 },
      ...axes,
      autosize: true,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: style.fontFamily, size: 11, color: text },
      colorway: Array.from({ length: SERIES }, (_, index) => colour(`--series-${index + 1}`)),
      hoverlabel: { bgcolor: surface, bordercolor: colour("--line-strong"), font: { color: colour("--text"), size: 12 } },
      legend: { orientation: "h", yref: "container", y: 0.01, yanchor: "bottom", x: 0, bgcolor: "rgba(0,0,0,0)", ...rest.legend },
    },
  };
}
