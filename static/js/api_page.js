// The viewer of the API page has a theme of its own: this keeps it in step with the studio's.
{
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => root.classList.toggle("dark-mode", (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark");
  system.addEventListener("change", follow);
  follow();
}
