// Asks before something destructive: <form method="get" action="…/stop/" data-behaviour="confirm"> shows the question behind
// that address in a dialog over this page. Without JavaScript, and when the question cannot be had, the form leads to the
// page that asks.
function show(html) {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  dialog.setAttribute("aria-labelledby", "question-title");
  dialog.innerHTML = html; // ours: the same form that the page of the question holds
  dialog.addEventListener("close", () => dialog.remove());
  const cancel = dialog.querySelector("[data-cancel]");
  cancel.addEventListener("click", (event) => {
    event.preventDefault();
    dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  cancel.focus(); // Enter alone destroys nothing
}

async function questionBehind(url) {
  const response = await fetch(url, { headers: { "HX-Request": "true" } });
  return response.ok && !response.redirected ? response.text() : null;
}

export function start(form) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const url = new URL(form.action);
    url.search = new URLSearchParams(new FormData(form));
    const html = await questionBehind(url).catch(() => null);
    if (html) show(html);
    else location.assign(url);
  });
}
