"""Hold how many functions have no types: the number of each package may fall and never rise.

Ends with 1 and names the packages that have more than scripts/untyped.json allows. `--write` writes what there is now;
run it when a package has fewer. The packages that mypy checks (pyproject.toml) have none, and aren't listed.
"""

import ast
import json
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = Path(__file__).with_suffix(".json")


def is_typed(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether all that the function takes and gives is annotated; `self` and `cls` need nothing."""
    given = function.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
    named = [argument for argument in arguments if argument.arg not in ("self", "cls")]
    return function.returns is not None and all(argument.annotation for argument in named)


def untyped_functions() -> dict[str, int]:
    """Return {package: how many of its functions have no types}, without the packages that have all."""
    counts: Counter[str] = Counter()
    for path in [*ROOT.glob("posts/**/*.py"), *ROOT.glob("alphanode/**/*.py")]:
        if "migrations" in path.parts:
            continue
        package = "/".join(path.relative_to(ROOT).parent.parts[:2])
        tree = ast.parse(path.read_text())
        functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
        counts[package] += sum(not is_typed(function) for function in functions)
    return {package: count for package, count in sorted(counts.items()) if count}


def main() -> int:
    """Compare the tree with ALLOWED, or write it there."""
    found = untyped_functions()
    if "--write" in sys.argv:
        ALLOWED.write_text(json.dumps(found, indent=1) + "\n")
        return 0
    allowed = json.loads(ALLOWED.read_text())
    more = [name for name, count in found.items() if count > allowed.get(name, 0)]
    for name in more:
        print(f"{name}: {found[name]} functions without types, at most {allowed.get(name, 0)} may be. Annotate yours.")
    return bool(more)


if __name__ == "__main__":
    sys.exit(main())
