"""The first version of the review guideline. Every site can change it; the change is a version of its own."""

from django.db import migrations

# Key, text, help, whether it is required, the reason code of a failed point, and the kinds of posts that it is for.
POINTS = (
    (
        "commands",
        "Every command was run or checked against its manual.",
        "Code examples too. Run them on a copy, or compare each option with the manual of the version that the article names.",
        True, "code", ["code"],
    ),
    (
        "numbers",
        "Every number has a source or says how it was measured.",
        "Limits, sizes, dates, prices and measured values.",
        True, "facts", [],
    ),
    (
        "facts",
        "The facts behind the advice were checked, not only read.",
        "Names, versions, defaults, causes. Look them up in documentation that you trust.",
        True, "facts", [],
    ),
    (
        "harm",
        "It warns before every step that can do harm.",
        "Lost data, downtime, open access, cost. A step without such a risk needs no warning.",
        True, "harm", [],
    ),
    (
        "images",
        "Every image fits its caption and may be used here.",
        "It shows what the caption says, and its source and licence are right.",
        True, "images", ["images"],
    ),
    (
        "readable",
        "A reader of its level can follow it from start to end.",
        "",
        False, "language", [],
    ),
)  # fmt: skip


def make(apps, schema_editor):
    guidelines = apps.get_model("posts", "ReviewGuideline").objects
    # It was here before, and this migration was taken back.
    if guidelines.exists():
        return
    guideline = guidelines.create(number=1, note="The default of the site.")
    apps.get_model("posts", "GuidelinePoint").objects.bulk_create(
        apps.get_model("posts", "GuidelinePoint")(
            guideline=guideline,
            key=key,
            position=position,
            text=text,
            help_text=help_text,
            is_required=is_required,
            reason_code=reason_code,
            kinds=kinds,
        )
        for position, (key, text, help_text, is_required, reason_code, kinds) in enumerate(POINTS, 1)
    )


class Migration(migrations.Migration):
    dependencies = [("posts", "0040_review_guideline")]
    # The tables go with the migration before this one.
    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
