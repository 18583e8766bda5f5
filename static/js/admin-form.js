// The form of a post: tabs, rows that can be added and removed, and a warning before typed text is lost. The page works
// without it.
"use strict";

const form = document.querySelector("[data-warn-unsaved]");

// Unsaved text. A form that came back with errors contains text that was never saved.
if (form) {
  let isChanged = form.hasAttribute("data-is-changed");
  const note = () => { isChanged = true; };
  form.addEventListener("input", note);
  form.addEventListener("rows-changed", note);
  form.addEventListener("submit", () => { isChanged = false; });
  addEventListener("beforeunload", (event) => { if (isChanged) event.preventDefault(); });
}

// Tabs, after the pattern of the ARIA Authoring Practices: one stop for Tab, arrows between the tabs.
const list = document.querySelector("[data-tabs]");
if (list) {
  const tabs = [...list.querySelectorAll("a")];
  const panelOf = (tab) => document.getElementById(tab.hash.slice(1));
  const saveBar = document.querySelector("#post-form .save-bar");

  // A part that is a page of its own comes when it is opened. If it can't, its link stays.
  const load = async (panel) => {
    const { load: address } = panel.dataset;
    if (!address) return;
    delete panel.dataset.load;
    try {
      const answer = await fetch(address);
      const page = answer.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
      const loaded = page?.querySelector("[data-loaded]");
      if (loaded) panel.querySelector("[data-until-loaded]").replaceWith(document.importNode(loaded, true));
    } catch {
      panel.dataset.load = address;
    }
  };

  const show = (chosen) => {
    for (const tab of tabs) {
      const isChosen = tab === chosen;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      panelOf(tab).hidden = !isChosen;
    }
    // Decisions and history are about the saved text.
    if (saveBar) saveBar.hidden = !form.contains(panelOf(chosen));
    load(panelOf(chosen));
  };

  list.setAttribute("role", "tablist");
  document.body.classList.add("has-tabs");
  for (const tab of tabs) {
    const panel = panelOf(tab);
    tab.id = `tab-${panel.id}`;
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panel.id);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    tab.addEventListener("click", (event) => {
      event.preventDefault();
      show(tab);
      history.replaceState(null, "", tab.hash);
    });
  }
  list.addEventListener("keydown", (event) => {
    // The tab of the live preview is there on small screens alone.
    const shown = tabs.filter((tab) => tab.offsetParent);
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -tabs.length, End: tabs.length }[event.key];
    if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
    const here = shown.indexOf(document.activeElement);
    const last = shown.length - 1;
    const next = Math.abs(step) > 1 ? (step < 0 ? 0 : last) : (here + step + shown.length) % shown.length;
    event.preventDefault();
    shown[next].focus();
    shown[next].click();
  });

  // An address or a link may name a part, or anything inside one: open it, then go there.
  const open = (hash) => {
    const target = hash.length > 1 && document.getElementById(decodeURIComponent(hash.slice(1)));
    const tab = target && tabs.find((one) => panelOf(one).contains(target));
    if (!tab) return false;
    show(tab);
    if (target === panelOf(tab)) {
      // The browser went to the panel before the others were hidden: back to the head of the page.
      scrollTo(0, 0);
    } else {
      target.scrollIntoView({ block: "center" });
      target.focus({ preventScroll: true });
    }
    return true;
  };
  addEventListener("hashchange", () => open(location.hash));
  // A link goes there at once: the browser alone would look for a place that is hidden until the address has changed.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (!link || tabs.includes(link) || !open(link.hash)) return;
    event.preventDefault();
    if (link.hash !== location.hash) history.pushState(null, "", link.hash);
  });

  const wrong = form.querySelector("[aria-invalid='true'], .field--error, .errorlist");
  const wrongTab = wrong && tabs.find((one) => panelOf(one).contains(wrong));
  const sent = document.querySelector("[data-open-part]");
  if (wrongTab) {
    show(wrongTab);
    const field = wrong.matches("input, textarea, select") ? wrong : wrong.querySelector("input, textarea, select");
    if (field) {
      // The address may still name the part that was open: the browser would go there and take the focus away.
      history.replaceState(null, "", field.id ? `#${field.id}` : wrongTab.hash);
      field.focus();
    }
  } else if (sent || !open(location.hash)) {
    show((sent && tabs.find((one) => one.hash === `#${sent.dataset.openPart}`)) || tabs[0]);
  }
}

// Rows of small fields: there is always one empty row, and × removes a row.
const changed = (element) => element.dispatchEvent(new CustomEvent("rows-changed", { bubbles: true }));
const renumber = (rows) => {
  [...rows.children].forEach((row, index) => {
    for (const input of row.querySelectorAll("[aria-label]")) {
      input.setAttribute("aria-label", input.getAttribute("aria-label").replace(/\d+$/, index + 1));
    }
  });
};
const addRemoval = (rows, row) => {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "rows__remove";
  button.textContent = "×";
  const field = row.querySelector("[aria-label]");
  button.setAttribute("aria-label", `Remove ${field.getAttribute("aria-label")}`);
  button.addEventListener("click", () => {
    const next = row.nextElementSibling.querySelector("[aria-label]");
    row.remove();
    renumber(rows);
    changed(rows);
    next.focus();
  });
  row.append(button);
};
for (const rows of document.querySelectorAll("[data-rows]")) {
  for (const row of rows.children) if (!row.classList.contains("rows__row--empty")) addRemoval(rows, row);
  rows.addEventListener("input", (event) => {
    const row = event.target.closest(".rows__row");
    if (row.classList.contains("rows__row--empty") && event.target.value) {
      const blank = row.cloneNode(true);
      for (const input of blank.querySelectorAll("input, textarea")) input.value = "";
      row.classList.remove("rows__row--empty");
      addRemoval(rows, row);
      rows.append(blank);
      renumber(rows);
    }
  });
}
