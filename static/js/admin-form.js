// The form of a post: warns before typed text is lost, and grows lists by a row. Everything works without it.
"use strict";

const form = document.querySelector("[data-warn-unsaved]");
if (form) {
  let changed = false;
  form.addEventListener("input", () => { changed = true; });
  form.addEventListener("submit", () => { changed = false; });
  addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
}

for (const rows of document.querySelectorAll("[data-rows]")) {
  rows.addEventListener("input", () => {
    const last = rows.lastElementChild;
    const isUsed = [...last.querySelectorAll("input")].some((input) => input.value);
    if (!isUsed) return;
    const next = last.cloneNode(true);
    const number = rows.children.length + 1;
    for (const input of next.querySelectorAll("input")) {
      input.value = "";
      if (input.hasAttribute("aria-label")) input.setAttribute("aria-label", input.getAttribute("aria-label").replace(/\d+$/, number));
    }
    rows.append(next);
  });
}
