// Findings of the content checks as marks in the text.
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { EditorView } from "@codemirror/view";

// Return from where to where a finding marks the text: its words if they are there, else the first line it is about.
const rangeOf = (doc, { line, words }) => {
  const first = doc.line(Math.min(Math.max(1, line), doc.lines));
  const at = words ? doc.sliceString(first.from, first.from + 20_000).indexOf(words) : -1;
  return at < 0 ? { from: first.from, to: first.to } : { from: first.from + at, to: first.from + at + words.length };
};

// found: [{ line, words, message, stops }] for one text.
export const showFindings = (view, found) => {
  const diagnostics = found.map((finding) => ({
    ...rangeOf(view.state.doc, finding),
    severity: finding.stops ? "error" : "warning",
    message: finding.message,
  }));
  view.dispatch(setDiagnostics(view.state, diagnostics));
};

// Select what a finding is about.
export const showPlace = (view, finding) => {
  const { from, to } = rangeOf(view.state.doc, finding);
  view.dispatch({ selection: { anchor: from, head: to }, effects: EditorView.scrollIntoView(from, { y: "center" }) });
};

export const findingMarks = lintGutter();
