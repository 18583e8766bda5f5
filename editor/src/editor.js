// The Markdown editor of the admin. Each <textarea data-editor> gets one; the form still sends the textarea.
//
// The textarea and the editor follow each other: typing here writes there and tells the page by an `input` event, and
// a script that sets the value of the textarea and sends `input` changes the text here. Other scripts need not know of the
// editor. Events on the textarea: "text-findings" marks findings, "text-show" goes to one, and "text-scrolled" says which
// line is the first to be seen.
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { markdownKeymap, markdownLanguage, pasteURLAsLink } from "@codemirror/lang-markdown";
import { openSearchPanel, search, searchKeymap } from "@codemirror/search";
import { EditorState, Prec, RangeSetBuilder } from "@codemirror/state";
import { Decoration, EditorView, highlightSpecialChars, keymap, ViewPlugin } from "@codemirror/view";
import { canAdoptStyles } from "./adopted_styles.js";
import * as commands from "./commands.js";
import { findingMarks, showFindings, showPlace } from "./findings.js";
import { fillWindow } from "./full_screen.js";
import { look } from "./theme.js";
import { makeToolbar } from "./toolbar.js";

const form = document.querySelector("#post-form");
const areas = form && canAdoptStyles ? [...form.querySelectorAll("textarea[data-editor]")] : [];

const imageCount = () =>
  [...form.querySelectorAll("input[name^='images-'][name$='-url']")].filter((field) => field.value.trim()).length;
const texts = () => areas.map((area) => area.value);

const TOOLS = [
  { label: "Heading", title: "Heading, smaller heading, text", key: "Mod-Shift-h", run: commands.heading },
  { label: "Bold", title: "Bold", key: "Mod-b", run: commands.bold },
  { label: "Italic", title: "Italic", key: "Mod-i", run: commands.italic },
  { label: "Code", title: "Code; around several lines, a block of code", key: "Mod-e", run: commands.code },
  { label: "Link", title: "Link", key: "Mod-k", run: commands.link },
  { label: "List", title: "List", key: "Mod-Shift-8", run: commands.list },
  { label: "Tasks", title: "List of tasks with boxes", key: "Mod-Shift-l", run: commands.taskList },
  { label: "Table", title: "Table", key: "Mod-Shift-9", run: commands.table },
  { label: "Image", title: "Place the next image here", key: "Mod-Shift-6", run: commands.image(imageCount, texts) },
  { label: "Checklist", title: "Place the checklist of the post here", key: "Mod-Shift-7", run: commands.checklist },
  { label: "Search", title: "Search and replace", key: "Mod-f", run: openSearchPanel },
];

// Each line in its own direction, as the textarea has it for the whole text.
const lineDirection = ViewPlugin.fromClass(
  class {
    constructor(view) { this.decorations = this.of(view); }
    update(update) { if (update.docChanged || update.viewportChanged) this.decorations = this.of(update.view); }
    of(view) {
      const builder = new RangeSetBuilder();
      const line = Decoration.line({ attributes: { dir: "auto" } });
      for (const { from, to } of view.visibleRanges) {
        for (let at = from; at <= to; at = view.state.doc.lineAt(at).to + 1) {
          const start = view.state.doc.lineAt(at).from;
          builder.add(start, start, line);
        }
      }
      return builder.finish();
    }
  },
  { decorations: (plugin) => plugin.decorations },
);

const contentAttributes = (area) => {
  const label = form.querySelector(`label[for="${area.id}"]`);
  label.id ||= `${area.id}_label`;
  const described = area.getAttribute("aria-describedby");
  return {
    id: `${area.id}_editor`,
    "aria-labelledby": label.id,
    ...(described && { "aria-describedby": described }),
    ...(area.hasAttribute("aria-invalid") && { "aria-invalid": area.getAttribute("aria-invalid") }),
    spellcheck: "true",
    autocorrect: "on",
    autocapitalize: "sentences",
    // Browsers choose the dictionary by the language.
    ...(form.elements.language?.value && { lang: form.elements.language.value }),
  };
};

