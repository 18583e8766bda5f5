"""Do the packages exist that a text tells readers to install? Names are compared with lists that an operator loaded.

No registry is ever asked: who asks about a name tells others which name an attacker could register.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import islice

from django.db import transaction
from django.utils import timezone

from posts.code_reading.names import names_compared
from posts.content_checks.registry import BACKGROUND, Told, Unread, check, outside_input
from posts.content_checks.text import CheckedText, Spot, spot_of
from posts.models import PackageList, PackageName

PACKAGE_NAMES = "package-names"
LISTS = "package lists"
# Names are written and deleted in sets of so many.
CHUNK = 5_000
MAX_NAME = 300
SHOWN = 8
# The words of a file name in a text: app.py is the reader's own module.
_FILE = re.compile(r"([\w-]{1,60})(?:\.(?:py|pyi|js|mjs|ts|tsx|jsx|rs|go|rb)\b|/(?:__init__|index|mod)\.)")


def _state() -> str:
    complete = PackageList.objects.filter(is_complete=True).order_by("pk")
    return " ".join(f"{pk}" for pk in complete.values_list("pk", flat=True))


outside_input(LISTS, _state)


@check(PACKAGE_NAMES, "advises", version=2, inputs=["intro", "body", LISTS], cost=BACKGROUND)
def package_names(text: CheckedText) -> Iterator[Told]:
    """Yield the packages that code imports or installs and that their registry's list does not have."""
    own = {name for _, block, _ in text.read_code for name in _FILE.findall(block.source)}
    own |= {name for field in ("intro", "body") for name in _FILE.findall(text.record.get(field, ""))}
    named: defaultdict[str, dict[str, tuple[int, Spot]]] = defaultdict(dict)
    for number, (field, block, reading) in enumerate(text.read_code, 1):
        for registry, name in reading.names:
            if name.removeprefix("import ") not in own:
                named[registry].setdefault(name, (number, spot_of(field, block)))
    if not named:
        return
    lists = {found.registry: found for found in PackageList.objects.filter(is_complete=True).order_by("pk")}
    for registry, places in named.items():
        if registry not in lists:
            continue
        found = lists[registry]
        told: set[str] = set()
        for name in unknown_names(found, places):
            # Imported and installed, or written in another way, it is the same package.
            if (plain := names_compared(registry, name.removeprefix("import "))[0]) in told:
                continue
            told.add(plain)
            number, spot = places[name]
            word = name.removeprefix("import ")
            yield (
                f"Code block {number} names “{word}”: no package of this name in the list of {found.dated:%Y-%m-%d} "
                f"({found.get_registry_display()}). Check the name before readers install it.",
                spot,
            )
    missing = [PackageList.Registry(registry).label for registry in named if registry not in lists]
    if missing:
        yield Unread(f"Names of packages not compared: no list of {', '.join(missing)} is loaded.")


def unknown_names(found: PackageList, names: Iterable[str]) -> list[str]:
    """Return those of `names` that a list has under none of the forms that they may have there; one query."""
    forms = {name: names_compared(found.registry, name) for name in names}
    wanted = {form for several in forms.values() for form in several}
    known = set(found.names.filter(name__in=wanted).values_list("name", flat=True))
    return [name for name, several in forms.items() if not known.intersection(several)]


def load_package_names(registry: str, lines: Iterable[str], *, dated: date) -> PackageList:
    """Replace the list of a registry by names, one a line; return it.

    Words after the first tab, comma or space of a line are left out, and lines that begin with #. Writes in sets, each
    its own transaction. Until all are written, texts are compared with the list before.
    """
    made = PackageList.objects.create(registry=registry, dated=dated)
    names = (name for line in lines if (name := _name_in(registry, line)))
    while chunk := list(islice(names, CHUNK)):
        rows = [PackageName(list=made, name=name) for name in dict.fromkeys(chunk)]
        PackageName.objects.bulk_create(rows, ignore_conflicts=True)
    with transaction.atomic():
        made.count = made.names.count()
        made.is_complete = True
        made.save()
        before = PackageList.objects.filter(registry=registry).exclude(pk=made.pk)
        before.update(is_complete=False)
    _delete(before.values_list("pk", flat=True))
    return made


def lend_package_names(names: Mapping[str, Iterable[str]]) -> None:
    """Load {registry: names} for a measurement that is taken back; a list that the operator loaded stays in use."""
    loaded = set(PackageList.objects.filter(is_complete=True).values_list("registry", flat=True))
    for registry, lines in names.items():
        if registry not in loaded:
            load_package_names(registry, lines, dated=timezone.localdate())


def _name_in(registry: str, line: str) -> str:
    name = re.split(r"[\t,\s]", line.strip().strip("\"'"), maxsplit=1)[0].strip("\"'")
    return "" if not name or name.startswith("#") or len(name) > MAX_NAME else names_compared(registry, name)[0]


def _delete(lists: Iterable[int]) -> None:
    """Delete lists with their names, in sets: one statement over millions of rows would hold other writers up."""
    for pk in list(lists):
        while names := list(PackageName.objects.filter(list=pk).order_by("pk").values_list("pk", flat=True)[:CHUNK]):
            PackageName.objects.filter(pk__in=names).delete()
        PackageList.objects.filter(pk=pk).delete()
