/** The token that unsafe requests of this page carry in X-CSRFToken. */
export function csrfToken() {
  return document.querySelector('meta[name="csrf-token"]')?.content ?? "";
}
