from django.db import models


class SignInTally(models.Model):
    """How many tries to sign in failed since the last that succeeded, of one kind: for an account, from an address.

    The key is a keyed hash, because the name that somebody typed may be a password.
    """

    key = models.CharField(max_length=64, unique=True)
    failures = models.PositiveIntegerField(default=0, db_default=0)
    wait_until = models.DateTimeField(null=True, help_text="No try counts before this time.")
    last_at = models.DateTimeField(db_index=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.failures} failed"
