"""The small forms beside the form of a post: decisions, flags and addresses."""

from django import forms

from posts.models import Review
from posts.records.schema import MAX_INTEGER


def _area(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, "dir": "auto"})


class DecisionForm(forms.Form):
    """What a reviewer enters about the proposed text, besides the answers to the review guideline."""

    fingerprint = forms.CharField(widget=forms.HiddenInput)
    flags_seen = forms.CharField(required=False, widget=forms.HiddenInput)
    reason_code = forms.ChoiceField(
        label="Reason, if you request changes or reject", required=False, choices=Review.ReasonCode
    )
    comment = forms.CharField(required=False, widget=_area(3))
    expected_result = forms.CharField(required=False, widget=_area(2))
    rollback_note = forms.CharField(required=False, widget=_area(2))
    own_text_reason = forms.CharField(label="Why you approve your own changes", required=False, widget=_area(2))

    def clean_flags_seen(self) -> list[int]:
        """Return the primary keys of the flags shown on the page."""
        return [int(part) for part in self.cleaned_data["flags_seen"].split(",") if part.isdecimal() and len(part) < 19]


class FlagForm(forms.Form):
    """Why somebody should look at the post."""

    note = forms.CharField(max_length=500, widget=_area(2), label="What should the reviewer check?")


class AddressForm(forms.Form):
    """A new slug."""

    slug = forms.CharField(label="Address", max_length=200, help_text="Lowercase letters, digits and hyphens.")


class ViewCountForm(forms.Form):
    """The view count that the record claims."""

    view_count = forms.IntegerField(
        label="View count",
        required=False,
        min_value=0,
        max_value=MAX_INTEGER,
        help_text="Leave this empty if there is no count.",
    )
