"""Look for secrets in the tree, and ask for advisories about the locked packages.

Run by `make security` through scripts/security.sh, which installs the tools. What could not be checked is said in a
line of its own: it is no pass.
"""

import math
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK_FILES = (
    "requirements.txt",
    "requirements-checks.txt",
    "requirements-redis.txt",
    "requirements-sentry.txt",
    "requirements-otel.txt",
    "requirements-dev.txt",
    "scripts/security.txt",
)
# What secrets of well-known kinds look like.
KINDS = {
    "private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+\S{30}"),
    "key of a cloud": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{35}\b"),
    "token of a service": re.compile(
        r"\bgh[pousr]_[0-9A-Za-z]{36}\b|\bxox[abprs]-[0-9A-Za-z-]{20,}|\bglpat-[0-9A-Za-z_-]{20}\b|\bsk-[0-9A-Za-z]{40,}"
    ),
    "token of this site": re.compile(r"\balphanode_[0-9A-Za-z_-]{40,}"),
}
# A name that says secret, and what it is set to.
ASSIGNED = re.compile(
    r"""(?i)\b[\w.-]*(?:secret|passw|token|api_?key|credential)[\w.-]*["']?\s*[:=]\s*["']([^"'\s]{20,})["']"""
)
# A word or an address is less random than that.
RANDOM_BITS = 3.8
# {file: why what looks like a secret there is none}.
KNOWN: dict[str, str] = {}
SKIPPED = (".lock", ".svg", ".png", ".jpg", ".woff2", ".gz", ".zip", ".ico")
# pip-audit says this where it found something, as told from a failure.
FOUND = re.compile(r"^Found \d+ known vulnerabilit", re.MULTILINE)


def bits_of(text: str) -> float:
    """Return the bits of each character of a text, by how often each comes."""
    counts = Counter(text)
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts.values())


def secrets_in(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line, what it looks like) of what seems to be a secret."""
    for kind, pattern in KINDS.items():
        for found in pattern.finditer(text):
            yield text.count("\n", 0, found.start()) + 1, kind
    for found in ASSIGNED.finditer(text):
        value = found[1]
        has_both = re.search(r"[0-9]", value) and re.search(r"[A-Za-z]", value)
        if has_both and bits_of(value) > RANDOM_BITS and not re.search(r"[{}<>()$]|://|\.\w+\.", value):
            yield text.count("\n", 0, found.start()) + 1, "value of a name that says secret"


def files_of_tree(root: Path = ROOT) -> list[Path]:
    """Return the files that git knows below `root`."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True)
    return [root / name for name in listed.stdout.split("\0") if name and not name.endswith(SKIPPED)]


def secrets_of_tree(files: Iterable[Path], root: Path = ROOT) -> list[str]:
    """Return "file:line: kind" of all that seems to be a secret and is not known."""
    said = []
    for file in files:
        name = str(file.relative_to(root))
        if name in KNOWN or not file.is_file():
            continue
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        said += [f"{name}:{line}: {kind}" for line, kind in secrets_in(text)]
    return said


def advisories(lock_file: str, ask: list[str]) -> tuple[str, str]:
    """Return ("found", "none" or "unchecked", what was said) of the advisories about the packages of a lock file.

    ask: how pip-audit is called.
    """
    arguments = ["--require-hashes", "--disable-pip", "--progress-spinner", "off", "--timeout", "5"]
    try:
        asked = subprocess.run(
            [*ask, *arguments, "--requirement", lock_file],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return "unchecked", type(error).__name__
    if FOUND.search(asked.stderr):
        return "found", asked.stdout.strip()
    # A package that no advisory service knows is listed as skipped: then nothing was learned about it.
    if skipped := asked.stdout.count("could not be audited"):
        return "unchecked", f"{skipped} packages could not be looked up"
    if asked.returncode:
        return "unchecked", (asked.stderr.strip() or asked.stdout.strip() or "no answer").splitlines()[-1][:200]
    return "none", ""


def main() -> int:
    """Print what was found, and return the status for the shell."""
    said = secrets_of_tree(files_of_tree())
    for line in said:
        print(f"{line}. Remove it, and change the secret.")
    status = 1 if said else 0
    print("Secrets: none found." if not said else f"Secrets: {len(said)} found.")
    tools = os.environ.get("TOOLS", "")
    ask = [
        sys.executable,
        "-c",
        f"import sys; sys.path.insert(0, {tools!r}); from pip_audit._cli import audit; audit()",
    ]
    missing = ""
    for lock_file in LOCK_FILES:
        # Where no advisories can be reached for one, none can for the others: each would wait as long.
        outcome, words = ("unchecked", missing) if missing else advisories(lock_file, ask)
        if outcome == "unchecked":
            missing = words
            print(f"Advisories: not checked: no advisories for {lock_file} ({words}).")
            continue
        print(f"Advisories: {'none' if outcome == 'none' else words} for {lock_file}.")
        status = status or int(outcome == "found")
    return status


if __name__ == "__main__":
    sys.exit(main())
