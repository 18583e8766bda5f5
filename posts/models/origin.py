from django.db import models


class Origin(models.TextChoices):
    """Who wrote the posts of an import, as declared by the person who runs it. No record can set it."""

    TRAINED_MODEL = "trained_model", "A trained model"
    FIXED_ALGORITHM = "fixed_algorithm", "A fixed algorithm"
    PEOPLE = "people", "People"
    NOT_STATED = "not_stated", "Not stated"


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
