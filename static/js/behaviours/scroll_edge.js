// Says of a box that scrolls sideways at which edges more of it waits: data-edge="start end". The style sheet draws it.
export function start(box) {
  const look = () => {
    const before = Math.abs(box.scrollLeft);
    const behind = box.scrollWidth - box.clientWidth - before;
    box.dataset.edge = [before > 1 && "start", behind > 1 && "end"].filter(Boolean).join(" ");
  };
  box.addEventListener("scroll", look, { passive: true });
  const sizes = new ResizeObserver(look);
  sizes.observe(box);
  for (const inside of box.children) sizes.observe(inside);
}
