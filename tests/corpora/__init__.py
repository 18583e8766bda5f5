"""Texts that other people wrote, tried on a whole site: `make corpora CORPORA=FOLDER`.

Our own small cases in tests/field are tried in any case.

The collections are not part of this project. A folder holds any of these:

- `json/*.base64.json`: {name: base64 of a file}; a name that begins with y must be accepted as JSON, with n must be
  refused, with i either (the naming of JSONTestSuite);
- `*naughty*.json`: [text, …];
- `*commonmark*.txt`: the CommonMark specification, with examples between lines of 32 backticks;
- `*xss*.json`: [{"payload": text, "runs_unfiltered": whether it ran in a browser as the raw body of a page}, …];
- `markdown/*/`: sites, each a folder of Markdown files with YAML front matter as Jekyll or Hugo keep them;
- `wxr/*.xml`: exports of WordPress sites, well-formed or not;
- `field/*/`: small inputs, each with the right result beside it; tests/corpora/field.py describes the form.

Every set prints a count for each requirement, and what broke it. What depends on the database is tried on both
engines and compared.
"""
