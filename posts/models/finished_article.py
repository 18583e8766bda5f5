from django.db import models

from posts.models.post import Post


class FinishedArticle(models.Model):
    """What the page of a listed post owes to its own text and decisions, finished and compressed.

    posts.public.finished_articles reads it. It is good for exactly the values that it was made from.
    """

    post = models.OneToOneField(Post, models.CASCADE, primary_key=True, related_name="finished_article")
    article_id = models.BigIntegerField(
        null=True, db_index=True, help_text="The RenderedArticle in it, if there is one."
    )
    edition = models.CharField(max_length=32, help_text="What it was made of besides the database.")
    made_from = models.CharField(max_length=32, help_text="The digest of the values that the page showed.")
    html = models.BinaryField(help_text="The page around its related posts. Compressed with Zstandard.")
    record = models.BinaryField(help_text="The record as JSON. Compressed with Zstandard.")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.made_from} of {self.post_id}"
