// The viewer of the API page: its theme follows the studio's, and its markup what screen readers expect of headings and
// buttons. A link inside a button is one too many; the button itself keeps the address of the operation in the URL.
{
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => root.classList.toggle("dark-mode", (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark");
  system.addEventListener("change", follow);
  follow();

  const MISSING = [
    [".information-container", { role: "region", "aria-label": "About the API" }],
    ["h3.opblock-tag, .models > h4", { "aria-level": "2" }],
    [".opblock-body h4", { "aria-level": "3" }],
    [".examples-select-element", { "aria-label": "Example" }],
    ["pre.microlight", { tabindex: "0" }],
  ];
  const set = (element, name, value) => element.getAttribute(name) === value || element.setAttribute(name, value);
  const mend = () => {
    for (const [selector, attributes] of MISSING)
      for (const element of document.querySelectorAll(selector))
        for (const [name, value] of Object.entries(attributes)) set(element, name, value);
    for (const table of document.querySelectorAll("table.responses-table"))
      set(table, "aria-label", `Responses of ${table.closest(".opblock").querySelector(".opblock-summary").innerText}`);
    for (const link of document.querySelectorAll(".opblock-summary-control a[href]")) link.removeAttribute("href");
  };
  new MutationObserver(mend).observe(root, { childList: true, subtree: true });
}
