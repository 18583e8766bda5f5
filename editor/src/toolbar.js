// The toolbar above a text, after the pattern of the ARIA Authoring Practices: one stop for Tab, arrows between buttons.
const IS_MAC = /Mac|iPhone|iPad/.test(navigator.platform);

// "Mod-Shift-8" as people read it.
const keyName = (key) =>
  key.split("-").map((part) => (part === "Mod" ? (IS_MAC ? "⌘" : "Ctrl") : part.length === 1 ? part.toUpperCase() : part)).join("+");
const ariaKey = (key) => key.split("-").map((part) => (part === "Mod" ? (IS_MAC ? "Meta" : "Control") : part)).join("+");

// tools: [{ label, title, key, run, pressed }]; press: called with a tool.
export const makeToolbar = (tools, { label, controls, press }) => {
  const bar = document.createElement("div");
  bar.className = "md-toolbar";
  bar.setAttribute("role", "toolbar");
  bar.setAttribute("aria-label", label);
  bar.setAttribute("aria-controls", controls);
  tools.forEach((tool, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = tool.label;
    button.title = tool.key ? `${tool.title} (${keyName(tool.key)})` : tool.title;
    button.tabIndex = index ? -1 : 0;
    if (tool.key) button.setAttribute("aria-keyshortcuts", ariaKey(tool.key));
    if (tool.toggles) button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => press(tool, button));
    bar.append(button);
  });
  const buttons = () => [...bar.querySelectorAll("button")];
  bar.addEventListener("focusin", (event) => {
    for (const button of buttons()) button.tabIndex = button === event.target ? 0 : -1;
  });
  bar.addEventListener("keydown", (event) => {
    const all = buttons();
    const here = all.indexOf(document.activeElement);
    const to = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: -1 }[event.key];
    if (to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    all.at(to % all.length).focus();
  });
  return bar;
};
