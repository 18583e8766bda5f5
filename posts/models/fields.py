"""A JSON column that keeps the order of keys on every engine."""

import json
from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:

    class _JSONText(models.TextField[Any, Any]):
        # What django-stubs takes for the type of a value: here any that JSON has.
        _pyi_private_set_type: Any
        _pyi_private_get_type: Any
else:
    _JSONText = models.TextField


class OrderedJSONField(_JSONText):
    """JSON stored as text: PostgreSQL's jsonb reorders keys and rewrites numbers, and readers see both."""

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        return None if value is None else json.loads(value)

    def to_python(self, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else dump_json(value)

    def value_to_string(self, obj: models.Model) -> str:
        return dump_json(self.value_from_object(obj))


def dump_json(value: Any) -> str:
    """Return `value` as compact JSON text, with keys in their own order."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
