// Fills an address in while the name is typed that data-from selects, until somebody edits the address themselves.
function addressOf(name) {
  const plain = name.normalize("NFKD").replace(/[^\x20-\x7e]/g, "").toLowerCase().replaceAll("_", "-");
  return plain.replace(/[^a-z0-9\s-]/g, "").trim().replace(/[\s-]+/g, "-").replace(/^-+/, "").slice(0, 63).replace(/-+$/, "");
}

export function start(field) {
  const name = document.querySelector(field.dataset.from);
  let proposed = addressOf(name.value);
  name.addEventListener("input", () => {
    const untouched = field.value === "" || field.value === proposed;
    proposed = addressOf(name.value);
    if (untouched) field.value = proposed;
  });
}
