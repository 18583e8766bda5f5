"""Temporary database errors are recognised and reported as outages, on both engines."""

import pytest
from django.db import OperationalError, ProgrammingError, connection
from django.urls import reverse

from posts.outages import outage_of
from tests.factories import make_post, person

READ_ONLY = {"sqlite": "PRAGMA query_only = on", "postgresql": "SET default_transaction_read_only = on"}
BACK = {"sqlite": "PRAGMA query_only = off", "postgresql": "SET default_transaction_read_only = off"}


@pytest.fixture
def read_only(transactional_db):
    post = make_post(released=True)
    person("Editors")
    with connection.cursor() as cursor:
        cursor.execute(READ_ONLY[connection.vendor])
        yield post
        cursor.execute(BACK[connection.vendor])


def test_a_form_on_a_read_only_site_says_that_nothing_was_saved(client, read_only, caplog):
    assert client.get(read_only.get_absolute_url()).status_code == 200
    report = reverse("posts:report", args=[read_only.slug])
    for address, form in ((report, {"reason": "facts"}), ("/admin/login/", {"username": "x", "password": "y"})):
        caplog.clear()
        answer = client.post(address, form)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
        page = answer.content.decode()
        assert "The site is read-only at the moment" in page and "Nothing was saved." in page
        assert [record.levelname for record in caplog.records if record.name != "alphanode.request"] == ["WARNING"]


@pytest.mark.django_db
def test_a_wrong_statement_is_no_outage():
    with pytest.raises((OperationalError, ProgrammingError), match="nowhere") as error, connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM nowhere")
    assert outage_of(error.value) is None and outage_of(ValueError("x")) is None
