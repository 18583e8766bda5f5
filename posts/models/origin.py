from django.db import models
from django.db.models import Case, When


class Origin(models.TextChoices):
    """Who wrote the posts of an import or of a generator, as declared by a person here. No record can set it."""

    TRAINED_MODEL = "trained_model", "A trained model"
    FIXED_ALGORITHM = "fixed_algorithm", "A fixed algorithm"
    PEOPLE = "people", "People"
    NOT_STATED = "not_stated", "Not stated"


# Posts of these have no by-line: a name in a machine's record is not its author.
MACHINES = frozenset({Origin.TRAINED_MODEL, Origin.FIXED_ALGORITHM})
# Other spellings that people type.
_SPELLINGS = {
    "model": Origin.TRAINED_MODEL,
    "ai": Origin.TRAINED_MODEL,
    "llm": Origin.TRAINED_MODEL,
    "algorithm": Origin.FIXED_ALGORITHM,
    "template": Origin.FIXED_ALGORITHM,
    "person": Origin.PEOPLE,
    "humans": Origin.PEOPLE,
    "human": Origin.PEOPLE,
    "unknown": Origin.NOT_STATED,
}


def spoken(origin: str) -> str:
    """Return an origin as commands spell it: trained-model."""
    return origin.replace("_", "-")


def origin_from(text: str) -> Origin:
    """Return the Origin for any of its spellings; ValueError lists the choices."""
    word = "_".join(text.casefold().replace("-", " ").replace("_", " ").split())
    if word in Origin.values:
        return Origin(word)
    if word in _SPELLINGS:
        return _SPELLINGS[word]
    raise ValueError(f"Choose one of: {', '.join(map(spoken, Origin.values))}.")


def declared_origin(batch: str, post: str) -> Case:
    """Return the expression for who wrote a text, from the path to its import and that to its post ("" or "post__").

    It is what was declared for the import, else what the generator is that its record names. A record can say in this
    way that a machine wrote it, never that people did: anybody can write the name of a person.
    """
    kind = f"{post}known_generator__kind"
    return Case(
        When(**{f"{batch}__origin": Origin.NOT_STATED, f"{kind}__in": MACHINES}, then=kind),
        default=f"{batch}__origin",
        output_field=models.CharField(),
    )
