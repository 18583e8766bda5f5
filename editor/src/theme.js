// The look of the editor, in the colours of the admin: they are variables, so both colour schemes come from there.
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const MONOSPACE = 'ui-monospace, Menlo, Consolas, "Liberation Mono", monospace';

const theme = EditorView.theme({
  "&": { color: "var(--body-fg)", backgroundColor: "var(--body-bg)", fontSize: "14px" },
  // static/css/editor.css frames the whole editor instead.
  "&.cm-focused": { outline: "none" },
  ".cm-content": { padding: "8px 4px", caretColor: "var(--body-fg)", lineHeight: "1.55" },
  ".cm-scroller": { fontFamily: "inherit", lineHeight: "1.55" },
  ".cm-gutters": { backgroundColor: "var(--darkened-bg)", border: "0", color: "var(--body-quiet-color)" },
  ".cm-panels": { backgroundColor: "var(--darkened-bg)", color: "var(--body-fg)" },
  ".cm-panels.cm-panels-top": { borderBottom: "1px solid var(--border-color)" },
  ".cm-panel.cm-search": { padding: "6px 30px 6px 8px", fontFamily: "inherit" },
  ".cm-panel.cm-search label": { display: "inline-flex", alignItems: "center", fontSize: "13px", minHeight: "24px", padding: "0", fontWeight: "400" },
  ".cm-panel.cm-search [name=close]": { minWidth: "24px", minHeight: "24px", color: "var(--body-fg)", fontSize: "18px" },
  ".cm-textfield": { backgroundColor: "var(--body-bg)", color: "var(--body-fg)", border: "1px solid var(--border-color)", fontSize: "13px", minHeight: "24px" },
  ".cm-button": { backgroundImage: "none", backgroundColor: "var(--body-bg)", color: "var(--link-fg)", border: "1px solid var(--border-color)", borderRadius: "4px", fontSize: "13px", minHeight: "26px" },
  ".cm-button:active": { backgroundImage: "none", backgroundColor: "var(--selected-row)" },
  ".cm-searchMatch": { backgroundColor: "var(--match-bg)", color: "var(--match-fg)", "& *": { color: "inherit" } },
  ".cm-searchMatch.cm-searchMatch-selected": { backgroundColor: "var(--match-bg)", outline: "2px solid var(--match-fg)" },
  ".cm-tooltip": { backgroundColor: "var(--body-bg)", color: "var(--body-fg)", border: "1px solid var(--border-color)", maxWidth: "min(32rem, 90vw)", zIndex: "5" },
  ".cm-diagnostic": { padding: "6px 10px", fontSize: "13px", fontFamily: "inherit", whiteSpace: "normal" },
  ".cm-diagnostic-error": { borderLeft: "4px solid var(--error-fg)" },
  ".cm-diagnostic-warning": { borderLeft: "4px solid var(--warn)" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--error-fg)", textUnderlineOffset: "3px" },
  ".cm-lintRange-warning": { backgroundImage: "none", textDecoration: "underline dotted 2px var(--warn)", textUnderlineOffset: "3px" },
  ".cm-gutter-lint": { width: "20px" },
  ".cm-gutter-lint .cm-gutterElement": { padding: "3px" },
});

const highlight = HighlightStyle.define([
  { tag: tags.heading, fontWeight: "600", color: "var(--body-loud-color)" },
  { tag: tags.strong, fontWeight: "600" },
  { tag: tags.emphasis, fontStyle: "italic" },
  { tag: tags.strikethrough, textDecoration: "line-through" },
  { tag: [tags.monospace, tags.labelName], fontFamily: MONOSPACE, fontSize: "13px" },
  { tag: [tags.link, tags.url], color: "var(--link-fg)" },
  { tag: tags.quote, color: "var(--body-medium-color)" },
  { tag: [tags.processingInstruction, tags.contentSeparator, tags.comment], color: "var(--body-quiet-color)" },
]);

export const look = [theme, syntaxHighlighting(highlight)];
