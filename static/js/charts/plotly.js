/** Loads the charting library at the first chart of a page, once. */
let loading;

export function loadPlotly() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("../../vendor/plotly/plotly-cartesian.min.js", import.meta.url);
    script.onload = () => resolve(window.Plotly);
    script.onerror = reject;
    document.head.append(script);
  });
  return loading;
}
