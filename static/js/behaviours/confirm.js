// Asks before something destructive. Two ways to use it:
//   <button type="button" data-behaviour="confirm" data-dialog="ID">   opens that <dialog>
//   <form data-behaviour="confirm" data-confirm="Delete iris:3?" data-action="Delete">   asks before it is sent
function ask(text, action) {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  dialog.setAttribute("aria-label", text);
  const question = Object.assign(document.createElement("p"), { textContent: text });
  const form = Object.assign(document.createElement("form"), { method: "dialog", className: "dialog-actions" });
  const cancel = Object.assign(document.createElement("button"), { className: "button", textContent: "Cancel", value: "no" });
  const go = Object.assign(document.createElement("button"), { className: "button", textContent: action, value: "yes" });
  go.dataset.variant = "danger";
  form.append(cancel, go);
  dialog.append(question, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}

export function start(element) {
  if (element.dataset.dialog) {
    element.addEventListener("click", (event) => {
      event.preventDefault();
      document.getElementById(element.dataset.dialog).showModal();
    });
    return;
  }
  let agreed = false;
  element.addEventListener("submit", async (event) => {
    if (agreed) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // htmx listens on the same form and must wait as well
    if (await ask(element.dataset.confirm, element.dataset.action ?? "Go on")) {
      agreed = true;
      if (!element.isConnected) {
        element.hidden = true; // the part of the page around it was exchanged while the question stood
        document.body.append(element);
      }
      element.requestSubmit(event.submitter);
    }
  }, { capture: true });
}
