// What the buttons of the toolbar do to the text. Each is a command of CodeMirror: (view) => true.
import { EditorSelection } from "@codemirror/state";

const LIST_ITEM = /^(\s*)(?:[-*+]|\d{1,9}[.)])\s+(?:\[[ xX]\]\s+)?/;
const HEADING = /^#{1,6}\s+/;
const TABLE = "| Column | Column |\n| ------ | ------ |\n|        |        |\n";

const dispatch = (view, spec) => {
  view.dispatch({ userEvent: "input", scrollIntoView: true, ...spec });
  view.focus();
  return true;
};

// Put `sign` around each selection, or remove it if it is there.
const around = (sign) => (view) => {
  const { state } = view;
  const size = sign.length;
  const spec = state.changeByRange((range) => {
    const before = state.sliceDoc(Math.max(0, range.from - size), range.from);
    const after = state.sliceDoc(range.to, range.to + size);
    if (before === sign && after === sign) {
      return {
        changes: [{ from: range.from - size, to: range.from }, { from: range.to, to: range.to + size }],
        range: EditorSelection.range(range.anchor - size, range.head - size),
      };
    }
    return {
      changes: [{ from: range.from, insert: sign }, { from: range.to, insert: sign }],
      range: EditorSelection.range(range.anchor + size, range.head + size),
    };
  });
  return dispatch(view, spec);
};

const selectedLines = (state) => {
  const lines = new Map();
  for (const { from, to } of state.selection.ranges) {
    for (let at = from; at <= to; at = state.doc.lineAt(at).to + 1) {
      const line = state.doc.lineAt(at);
      lines.set(line.number, line);
    }
  }
  return [...lines.values()];
};

// Write `prefix` before each selected line in place of what `old` matches, or remove it if every line has it.
const linePrefix = (prefix, old) => (view) => {
  const lines = selectedLines(view.state);
  const hasAll = lines.every((line) => line.text.trimStart().startsWith(prefix) && old.exec(line.text)[0].trim() === prefix.trim());
  const changes = lines.map((line) => {
    const match = old.exec(line.text) || ["", ""];
    return { from: line.from, to: line.from + match[0].length, insert: (match[1] || "") + (hasAll ? "" : prefix) };
  });
  const set = view.state.changes(changes);
  return dispatch(view, { changes: set, selection: view.state.selection.map(set, 1) });
};

export const bold = around("**");
export const italic = around("*");
export const list = linePrefix("- ", LIST_ITEM);
export const taskList = linePrefix("- [ ] ", LIST_ITEM);

// A heading of the second level, then the third, then text again: the title of the page is the first level.
export const heading = (view) => {
  const lines = selectedLines(view.state);
  const level = HEADING.exec(lines[0].text)?.[0].trim().length || 0;
  const sign = { 0: "## ", 1: "## ", 2: "### " }[level] || "";
  const set = view.state.changes(
    lines.map((line) => ({ from: line.from, to: line.from + (HEADING.exec(line.text)?.[0].length || 0), insert: sign })),
  );
  return dispatch(view, { changes: set, selection: view.state.selection.map(set, 1) });
};

// Code inside of a line, or a block of code around several lines.
export const code = (view) => {
  const { state } = view;
  const { from, to } = state.selection.main;
  const first = state.doc.lineAt(from);
  const last = state.doc.lineAt(to);
  if (first.number === last.number) return around("`")(view);
  const changes = [{ from: first.from, insert: "```\n" }, { from: last.to, insert: "\n```" }];
  return dispatch(view, { changes, selection: { anchor: first.from + 3 } });
};

// A link around the selected words, with the cursor where its address goes; an address becomes the target.
export const link = (view) => {
  const { state } = view;
  const { from, to } = state.selection.main;
  const words = state.sliceDoc(from, to);
  const isAddress = /^https?:\/\/\S+$/.test(words);
  const insert = isAddress ? `[](${words})` : `[${words}]()`;
  const anchor = from + (isAddress || !words ? 1 : insert.length - 1);
  return dispatch(view, { changes: { from, to, insert }, selection: { anchor } });
};

// A block of its own after the line of the cursor, between blank lines. caret: where in it the cursor goes.
const block = (view, text, caret) => {
  const { state } = view;
  const line = state.doc.lineAt(state.selection.main.head);
  const isBlank = !line.text.trim();
  const hasWords = (number) => number >= 1 && number <= state.doc.lines && state.doc.line(number).text.trim();
  let before = isBlank ? "" : "\n\n";
  if (isBlank && hasWords(line.number - 1)) before = "\n";
  const insert = before + text.trimEnd() + (hasWords(line.number + 1) ? "\n" : "");
  const from = isBlank ? line.from : line.to;
  return dispatch(view, {
    changes: { from, to: line.to, insert },
    selection: { anchor: from + before.length + caret[0], head: from + before.length + caret[1] },
  });
};

export const table = (view) => block(view, TABLE, [2, 8]);

export const checklist = (view) => block(view, "[checklist]", [11, 11]);

// The place of the first image that the texts don't place yet. imageCount, texts: what the form has now.
export const image = (imageCount, texts) => (view) => {
  const placed = new Set([...texts().join("\n").matchAll(/\]\(image:(\d{1,3})\)/g)].map((match) => Number(match[1])));
  let number = 1;
  while (placed.has(number) && number <= imageCount()) number += 1;
  const text = `![](image:${number})`;
  return block(view, text, [text.length, text.length]);
};
