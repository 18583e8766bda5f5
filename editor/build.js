// Bundle the editor into static/editor/, the same bytes for the same sources. `make editor` runs this.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "static", "editor");
const sha256 = (text) => createHash("sha256").update(text).digest("hex");

// tests/test_editor_bundle.py computes both digests in the same way.
const digestOfSources = () => {
  const names = ["build.js", "package-lock.json", "package.json", ...readdirSync(join(here, "src")).map((name) => `src/${name}`)];
  return sha256(names.sort().map((name) => `${name} ${sha256(readFileSync(join(here, name)))}\n`).join(""));
};

const packageOf = (path) => path.match(/^(?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1];

const noteOf = (name) => {
  const folder = join(here, "node_modules", name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json")));
  const text = readFileSync(join(folder, "LICENSE"), "utf8").trim();
  return `${name} ${version} (${license})\n\n${text}\n`;
};

const result = await build({
  absWorkingDir: here,
  entryPoints: ["src/editor.js"],
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  write: false,
  metafile: true,
});
const code = result.outputFiles[0].text;
const [output] = Object.values(result.metafile.outputs);
const used = Object.entries(output.inputs).filter(([, { bytesInOutput }]) => bytesInOutput);
const bundled = [...new Set(used.map(([path]) => packageOf(path)).filter(Boolean))].sort();
const banner = `/* Built by "make editor" from editor/: do not edit. Licences: LICENSES.txt. sources ${digestOfSources()} code ${sha256(code)} */\n`;
writeFileSync(join(out, "editor.js"), banner + code);
writeFileSync(
  join(out, "LICENSES.txt"),
  `editor.js contains these packages:\n\n${bundled.map(noteOf).join(`\n${"-".repeat(80)}\n\n`)}`,
);
process.stdout.write(`static/editor/editor.js: ${Math.round(code.length / 1024)} KiB from ${bundled.length} packages\n`);
