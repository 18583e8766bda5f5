// The live preview beside the form of a post: the article as the form has it now, and what the content checks find.
//
// After a pause in typing the form goes to the server, which saves nothing and answers with the article's page and the
// findings. A newer text ends a request that still runs. The page is shown in a frame where no script runs. On a small
// screen the preview is a tab. editor/src/editor.js says which events it and the text fields exchange.
"use strict";

(() => {
  const form = document.querySelector("form[data-live-preview]");
  const tabs = document.querySelector("[data-tabs]");
  if (!form || !tabs) return;
  const PAUSE = 500;
  const HIDDEN = "alphanode.live-preview-hidden";
  const fields = ["intro", "body"].map((name) => form.elements[name]);

  const made = (tag, attributes, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  // The pane, and its tab for small screens.
  const toggle = made("button", { type: "button", "aria-expanded": "true", "aria-controls": "live-preview-frame" }, "Hide live preview");
  const count = made("summary", {}, "Not checked yet");
  const list = made("ul", {});
  const state = made("p", { class: "live-preview__state", role: "status" });
  const frame = made("iframe", { id: "live-preview-frame", sandbox: "allow-same-origin", title: "Article as you type it" });
  const pane = made(
    "section",
    { id: "live-preview", class: "live-preview", "aria-label": "Live preview", "data-part": "" },
    made("div", { class: "live-preview__head" }, made("details", {}, count, list), toggle),
    state,
    frame,
  );
  form.closest(".post-main").after(pane);
  const tab = made("a", { href: "#live-preview", class: "parts__preview" }, "Live preview");
  tabs.querySelector("a").after(tab);

  const remember = (isHidden) => {
    try {
      localStorage.setItem(HIDDEN, isHidden ? "yes" : "");
    } catch {
      // A browser that keeps nothing shows the preview next time.
    }
  };
  const remembered = () => {
    try {
      return localStorage.getItem(HIDDEN) === "yes";
    } catch {
      return false;
    }
  };
  const unfold = (isOpen) => {
    pane.classList.toggle("live-preview--open", isOpen);
    toggle.textContent = isOpen ? "Hide live preview" : "Show live preview";
    toggle.setAttribute("aria-expanded", String(isOpen));
  };
  unfold(!remembered());
  toggle.addEventListener("click", () => {
    const isOpen = !pane.classList.contains("live-preview--open");
    unfold(isOpen);
    remember(!isOpen);
  });

  // The frame. The first answer loads its page; later ones replace the body, so that it neither flickers nor jumps.
  let isLoaded = false;
  let wanted = "";
  const showPage = (html) => {
    wanted = html;
    if (!isLoaded) {
      if (!frame.srcdoc) frame.srcdoc = html;
      return;
    }
    const page = frame.contentDocument;
    page.body.replaceWith(page.adoptNode(new DOMParser().parseFromString(html, "text/html").body));
    follow();
  };
  frame.addEventListener("load", () => {
    if (!frame.srcdoc) return;
    isLoaded = true;
    // The frame has the colours that were chosen for the admin.
    frame.contentDocument.documentElement.style.colorScheme = getComputedStyle(document.documentElement).colorScheme;
    showPage(wanted);
  });

  // Scrolling in step: headings are at known lines, and between two of them the preview is as far as the text.
  let headings = [];
  let place = { line: 1, isAtEnd: false };
  const lineCount = (field) => field.value.split("\n").length;
  const follow = () => {
    const page = isLoaded && frame.contentDocument.documentElement;
    if (!page) return;
    const topOf = (id) => page.ownerDocument.getElementById(id).getBoundingClientRect().top + page.scrollTop;
    const known = headings.filter(([, id]) => page.ownerDocument.getElementById(id));
    const total = fields.reduce((sum, field) => sum + lineCount(field), 1);
    const points = [[1, 0], ...known.map(([line, id]) => [line, topOf(id)]), [total, page.scrollHeight]];
    const next = Math.max(1, points.findIndex(([line]) => line > place.line));
    const [[fromLine, fromTop], [toLine, toTop]] = place.line < total ? [points[next - 1], points[next]] : points.slice(-2);
    const share = toLine > fromLine ? Math.min(1, (place.line - fromLine) / (toLine - fromLine)) : 0;
    page.scrollTop = place.isAtEnd ? page.scrollHeight : fromTop + share * (toTop - fromTop);
  };
  form.addEventListener("text-scrolled", (event) => {
    const before = event.target === fields[1] ? lineCount(fields[0]) : 0;
    place = { line: before + event.detail.line, isAtEnd: event.detail.isAtEnd && event.target === fields[1] };
    requestAnimationFrame(follow);
  });

  // Findings: as marks in the text, and as a list.
  const entry = (finding) => {
    const sign = made("span", { "aria-hidden": "true" }, finding.stops ? "✕" : "!");
    if (!finding.field) return made("li", {}, sign, made("span", {}, finding.message));
    const way = made("button", { type: "button", class: "live-preview__way" }, finding.message);
    way.addEventListener("click", () => {
      // The field may be in a part of the form that is not open.
      tabs.querySelector("a[href='#part-text']").click();
      form.elements[finding.field].focus();
      form.elements[finding.field].dispatchEvent(new CustomEvent("text-show", { detail: finding }));
    });
    return made("li", {}, sign, way);
  };
  const showFindings = (found) => {
    const stopping = found.filter((finding) => finding.stops).length;
    const advising = found.length - stopping;
    const said = `${stopping || "No"} blocking issue${stopping === 1 ? "" : "s"}, ${advising ? `advice: ${advising}` : "no advice"}`;
    if (count.textContent !== said) count.textContent = said;
    list.replaceChildren(...found.map(entry));
    for (const field of fields) {
      const detail = found.filter((finding) => finding.field === field.name);
      field.dispatchEvent(new CustomEvent("text-findings", { detail }));
    }
  };
  const say = (words) => { if (state.textContent !== words) state.textContent = words; };

  // One request at a time.
  let waiting = 0;
  let running;
  const ask = async () => {
    running?.abort();
    const controller = new AbortController();
    running = controller;
    const sent = [...new FormData(form)].filter(([, value]) => typeof value === "string");
    try {
      const answer = await fetch(form.dataset.livePreview, { method: "POST", body: new URLSearchParams(sent), signal: controller.signal });
      if (!answer.headers.get("Content-Type")?.startsWith("application/json")) {
        say(answer.status === 413 ? "This form is too large for a live preview." : "The preview is not up to date. Open the admin in a new tab: you may have to sign in again.");
        return;
      }
      const { html, headings: found, findings, problems } = await answer.json();
      say(problems.join(" "));
      if (html === undefined) return;
      headings = found;
      showPage(html);
      showFindings(findings);
    } catch (error) {
      if (error.name !== "AbortError") say("The preview is not up to date: the site can’t be reached.");
    }
  };
  const askSoon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(ask, PAUSE);
  };
  form.addEventListener("input", askSoon);
  form.addEventListener("change", askSoon);
  form.addEventListener("rows-changed", askSoon);
  ask();
})();
