// The images and the checklist of a post: any number of rows, in an order that keys or the mouse change. Without it the
// form has a number for each row, and a few empty rows.
"use strict";

{
  const button = (text, label, act) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    if (label) made.setAttribute("aria-label", label);
    made.addEventListener("click", act);
    return made;
  };

  const ordered = (rows) => {
    const noun = rows.dataset.ordered;
    const { prefix } = rows.dataset;
    const template = document.querySelector(`template[data-empty-row='${prefix}']`);
    const total = document.getElementById(`id_${prefix}-TOTAL_FORMS`);
    const said = document.createElement("p");
    said.className = "visually-hidden";
    said.setAttribute("role", "status");

    const position = (row) => row.querySelector("input[name$='-position']");
    const isFilled = (row) =>
      [...row.querySelectorAll("input:not([type='hidden'], [type='checkbox']), textarea")].some((field) => field.value);
    const changed = () => rows.dispatchEvent(new CustomEvent("rows-changed", { bubbles: true }));
    const name = (row, number) => {
      const words = `${noun} ${number}`;
      row.querySelector("legend").textContent = words;
      const [up, down] = row.querySelectorAll(".order-buttons button");
      up.setAttribute("aria-label", `Move ${words} up`);
      down.setAttribute("aria-label", `Move ${words} down`);
      row.querySelector(".row-remove")?.setAttribute("aria-label", `Remove ${words}`);
    };
    const renumber = () => {
      [...rows.children].forEach((row, index) => {
        name(row, index + 1);
        position(row).value = isFilled(row) ? index + 1 : "";
      });
      changed();
    };

    const move = (row, step, pressed) => {
      const other = step < 0 ? row.previousElementSibling : row.nextElementSibling;
      if (!other) return;
      if (step < 0) other.before(row); else other.after(row);
      renumber();
      pressed.focus();
      said.textContent = `Now ${row.querySelector("legend").textContent}.`;
    };

    let dragged = null;
    const makeDraggable = (row) => {
      const handle = document.createElement("span");
      handle.className = "order-handle";
      handle.textContent = "⠿";
      handle.draggable = true;
      // Keys have the buttons beside it.
      handle.setAttribute("aria-hidden", "true");
      handle.addEventListener("dragstart", (event) => {
        dragged = row;
        event.dataTransfer.effectAllowed = "move";
        event.dataTransfer.setData("text/plain", "");
        event.dataTransfer.setDragImage(row, 0, 0);
        row.classList.add("is-dragged");
      });
      handle.addEventListener("dragend", () => {
        row.classList.remove("is-dragged");
        dragged = null;
        renumber();
      });
      return handle;
    };
    rows.addEventListener("dragover", (event) => {
      const over = event.target.closest(`#${rows.id} > *`);
      if (!dragged || !over) return;
      event.preventDefault();
      if (over === dragged) return;
      const { top, height } = over.getBoundingClientRect();
      if (event.clientY < top + height / 2) over.before(dragged); else over.after(dragged);
    });
    rows.addEventListener("drop", (event) => { if (dragged) event.preventDefault(); });

    const remove = (row) => {
      const next = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      renumber();
      (next?.querySelector("input:not([type='hidden'])") ?? add).focus();
    };

    const equip = (row, number) => {
      const buttons = document.createElement("span");
      buttons.className = "order-buttons";
      const up = button("↑", "", () => move(row, -1, up));
      const down = button("↓", "", () => move(row, 1, down));
      buttons.append(makeDraggable(row), up, down);
      row.querySelector(".field--position").classList.add("has-order");
      position(row).after(buttons);
      // A row of the saved post has a box for it.
      if (!row.querySelector("input[name$='-DELETE']")) {
        const removal = button("Remove", "", () => remove(row));
        removal.className = "row-remove";
        row.append(removal);
      }
      name(row, number);
    };

    rows.addRow = () => {
      const index = Number(total.value);
      const holder = document.createElement("template");
      holder.innerHTML = template.innerHTML.replaceAll("__prefix__", index);
      const row = holder.content.firstElementChild;
      total.value = index + 1;
      rows.append(row);
      equip(row, rows.children.length);
      return row;
    };

    const add = button(`Add ${noun.toLowerCase()}`, "", () => {
      rows.addRow().querySelector("input[name$='-url'], [name$='-text']").focus();
    });
    add.className = "row-add";

    rows.id ||= `rows-${prefix}`;
    // A form that came back has the rows in the order in which they were added.
    const place = (row) => Number(position(row).value) || 1000;
    rows.append(...[...rows.children].sort((one, other) => place(one) - place(other)));
    [...rows.children].filter((row) => !isFilled(row)).slice(1).forEach((row) => { row.remove(); });
    [...rows.children].forEach((row, index) => { equip(row, index + 1); });
    rows.after(add, said);
  };

  for (const rows of document.querySelectorAll("[data-ordered]")) ordered(rows);
}
