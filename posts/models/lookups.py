"""A lookup for many values at once."""

import json

from django.db.models import BigAutoField, CharField, ForeignKey, Lookup


@BigAutoField.register_lookup
@CharField.register_lookup
@ForeignKey.register_lookup
class Among(Lookup):
    """`source_id__among=[…]`: what __in says, with the whole list as one parameter.

    An import asks for a thousand texts at a time; taking each through Django and the driver costs more than the answer.
    And the statement is the same for any number of them.
    """

    lookup_name = "among"
    prepare_rhs = False

    def as_sqlite(self, compiler, connection):
        column, parameters = self.process_lhs(compiler, connection)
        among = f"{column} IN (SELECT value FROM json_each(%s))"  # noqa: S608 (Django's own name of the column)
        return among, [*parameters, list_parameter(self.rhs, connection)]

    def as_postgresql(self, compiler, connection):
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s)", [*parameters, list_parameter(self.rhs, connection)]


def list_parameter(values, connection):
    """A list as the one parameter that it is for the engine of `connection`."""
    values = list(values)
    if connection.vendor == "sqlite":
        return json.dumps(values)
    if all(type(value) is int for value in values):
        # As PostgreSQL writes an array; the driver would take each number for itself.
        return f"{{{','.join(map(str, values))}}}"
    return values
