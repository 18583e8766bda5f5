from typing import Any

from django.db.models import Aggregate, TextField


class JsonRows(Aggregate):
    """The values of all rows as one JSON text, a list of lists."""

    output_field = TextField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "json_group_array(json_array(%(expressions)s))"
        return self.as_sql(compiler, connection, template=template, **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "json_agg(json_build_array(%(expressions)s))::text"
        return self.as_sql(compiler, connection, template=template, **context)


class SpacedRows(Aggregate):
    """The values of all rows as one text, with spaces between them."""

    output_field = TextField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="group_concat(%(expressions)s, ' ')", **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="string_agg(%(expressions)s, ' ')", **context)
