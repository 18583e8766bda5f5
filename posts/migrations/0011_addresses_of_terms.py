"""Gives every term its slug; languages and levels become terms too."""

import hashlib
import re

from django.db import migrations, models
from django.db.models import Q
from django.utils.text import slugify

CHUNK = 1000
# How addresses were made when this migration was written; the site's own code may move and change.
MAX_LENGTH = 120
# What a name has of signs that slugs leave out, and that tell names apart: C, C++ and C#.
_SPOKEN = (("++", " plus plus "), ("#", " sharp "), ("&", " and "), ("@", " at "), ("+", " plus "))
# After so many terms with the same words the next ones are told apart by their hash: each try is a query.
NUMBERED = 9


def wished_term_slug(kind, name):
    """Return the preferred slug for the name of a term: C++ → c-plus-plus.

    A name without ASCII letters and digits gets the word of its kind.
    """
    words = re.sub(r"^\.(?=\w)", "dot ", name)
    for sign, spoken in _SPOKEN:
        words = words.replace(sign, spoken)
    return re.sub("[-_]+", "-", slugify(words)).strip("-")[:MAX_LENGTH].strip("-") or str(kind)


def _tries(kind, key, name):
    """Yield the slugs that a term could take, best first; the last one is unique."""
    wish = wished_term_slug(kind, name)
    digest = hashlib.sha256(key.encode()).hexdigest()
    return [
        wish,
        *(f"{wish}-{number}" for number in range(2, NUMBERED + 1)),
        f"{wish}-{digest[:8]}",
        f"{wish}-{digest}",
    ]


def free_term_slugs(names, taken):
    """Return {(kind, key): slug} for new terms `names` ({(kind, key): name}), in their order.

    taken(pairs) returns those of the (kind, slug) pairs that a term has; it is called once for each further choice.
    """
    tries = {term: _tries(*term, name) for term, name in names.items()}
    slugs, given, choice = {}, set(), 0
    while len(slugs) < len(names):
        # A name that stands for itself alone goes before another's second choice.
        wished = {term: found[choice] for term, found in tries.items() if term not in slugs}
        blocked = given | taken({(kind, slug) for (kind, _), slug in wished.items()})
        for (kind, key), slug in wished.items():
            if (kind, slug) not in blocked or choice == NUMBERED + 1:
                slugs[kind, key] = slug
                blocked.add((kind, slug))
                given.add((kind, slug))
        choice += 1
    return slugs


def name_terms(apps, schema_editor):
    terms = apps.get_model("posts", "Term").objects.using(schema_editor.connection.alias)
    after = 0
    while chunk := list(terms.filter(pk__gt=after, slug="").order_by("pk")[:CHUNK]):

        def taken(pairs):
            found = terms.filter(slug__in={slug for _, slug in pairs}).values_list("kind", "slug")
            return pairs & set(found)

        slugs = free_term_slugs({(term.kind, term.key): term.name for term in chunk}, taken)
        for term in chunk:
            term.slug = slugs[term.kind, term.key]
        terms.bulk_update(chunk, ["slug"], batch_size=200)
        after = chunk[-1].pk


class Migration(migrations.Migration):
    dependencies = [("posts", "0010_undo_and_time_spent")]
    operations = [
        migrations.AddField(
            model_name="term",
            name="slug",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Its place in the address of its list; given once, never changed.",
                max_length=200,
            ),
        ),
        migrations.AlterField(
            model_name="term",
            name="kind",
            field=models.CharField(
                choices=[
                    ("stack", "Stack"),
                    ("tool", "Tool"),
                    ("topic", "Topic"),
                    ("entity", "Entity"),
                    ("tag", "Tag"),
                    ("language", "Language"),
                    ("code", "Code language"),
                    ("difficulty", "Difficulty"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="term",
            constraint=models.UniqueConstraint(
                condition=~Q(slug=""), fields=("kind", "slug"), name="term_address_once"
            ),
        ),
        # After the index: what names the terms looks addresses up by it.
        migrations.RunPython(name_terms, migrations.RunPython.noop),
    ]
