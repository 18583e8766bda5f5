// The page of an import: updates its numbers while it runs. Without JavaScript, reload the page.
"use strict";

const box = document.querySelector("[data-import-progress][data-moving]");
const number = new Intl.NumberFormat("en");

function show(name, value) {
  for (const element of document.querySelectorAll(`[data-progress="${name}"]`)) {
    if (element.tagName === "PROGRESS") element.value = value ?? 0;
    else if (value !== null && value !== undefined) element.textContent = typeof value === "number" ? number.format(value) : value;
  }
}

async function refresh() {
  try {
    const answer = await fetch(box.dataset.importProgress, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(answer.statusText);
    const progress = await answer.json();
    for (const [name, value] of Object.entries(progress)) show(name, value);
    show("percent_text", progress.percent);
    for (const [name, count] of Object.entries(progress.counts)) {
      const cell = document.querySelector(`[data-count="${name}"]`);
      if (cell) cell.textContent = number.format(count);
    }
    if (!progress.is_moving) {
      show("ended", `${progress.state}. Reload the page for the report.`);
      return;
    }
  } catch {
    // The server can't be reached; keep the numbers and try again.
  }
  setTimeout(refresh, 2000);
}

if (box) setTimeout(refresh, 1000);
