// Readers' pages: the chosen colours, copy buttons, whole pictures, and folds that open for printing. Every page is complete
// without it. It stands in the head and blocks, so that no page is drawn in one scheme and then in another.
"use strict";

{
  const root = document.documentElement;
  const SCHEMES = ["system", "light", "dark"];
  const NAMES = { system: "as the system", light: "light", dark: "dark" };
  const PLACE = "colours";
  const COPIED_MS = 2000;

  // A browser that blocks storage for this site throws.
  const keep = (scheme) => {
    try {
      if (scheme === "system") localStorage.removeItem(PLACE);
      else localStorage.setItem(PLACE, scheme);
    } catch { /* The choice holds for this page. */ }
  };
  const kept = () => {
    try {
      return localStorage.getItem(PLACE);
    } catch {
      return null;
    }
  };
  // The colour of the browser's own bars, light first: a scheme of the reader's choice has one for any system.
  const themes = document.querySelectorAll("meta[name='theme-color']");
  const show = (scheme) => {
    const shown = SCHEMES.includes(scheme) ? scheme : "system";
    root.dataset.colours = shown;
    ["light", "dark"].forEach((name, place) => {
      const whenChosen = shown === name ? "all" : "not all";
      if (themes[place]) themes[place].media = shown === "system" ? `(prefers-color-scheme: ${name})` : whenChosen;
    });
  };
  show(kept());

  const prepareSwitch = (button) => {
    const name = button.querySelector("[data-name]");
    const say = () => {
      name.textContent = `Colours: ${NAMES[root.dataset.colours]}`;
      button.title = name.textContent;
    };
    button.addEventListener("click", () => {
      show(SCHEMES[(SCHEMES.indexOf(root.dataset.colours) + 1) % SCHEMES.length]);
      keep(root.dataset.colours);
      say();
    });
    // Chosen in another tab.
    addEventListener("storage", (event) => {
      if (event.key === PLACE || event.key === null) {
        show(event.newValue);
        say();
      }
    });
    say();
  };

  // Without a secure connection there is no clipboard API, but a selection can be copied.
  const copy = async (code) => {
    if (navigator.clipboard) {
      try {
        await navigator.clipboard.writeText(code.textContent);
        return true;
      } catch { /* Not allowed: use the older way, which needs no permission. */ }
    }
    const selection = getSelection();
    selection.selectAllChildren(code);
    const isCopied = document.execCommand("copy");
    if (isCopied) selection.removeAllRanges();
    return isCopied;
  };

  const addCopyButton = (block) => {
    const code = block.querySelector("code");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "code__copy";
    button.textContent = "Copy";
    const label = block.querySelector("pre").getAttribute("aria-label");
    button.setAttribute("aria-label", `Copy: ${label || "code"}`);
    const said = document.createElement("span");
    said.className = "hidden-text";
    said.setAttribute("role", "status");
    let back;
    button.addEventListener("click", async () => {
      const words = await copy(code) ? "Copied" : "Selected";
      button.textContent = words;
      said.textContent = words;
      clearTimeout(back);
      back = setTimeout(() => {
        button.textContent = "Copy";
        said.textContent = "";
      }, COPIED_MS);
    });
    block.append(button, said);
  };

  // Say in words that a wide table scrolls sideways; a shadow marks it without this script.
  const HINT = "scroll-hint";
  const sayWhereItScrolls = (box) => {
    const isWide = box.scrollWidth > box.clientWidth + 1;
    const hint = box.nextElementSibling;
    const hasHint = hint?.classList.contains(HINT) === true;
    if (hasHint === isWide) return;
    if (hasHint) {
      hint.remove();
      return;
    }
    const words = document.createElement("p");
    words.className = HINT;
    words.dir = "ltr";
    words.textContent = "Scroll sideways to see the whole table";
    box.after(words);
  };

  // The current section is the last one whose heading has passed this part of the window.
  const LINE = .3;
  const markSection = (contents) => {
    const links = [...contents.querySelectorAll("a")];
    const places = links.map((link) => document.getElementById(decodeURIComponent(link.hash.slice(1))));
    const mark = () => {
      const at = places.findLastIndex((place) => place !== null && place.getBoundingClientRect().top <= innerHeight * LINE);
      links.forEach((link, index) => {
        if (index === at) link.setAttribute("aria-current", "location");
        else link.removeAttribute("aria-current");
      });
      if (at < 0) return;
      const box = contents.getBoundingClientRect();
      const link = links[at].getBoundingClientRect();
      if (link.top < box.top || link.bottom > box.bottom) contents.scrollTop += link.top - box.top - box.height / 2;
    };
    // All that is above the line is within the margin, so that a jump over many headings is noticed too.
    const observer = new IntersectionObserver(mark, { rootMargin: `1000000px 0px -${100 * (1 - LINE)}% 0px` });
    for (const place of places) if (place !== null) observer.observe(place);
  };

  // These events don't bubble, and pictures may load before the page is complete.
  const LOADED = "figure__frame--loaded";
  document.addEventListener("load", (event) => {
    const frame = event.target instanceof HTMLImageElement && event.target.closest("a.figure__frame");
    if (frame) frame.classList.add(LOADED);
  }, true);

  const makeButton = (words, act) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = words;
    button.addEventListener("click", act);
    return button;
  };

  // Show a loaded picture whole, over the page. Its link leads to the file where this can't be done.
  const showWhole = (frame) => {
    const picture = frame.querySelector("img");
    const dialog = document.createElement("dialog");
    dialog.className = "whole";
    dialog.setAttribute("aria-label", "Image");
    const image = document.createElement("img");
    image.referrerPolicy = "no-referrer";
    image.alt = picture.alt;
    image.src = picture.src;
    const view = document.createElement("div");
    view.className = "whole__view";
    view.tabIndex = 0;
    view.setAttribute("role", "group");
    view.setAttribute("aria-label", "The whole image");
    view.append(image);
    const file = document.createElement("a");
    file.href = frame.href;
    file.rel = frame.rel;
    file.textContent = "Image file";
    const size = makeButton("Full size", () => {
      const isLarge = dialog.classList.toggle("whole--large");
      size.textContent = isLarge ? "Fit to the window" : "Full size";
    });
    // A picture that fits has no larger size.
    image.addEventListener("load", () => { size.hidden = image.naturalWidth <= image.clientWidth; });
    const close = makeButton("Close", () => dialog.close());
    close.autofocus = true;
    const acts = document.createElement("div");
    acts.className = "whole__acts";
    acts.append(file, size, close);
    const caption = document.createElement("p");
    caption.className = "whole__caption";
    caption.dir = "auto";
    const words = frame.parentElement.querySelector("figcaption > span");
    caption.textContent = words ? words.textContent : "";
    dialog.append(acts, view, caption);
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
    });
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  };

  document.addEventListener("click", (event) => {
    const frame = event.target.closest("a.figure__frame");
    const isPlain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
    if (!frame || !isPlain || !frame.classList.contains(LOADED)) return;
    event.preventDefault();
    showWhole(frame);
  });

  // Open folds for printing, because style sheets can't.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const fold of opened) fold.open = true;
  });
  addEventListener("afterprint", () => {
    for (const fold of opened) fold.open = false;
    opened = [];
  });

  addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-colour-switch]").forEach(prepareSwitch);
    document.querySelectorAll(".code").forEach(addCopyButton);
    document.querySelectorAll(".contents").forEach(markSection);
    const boxes = new ResizeObserver((changes) => {
      for (const change of changes) sayWhereItScrolls(change.target);
    });
    for (const box of document.querySelectorAll(".table")) boxes.observe(box);
  });
}
