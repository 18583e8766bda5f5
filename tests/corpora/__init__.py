"""Texts that other people wrote, tried on a whole site: `make corpora CORPORA=FOLDER`. Without a folder our own small
cases in tests/field are tried; with one they are as well.

The collections are no part of this project. A folder holds any of these, in these forms:

- `json/*.base64.json`: {name: base64 of a file}; a name that begins with y has to be taken as JSON, with n to be
  refused, with i either (the naming of JSONTestSuite);
- `*naughty*.json`: [text, …];
- `*commonmark*.txt`: the CommonMark specification, whose examples stand between lines of 32 back ticks;
- `*xss*.json`: [{"payload": text, "runs_unfiltered": whether it ran in a browser as the raw body of a page}, …];
- `markdown/*/`: sites, each a folder of Markdown files with YAML front matter as Jekyll or Hugo keep them;
- `wxr/*.xml`: exports of WordPress sites, well-formed or not;
- `field/*/`: small inputs, each with what is right beside it; tests/corpora/field.py says in which form.

Every set prints a count for each thing that has to hold, and what broke it. What the database has a part in is tried on
both engines and compared.
"""
