"""How a reader computes the fingerprint of a text with nothing of ours but its record."""

from posts.records.schema import OUTSIDE_FINGERPRINT

_COMMAND = """\
python3 -c '
import hashlib, json, urllib.request
page = urllib.request.urlopen("{address}")
text = json.load(page)["record"]
for key in {outside}:
    text.pop(key, None)
if "ai_outline" in text:
    text["ai_outline"] = list(text["ai_outline"].items())
text.get("flags", {{}}).pop("needs_human_review", None)
if not text.get("flags"):
    text.pop("flags", None)
form = json.dumps(text, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
print(hashlib.sha256(form.encode()).hexdigest())
'"""


def check_command(address: str) -> str:
    """A command for a shell that reads the record at `address` (of this site) and prints the fingerprint of its text:
    what posts.records.schema.fingerprint_of does, in a few lines that a reader can check."""
    outside = ", ".join(f'"{key}"' for key in sorted(OUTSIDE_FINGERPRINT))
    return _COMMAND.format(address=address.replace("'", "%27").replace('"', "%22"), outside=outside)
