// Turns sections that stand below each other into tabs (arrow keys move between them).
export function start(box) {
  const sections = [...box.querySelectorAll(":scope > section")];
  const list = document.createElement("div");
  list.setAttribute("role", "tablist");
  list.setAttribute("aria-label", box.dataset.label ?? "Languages");
  const tabs = sections.map((section, index) => {
    section.id ||= `${box.id || "code"}-panel-${index}`;
    section.setAttribute("role", "tabpanel");
    section.querySelector("h3")?.remove();
    const tab = Object.assign(document.createElement("button"), { type: "button", textContent: section.dataset.label });
    tab.id = `${section.id}-tab`;
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", section.id);
    section.setAttribute("aria-labelledby", tab.id);
    return tab;
  });
  const show = (chosen, focus) => {
    tabs.forEach((tab, index) => {
      tab.setAttribute("aria-selected", index === chosen);
      tab.tabIndex = index === chosen ? 0 : -1;
      sections[index].hidden = index !== chosen;
    });
    if (focus) tabs[chosen].focus();
  };
  list.append(...tabs);
  list.addEventListener("click", (event) => {
    const index = tabs.indexOf(event.target.closest("[role=tab]"));
    if (index >= 0) show(index);
  });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) show((tabs.indexOf(event.target) + step + tabs.length) % tabs.length, true);
  });
  box.prepend(list);
  show(0);
}
