// Keys of the queue, and the number of selected rows. Every key also has a link or button.
(() => {
  "use strict";

  const rows = () => [...document.querySelectorAll(".queue-row")];
  const titleOf = (row) => row.querySelector(".queue-row__title");
  const tickOf = (row) => row.querySelector(".queue-row__tick input");
  const current = () => document.activeElement.closest(".queue-row");

  function move(step) {
    const all = rows();
    const here = all.indexOf(current());
    const next = all[here < 0 ? (step > 0 ? 0 : all.length - 1) : here + step];
    if (next) {
      titleOf(next).focus();
      next.scrollIntoView({ block: "nearest" });
    }
  }

  function tellChosen() {
    const words = document.querySelector("[data-chosen]");
    if (!words) return;
    const count = rows().filter((row) => tickOf(row).checked).length;
    words.textContent = count ? `${count} of ${rows().length} on this page selected.` : "Select posts to act on several at once.";
  }

  const keys = {
    j: () => move(1),
    k: () => move(-1),
    x() {
      const row = current();
      if (row && !tickOf(row).disabled) {
        tickOf(row).checked = !tickOf(row).checked;
        tellChosen();
      }
    },
    f() {
      const flag = current()?.querySelector(".queue-row__flag");
      if (flag) flag.click();
    },
    u: () => document.querySelector("button[data-key='u']")?.click(),
    "?": () => document.querySelector("a[data-key='?']")?.click(),
    Enter() {
      // On a link or a button Enter keeps its meaning.
      if (document.activeElement === document.body) document.querySelector("a[data-start]")?.click();
    },
  };

  function isTyping(element) {
    return element.isContentEditable || Boolean(element.closest("textarea, select, dialog, input:not([type='checkbox'])"));
  }

  document.addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey || isTyping(document.activeElement)) return;
    const act = Object.hasOwn(keys, event.key) && keys[event.key];
    if (!act) return;
    if (event.key !== "Enter") event.preventDefault();
    act();
  });
  document.addEventListener("change", tellChosen);
  // The browser keeps ticks when somebody comes back to the page.
  window.addEventListener("pageshow", tellChosen);
})();
