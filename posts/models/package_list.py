from django.db import models
from django.db.models.functions import Now


class PackageList(models.Model):
    """A list of the packages of one registry, as an operator loaded it."""

    class Registry(models.TextChoices):
        PYPI = "pypi", "PyPI"
        NPM = "npm", "npm"
        CRATES = "crates", "crates.io"
        GO = "go", "Go"
        GEMS = "gems", "RubyGems"

    registry = models.CharField(max_length=10, choices=Registry)
    dated = models.DateField(help_text="The day on which the registry had these packages.")
    count = models.PositiveIntegerField(default=0, db_default=0)
    # While it is being loaded, texts are compared with the list before.
    is_complete = models.BooleanField(default=False, db_default=False)
    loaded_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.get_registry_display()} of {self.dated}"


class PackageName(models.Model):
    """A name in a PackageList, in the form in which the registry compares names."""

    # The constraint below provides its index.
    list = models.ForeignKey(PackageList, models.CASCADE, related_name="names", db_index=False)
    name = models.CharField(max_length=300)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["list", "name"], name="package_once")]

    def __str__(self) -> str:
        return self.name