const replaceText = (view, text) => {
  const { doc } = view.state;
  if (doc.toString() !== text) view.dispatch({ changes: { from: 0, to: doc.length, insert: text } });
};

const writeBack = (area) => EditorView.updateListener.of((update) => {
  if (!update.docChanged || update.state.doc.toString() === area.value) return;
  area.value = update.state.doc.toString();
  area.dispatchEvent(new Event("input", { bubbles: true }));
});

const tellScrolling = (area) => EditorView.domEventHandlers({
  scroll: (_, view) => {
    const { scrollDOM, documentTop } = view;
    const top = view.lineBlockAtHeight(scrollDOM.getBoundingClientRect().top - documentTop);
    const line = view.state.doc.lineAt(top.from).number;
    const isAtEnd = scrollDOM.scrollTop + scrollDOM.clientHeight >= scrollDOM.scrollHeight - 2;
    area.dispatchEvent(new CustomEvent("text-scrolled", { detail: { line, isAtEnd }, bubbles: true }));
  },
});

// The field gets the editor above its textarea, which stays for scripts and the form, but not for eyes and keys.
const edit = (area) => {
  const wrapper = document.createElement("div");
  wrapper.className = `md-editor md-editor--${area.name}`;
  area.before(wrapper);
  let isFull = false;
  const turnFull = (isOn) => {
    isFull = isOn;
    fillWindow(wrapper, isFull);
    bar.querySelector("[aria-pressed]").setAttribute("aria-pressed", String(isFull));
    view.focus();
  };
  const full = { label: "Full screen", title: "Fill the window; Escape ends it", toggles: true, run: () => turnFull(!isFull) };
  const keys = TOOLS.filter((tool) => tool.run !== openSearchPanel).map((tool) => ({ key: tool.key, run: tool.run }));
  const leave = () => {
    if (!isFull) return false;
    turnFull(false);
    return true;
  };
  const view = new EditorView({
    parent: wrapper,
    state: EditorState.create({
      doc: area.value,
      extensions: [
        Prec.high(keymap.of(keys)),
        history(),
        search({ top: true }),
        markdownLanguage,
        pasteURLAsLink,
        keymap.of([...markdownKeymap, ...searchKeymap, ...historyKeymap, ...defaultKeymap, { key: "Escape", run: leave }]),
        highlightSpecialChars(),
        EditorView.lineWrapping,
        EditorView.perLineTextDirection.of(true),
        lineDirection,
        EditorView.contentAttributes.of(contentAttributes(area)),
        findingMarks,
        writeBack(area),
        tellScrolling(area),
        look,
      ],
    }),
  });
  const bar = makeToolbar([...TOOLS, full], {
    label: `${form.querySelector(`label[for="${area.id}"]`).textContent}: formatting`,
    controls: `${area.id}_editor`,
    press: (tool) => tool.run(view),
  });
  wrapper.prepend(bar);
  wrapper.append(area);
  area.classList.add("md-editor__source");
  area.tabIndex = -1;
  area.setAttribute("aria-hidden", "true");
  // Links to the field and to errors in it: by this page's scripts, and by the browser itself.
  area.focus = () => view.focus();
  area.addEventListener("focus", () => { if (area.matches(":target")) view.focus(); });
  form.querySelector(`label[for="${area.id}"]`).addEventListener("click", (event) => {
    event.preventDefault();
    view.focus();
  });
  area.addEventListener("input", () => replaceText(view, area.value));
  area.addEventListener("text-findings", (event) => showFindings(view, event.detail));
  area.addEventListener("text-show", (event) => showPlace(view, event.detail));
  // A browser that goes back may fill in the form after this script has run.
  addEventListener("pageshow", () => replaceText(view, area.value));
};

areas.forEach(edit);
