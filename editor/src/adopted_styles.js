// Styles of CodeMirror under a strict Content-Security-Policy. By default it writes them into a <style> element, which
// the policy of this site forbids. Style sheets that a script constructs are not inline: the document adopts them.
import { StyleModule } from "style-mod";

export const canAdoptStyles = "adoptedStyleSheets" in Document.prototype && "replaceSync" in CSSStyleSheet.prototype;

const sheets = new WeakMap();

const sheetOf = (module) => {
  if (!sheets.has(module)) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(module.getRules());
    sheets.set(module, sheet);
  }
  return sheets.get(module);
};

// Rules of later modules win, as in the original.
StyleModule.mount = (root, modules) => {
  const wanted = [modules].flat().map(sheetOf);
  const others = root.adoptedStyleSheets.filter((sheet) => !wanted.includes(sheet));
  root.adoptedStyleSheets = [...others, ...wanted];
};
