// Arrow keys in a drawing of a graph: up and down follow the edges, left and right go to the neighbours of the layer,
// "/" goes to the search of the graph. The links work without this.
const middleOf = (box) => box.left + box.width / 2;

export function start(graph) {
  const links = [...graph.querySelectorAll("a[data-node]")];
  const byKey = new Map(links.map((link) => [link.dataset.node, link]));
  const placeOf = (link) => link.querySelector(".box").getBoundingClientRect();

  // The nearest layer first, and in it what is straight above or below.
  function nearest(link, keys) {
    const from = placeOf(link);
    const far = (box) => [Math.abs(box.top - from.top), Math.abs(middleOf(box) - middleOf(from))];
    const drawn = keys.split(" ").map((key) => byKey.get(key)).filter(Boolean);
    const ways = drawn.map((other) => ({ other, way: far(placeOf(other)) }));
    return ways.sort((one, two) => one.way[0] - two.way[0] || one.way[1] - two.way[1])[0]?.other;
  }

  function beside(link, step) {
    const next = links[links.indexOf(link) + step];
    return next && Math.abs(placeOf(next).top - placeOf(link).top) < 1 ? next : undefined;
  }

  const ways = {
    ArrowUp: (link) => nearest(link, link.dataset.above),
    ArrowDown: (link) => nearest(link, link.dataset.below),
    ArrowLeft: (link) => beside(link, -1),
    ArrowRight: (link) => beside(link, 1),
  };

  graph.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (event.key === "/") {
      event.preventDefault();
      event.stopPropagation();
      document.getElementById(graph.dataset.search)?.focus();
      return;
    }
    const way = ways[event.key];
    if (!way) return;
    const link = event.target.closest("a[data-node]");
    const next = link ? way(link) : event.key === "ArrowDown" && (graph.querySelector("a[aria-current]") ?? links[0]);
    if (!next) return;
    event.preventDefault();
    next.focus({ preventScroll: true });
    next.querySelector(".box").scrollIntoView({ block: "nearest", inline: "nearest" });
  });

  const current = graph.querySelector("a[aria-current]");
  if (!current) {
    graph.scrollLeft = (graph.scrollWidth - graph.clientWidth) / 2;
    return;
  }
  const [box, frame] = [placeOf(current), graph.getBoundingClientRect()];
  graph.scrollLeft += middleOf(box) - middleOf(frame);
  graph.scrollTop += box.top + box.height / 2 - (frame.top + frame.height / 2);
  if (new URLSearchParams(location.search).get("node") === current.dataset.node) current.focus({ preventScroll: true });
}
