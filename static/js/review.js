// The review screen: keys, the state of the decision while points are answered, and the focus. The page works without it.
"use strict";

const screenRoot = document.querySelector("[data-review]");

if (screenRoot) {
  const keysOn = screenRoot.dataset.keys === "on";
  const find = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const approve = find("[data-approve]");
  const panels = all("[data-panel]");
  const frame = find("#preview");
  const title = find("#review-title");
  // So long after an item appears `a` is deaf: a double press must not approve a text that nobody has read.
  const GUARD_MS = 600;
  setTimeout(() => { screenRoot.dataset.awake = "yes"; }, GUARD_MS);
  let isSent = false;

  const focusOn = (element) => {
    if (!element.hasAttribute("tabindex") && !element.matches("a[href], button, input, textarea, summary")) {
      element.tabIndex = -1;
    }
    element.focus();
  };

  // Announce the last action once, and start the next item at its title.
  const said = all("[data-say]").map((line) => line.textContent.trim()).join(" ");
  if (said) {
    title.focus({ preventScroll: true });
    // A live region announces only changes after it is in the page.
    requestAnimationFrame(() => { find("[data-live]").textContent = said; });
  }

  // Ignore a second press while the first is being sent.
  addEventListener("submit", (event) => {
    if (isSent) event.preventDefault();
    isSent = true;
  });
  addEventListener("pageshow", () => { isSent = false; });

  // Update the state of the decision with the answers.
  const points = all("[data-point-of]");
  const required = points.filter((point) => "required" in point.dataset);
  const isOpen = (point) => !point.querySelector("input:checked");
  const isFailed = (point) => point.querySelector("input:checked")?.value === "not_met";
  const otherObstacles = all("[data-obstacle]:not([data-obstacle=points])");
  // A failed point leads to its reason, until the person chooses another one.
  const reasonOf = (panel) => panel.querySelector("[data-reason]:checked")?.value ?? "";
  let suggested = reasonOf(find("[data-panel=reject]") ?? document);
  const suggest = () => {
    const failed = required.find(isFailed) ?? points.find(isFailed);
    const reason = failed?.dataset.code ?? "";
    for (const panel of all("[data-panel=edits], [data-panel=reject]")) {
      if (reasonOf(panel) !== suggested && reasonOf(panel)) continue;
      for (const radio of panel.querySelectorAll("[data-reason]")) radio.checked = radio.value === reason;
    }
    suggested = reason;
  };
  const follow = () => {
    const open = required.filter(isOpen).length;
    const failed = required.filter(isFailed).length;
    const ownReason = find("#own-text");
    const standing = otherObstacles.filter((link) => !(link.dataset.obstacle === "own" && ownReason?.value.trim()));
    const isShut = open + failed > 0 || standing.length > 0;
    find("[data-open-points]").textContent = open ? `${open} of ${required.length} required open` : "all answered";
    find("[data-points-open]").hidden = !open;
    find("[data-open-count]").textContent = open;
    find("[data-points-failed]").hidden = !failed;
    find("[data-points-comma]").hidden = !open && !standing.length;
    find("[data-failed-count]").textContent = failed;
    find("[data-shut]").hidden = !isShut;
    find("[data-ready]").hidden = isShut;
    find("[data-shut-icon]").hidden = !isShut;
    approve.classList.toggle("is-shut", isShut);
    if (isShut) approve.setAttribute("aria-disabled", "true");
    else approve.removeAttribute("aria-disabled");
  };
  if (approve) {
    addEventListener("change", (event) => {
      if (event.target.closest("[data-point-of]")) suggest();
      follow();
    });
    find("#own-text")?.addEventListener("input", follow);
    // Answers restored by the browser or after a refusal count too.
    follow();
    approve.addEventListener("click", (event) => {
      if (approve.getAttribute("aria-disabled") !== "true") return;
      event.preventDefault();
      const first = all("[data-obstacle]").find((link) => link.offsetParent !== null);
      const target = first && document.getElementById(first.hash.slice(1));
      if (target) {
        target.scrollIntoView({ block: "nearest" });
        const point = first.dataset.obstacle === "points" && (required.find(isOpen) ?? required.find(isFailed));
        point?.scrollIntoView({ block: "nearest" });
        focusOn((point || target).querySelector("input") ?? target);
      }
    });
  }

  // Time on this text, as it will be stored.
  const spent = find("[data-spent]");
  if (spent) {
    const tell = () => {
      const seconds = Math.max(0, Math.round(Date.now() / 1000 - Number(spent.dataset.spent)));
      spent.textContent = seconds < 60 ? `${seconds} s on this revision` : `${Math.floor(seconds / 60)} min on this revision`;
    };
    tell();
    setInterval(tell, 10_000);
  }
  all("[data-needs-script]").forEach((hint) => { hint.hidden = false; });

  // Tabs and marks are links into the frame; this only marks the chosen one.
  const choose = (links, chosen) => links.forEach((link) => {
    if (link === chosen) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  });
  const tabs = all("[data-tab]");
  const marks = all("[data-mark]");
  let mark = -1;
  tabs.forEach((tab) => { tab.addEventListener("click", () => choose(tabs, tab)); });
  marks.forEach((link, index) => {
    link.addEventListener("click", () => {
      mark = index;
      choose(marks, link);
      choose(tabs, tabs.find((tab) => tab.href === link.href.split("#")[0]));
    });
  });
  const goToMark = (step) => {
    if (!marks.length) return;
    const next = mark < 0 ? (step > 0 ? 0 : marks.length - 1) : (mark + step + marks.length) % marks.length;
    const folded = marks[next].closest("details");
    if (folded) folded.open = true;
    marks[next].click();
    marks[next].scrollIntoView({ block: "nearest" });
  };

  // Panels: one at a time (the browser sees to it), the focus goes in and comes back.
  const openPanel = () => panels.find((panel) => panel.open);
  const close = (panel) => {
    panel.open = false;
    panel.querySelector("summary").focus();
  };
  const toggle = (name) => {
    const panel = find(`[data-panel=${name}]`);
    if (!panel) return;
    if (panel.open) {
      close(panel);
      return;
    }
    panels.forEach((other) => { other.open = other === panel; });
    focusOn(panel.querySelector("input, button:not(summary)") ?? panel.querySelector("summary"));
  };
  const press = (selector) => find(selector)?.click();
  // Each press of its number gives a point the next answer.
  const answerPoint = (number) => {
    const point = find(`[data-point="${number}"]`);
    const answers = [...(point?.querySelectorAll("input:not(:disabled)") ?? [])];
    const answer = answers[(answers.findIndex((one) => one.checked) + 1) % answers.length];
    if (!answer) return;
    answer.click();
    point.scrollIntoView({ block: "nearest" });
    find("[data-live]").textContent = `${number}: ${answer.parentElement.textContent.trim()}`;
  };
  const chooseReason = (panel, number) => {
    const reason = panel.querySelector(`[data-reason="${number}"]`);
    if (!reason) return;
    reason.click();
    reason.focus();
  };

  const single = {
    a: () => { if (screenRoot.dataset.awake) approve?.click(); },
    e: () => toggle("edits"),
    r: () => toggle("reject"),
    f: () => toggle("flag"),
    "?": () => toggle("keys"),
    s: () => press("[data-key=s]"),
    u: () => press("[data-key=u]"),
    j: () => press("[data-key=j]"),
    k: () => press("[data-key=k]"),
    n: () => goToMark(1),
    p: () => goToMark(-1),
  };
  // While a panel is open, only its own keys work.
  const inPanel = { edits: "e", reject: "r", flag: "f", keys: "?" };

  const isTyping = (target) => target.closest?.("textarea, select, dialog, [contenteditable]")
    || target.matches?.("input:not([type=checkbox], [type=radio])");

  // Return what a key does now; nothing if it belongs to the browser.
  const withControl = (key, panel) => {
    const send = key === "Enter" && panel?.dataset.panel !== "keys" && panel?.querySelector("button[value]");
    return send && (() => send.click());
  };
  const alone = (key, target, panel) => {
    if (isTyping(target)) return null;
    // On an answer, Enter would send the form.
    if (key === "Enter" && target.matches?.("input")) return () => {};
    if (/^[1-9]$/.test(key)) return () => (panel ? chooseReason(panel, key) : answerPoint(key));
    return panel && inPanel[panel.dataset.panel] !== key ? null : single[key];
  };
  const actionOf = (event, panel) => {
    if (event.isComposing) return null;
    if (event.key === "Escape") return panel && (() => close(panel));
    if (!keysOn || event.repeat || event.altKey || event.metaKey) return null;
    return event.ctrlKey ? withControl(event.key, panel) : alone(event.key, event.target, panel);
  };

  addEventListener("keydown", (event) => {
    const action = actionOf(event, openPanel());
    if (!action) return;
    event.preventDefault();
    action();
  });

  // A sandboxed frame swallows keys. After a click into it the page takes the focus back; whoever went there by Tab
  // stays, and is told why the keys rest. A Tab that stays in the page gives something here the focus.
  let isTabbing = false;
  const resting = find("[data-resting]");
  addEventListener("keydown", (event) => { isTabbing = event.key === "Tab"; }, true);
  addEventListener("blur", () => setTimeout(() => {
    if (!frame || document.activeElement !== frame) return;
    if (isTabbing) {
      if (resting && keysOn) resting.hidden = false;
      return;
    }
    frame.blur();
    title.focus({ preventScroll: true });
  }));
  addEventListener("focus", () => {
    isTabbing = false;
    if (resting) resting.hidden = true;
  }, true);
}
