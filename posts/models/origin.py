from django.db import models


class Origin(models.TextChoices):
    """Who wrote the posts of an import, as declared by whoever runs it. A record's own word never sets it."""

    TRAINED_MODEL = "trained_model", "A trained model"
    FIXED_ALGORITHM = "fixed_algorithm", "A fixed algorithm"
    PEOPLE = "people", "People"
    NOT_STATED = "not_stated", "Not stated"
