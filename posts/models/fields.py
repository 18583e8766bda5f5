"""A JSON column that keeps the order of keys on every engine."""

import json

from django.db import models


class OrderedJSONField(models.TextField):
    """JSON stored as text: PostgreSQL's jsonb reorders keys and rewrites numbers, and readers see both."""

    def from_db_value(self, value, expression, connection):
        return None if value is None else json.loads(value)

    def to_python(self, value):
        return json.loads(value) if isinstance(value, str) else value

    def get_prep_value(self, value):
        return None if value is None else dump_json(value)

    def value_to_string(self, obj):
        return dump_json(self.value_from_object(obj))


def dump_json(value):
    """Return `value` as compact JSON text, with keys in their own order."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
