// A button that goes round: system, light, dark. Remembered; the page's style sheets and charts follow.
const NEXT = { system: "light", light: "dark", dark: "system" };
const root = document.documentElement;
const current = () => root.dataset.theme ?? "system";

function remember(theme) {
  try {
    if (theme === "system") localStorage.removeItem("theme");
    else localStorage.setItem("theme", theme);
  } catch { /* storage may be forbidden: the choice then lasts for this page */ }
}

export function start(button) {
  const show = () => {
    button.dataset.themeNow = current();
    button.title = `Theme: ${current()}`;
    button.setAttribute("aria-label", `Theme: ${current()}. Switch to ${NEXT[current()]}`);
    button.hidden = false;
  };
  button.addEventListener("click", () => {
    const theme = NEXT[current()];
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
    remember(theme);
    show();
    document.dispatchEvent(new CustomEvent("theme:changed"));
  });
  show();
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  document.dispatchEvent(new CustomEvent("theme:changed"));
});
