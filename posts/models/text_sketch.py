from django.db import models
from django.db.models.functions import Now

from posts.models.post import Post


class TextSketch(models.Model):
    """The MinHash signature of a post's proposed text, by which posts.related.near_duplicates finds near-duplicates."""

    post = models.OneToOneField(Post, models.CASCADE, primary_key=True, related_name="sketch")
    fingerprint = models.CharField(max_length=64)
    signature = models.BinaryField(help_text="Numbers of 32 bits, little endian.")
    paragraphs = models.BinaryField(help_text="Keys of 64 bits of its paragraphs, little endian.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"Sketch of {self.post_id}"


class SketchBand(models.Model):
    """A part of a signature as one number. Texts that share one may be near-duplicates."""

    pk = models.CompositePrimaryKey("key", "post_id")
    key = models.BigIntegerField()
    post = models.ForeignKey(Post, models.CASCADE, related_name="+")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.key} of {self.post_id}"


class ParagraphCount(models.Model):
    """The number of posts that contain a paragraph. A frequent paragraph is boilerplate."""

    key = models.BigIntegerField(primary_key=True)
    posts = models.PositiveIntegerField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.key}: {self.posts}"


class TextTwin(models.Model):
    """Two posts with near-duplicate proposed texts. Each pair has two rows, one in each direction."""

    post = models.ForeignKey(Post, models.CASCADE, related_name="twins")
    twin = models.ForeignKey(Post, models.CASCADE, related_name="+")
    similarity = models.FloatField(help_text="Jaccard index of the word shingles, 0.7 to 1.")
    is_first = models.BooleanField(
        default=False, db_default=False, help_text="Whether this is the earliest of the posts that it repeats."
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()
        ordering = ["-similarity", "twin"]
        indexes = [models.Index(fields=["-twin", "post"], condition=models.Q(is_first=True), name="text_twin_first")]
        constraints = [
            models.UniqueConstraint(fields=["post", "twin"], name="text_twin_once"),
            models.CheckConstraint(condition=~models.Q(post=models.F("twin")), name="text_twin_is_another_post"),
        ]

    def __str__(self) -> str:
        return f"{self.post_id} repeats {self.twin_id}, {self.similarity:.2f}"


class TextScan(models.Model):
    """How far a kind of background work is in its walk along keys. posts.db.shared_walk lets workers share one."""

    name = models.CharField(max_length=40, primary_key=True)
    # The newest key that a worker has had, in any pass.
    revision_id = models.BigIntegerField(default=0, db_default=0)
    # The last key of this pass that a worker has had. A pass may begin before keys that earlier ones had.
    position = models.BigIntegerField(default=0, db_default=0)
    # A pass takes the rows up to this number; null: it has no end.
    pass_end = models.BigIntegerField(null=True)
    begun_at = models.DateTimeField(null=True)
    done = models.BigIntegerField(default=0, db_default=0, help_text="Keys whose work is done in this pass.")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name}: {self.revision_id}"


class WalkPart(models.Model):
    """Keys of a walk, from the first to the last, that one worker works on. The row goes with its work."""

    walk = models.CharField(max_length=40)
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    # Counts the workers that took it. One that returns after losing its lease has a smaller number.
    attempt = models.PositiveIntegerField(default=1, db_default=1)
    leased_until = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["walk", "first"], name="walk_part_once")]

    def __str__(self) -> str:
        return f"{self.walk}: {self.first} to {self.last}"
