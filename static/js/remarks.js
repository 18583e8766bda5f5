// Words that are selected in the text fill the form of a new remark.
(() => {
  "use strict";

  const root = document.querySelector("[data-remarks]");
  const form = root?.querySelector("#add");
  if (!form) return;
  const { place, words: quote, start, suggests } = form.elements;
  const suggestion = form.querySelector("[data-suggestion]");

  function showSuggestion() {
    suggestion.hidden = !suggests.checked;
  }

  // The number of characters in a passage before a point of the selection.
  function offsetIn(passage, node, offset) {
    const range = document.createRange();
    range.selectNodeContents(passage);
    range.setEnd(node, offset);
    return range.toString().length;
  }

  function fill(name, text, at) {
    place.value = name;
    quote.value = text;
    start.value = at;
    const label = place.selectedOptions[0]?.textContent.trim() ?? "";
    form.querySelector("[data-say]").textContent = text ? `Remark on “${text.slice(0, 80)}”` : `Remark on ${label}`;
  }

  function takeSelection() {
    const selection = document.getSelection();
    if (!selection || selection.isCollapsed || !selection.rangeCount) return;
    const range = selection.getRangeAt(0);
    const passage = (range.startContainer.parentElement ?? range.startContainer).closest("[data-words]");
    if (!passage) return;
    // A remark is about one passage: what is selected after its end does not count.
    const from = offsetIn(passage, range.startContainer, range.startOffset);
    const to = passage.contains(range.endContainer)
      ? offsetIn(passage, range.endContainer, range.endOffset)
      : passage.textContent.length;
    const text = passage.textContent.slice(from, to);
    const words = text.trim();
    if (words) fill(passage.dataset.words, words, from + text.indexOf(words));
  }

  root.addEventListener("mouseup", () => setTimeout(takeSelection));
  root.addEventListener("keyup", (event) => {
    if (event.shiftKey || event.key === "Shift") takeSelection();
  });
  root.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-place]");
    if (link) {
      event.preventDefault();
      fill(link.dataset.place, "", 0);
      form.elements.comment.focus();
      return;
    }
    const mark = event.target.closest("mark[data-on]");
    if (mark && document.getSelection()?.isCollapsed) {
      document.getElementById(`remark-${mark.dataset.on.split(" ")[0]}`)?.focus();
    }
  });
  suggests.addEventListener("change", () => {
    showSuggestion();
    const field = form.elements.suggestion;
    if (suggests.checked && !field.value) field.value = quote.value;
    if (suggests.checked) field.focus();
  });
  showSuggestion();
})();
