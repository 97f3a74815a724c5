// Fills data-value into the field that data-field selects, unless somebody has typed something of their own there.
const proposed = new WeakMap();

export function start(element) {
  const field = document.querySelector(element.dataset.field);
  if (field.value !== "" && field.value !== proposed.get(field)) return;
  proposed.set(field, element.dataset.value);
  if (field.value === element.dataset.value) return;
  field.value = element.dataset.value;
  field.dispatchEvent(new Event("change", { bubbles: true }));
}
