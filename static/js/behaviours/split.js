// Sliders beside the number fields of a split: what one gains, the others give in proportion, so that all sum to 100 %.
// The bar above them follows.
const STEPS = 100; // of a per cent
const NARROW = 16; // per cent: no room for words in a part of the bar

function read(field) {
  const value = Math.round(Number(field.value) * STEPS);
  return Number.isFinite(value) ? Math.min(100 * STEPS, Math.max(0, value)) : 0;
}

// The other shares in whole steps, in proportion to what they were; what rounding leaves goes to the first of them.
export function others(before, left) {
  const sum = before.reduce((total, value) => total + value, 0);
  const after = before.map((value) => Math.floor(sum ? (value * left) / sum : left / before.length));
  const rest = left - after.reduce((total, value) => total + value, 0);
  if (after.length) after[Math.max(0, after.findIndex((value) => value > 0))] += rest;
  return after;
}

function draw(part, begin, percent) {
  const [box, text] = part.children;
  part.toggleAttribute("hidden", !percent);
  box.setAttribute("x", `${begin}%`);
  box.setAttribute("width", `${percent}%`);
  text.setAttribute("x", `${begin}%`);
  text.setAttribute("visibility", percent < NARROW ? "hidden" : "visible");
  text.textContent = `${part.dataset.part} · ${percent} %`;
}

export function start(form) {
  const rows = [...form.querySelectorAll("[data-share]")].map((row) => ({
    number: row.querySelector(":scope > .amount input"),
    slider: row.querySelector("input[type=range]"),
  }));
  const sum = form.querySelector("[data-sum]");
  const bar = form.querySelector(".shares");
  let shares = rows.map(({ number }) => read(number));

  function show() {
    rows.forEach(({ number, slider }, index) => {
      const text = String(shares[index] / STEPS);
      if (document.activeElement !== number) number.value = text;
      slider.value = text;
    });
    let begin = 0;
    rows.forEach(({ slider }, index) => {
      draw(bar.querySelector(`[data-part="${slider.closest("[data-share]").dataset.share}"]`), begin, shares[index] / STEPS);
      begin += shares[index] / STEPS;
    });
    sum.textContent = `${shares.reduce((total, value) => total + value, 0) / STEPS} %`;
  }

  function move(index, value) {
    if (rows.length === 1) value = 100 * STEPS;
    const rest = others(shares.filter((_, other) => other !== index), 100 * STEPS - value);
    shares = shares.map((_, other) => (other === index ? value : rest.shift()));
    show();
  }

  rows.forEach(({ number, slider }, index) => {
    slider.hidden = false;
    slider.addEventListener("input", () => move(index, read(slider)));
    number.addEventListener("change", () => move(index, read(number)));
  });
  show();
}
