"""Signing in: who guesses passwords waits ever longer, and nobody is shut out for good."""

import datetime
import re

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from posts.accounts.tasks import forget_old_sign_ins
from posts.accounts.throttle import ACCOUNT, ADDRESS, PAIR, MustWait, begin_code, begin_sign_in
from posts.models import AuditEntry, SignInTally
from tests.test_operations_races import at_once, done

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("still_moment")]
PASSWORD = "a long enough pass phrase"
LOGIN = "/admin/login/"


def sign_in(client, name="reviewer", password=PASSWORD, address="192.0.2.1"):
    return client.post(LOGIN, {"username": name, "password": password}, REMOTE_ADDR=address)


def fail(name="reviewer", times=PAIR.free, address="192.0.2.1"):
    answers = [sign_in(Client(), name, "wrong", address) for _ in range(times)]
    return [answer.status_code for answer in answers]


def pass_time(**duration):
    """Move all that was counted into the past."""
    for tally in SignInTally.objects.all():
        tally.last_at -= datetime.timedelta(**duration)
        if tally.wait_until:
            tally.wait_until -= datetime.timedelta(**duration)
        tally.save()


def errors_of(answer):
    return [str(error) for error in answer.context["form"].non_field_errors()]


def failed_sign_ins():
    return list(AuditEntry.objects.filter(action="sign-in failed").order_by("pk").values_list("detail", flat=True))


def test_after_some_wrong_passwords_even_the_right_one_waits_and_then_opens(client, reviewer):
    assert fail() == [200] * PAIR.free
    answer = sign_in(client)
    assert answer.status_code == 429 and answer.headers["Retry-After"] == "2"
    assert errors_of(answer) == ["Too many tries failed. Wait 2 seconds, then try again."]
    pass_time(seconds=2)
    assert sign_in(client).status_code == 302


def test_each_further_wrong_password_doubles_the_wait_up_to_a_quarter_of_an_hour(reviewer):
    fail()
    waits = []
    for _ in range(12):
        answer = sign_in(Client(), password="wrong")
        waits.append(int(answer.headers["Retry-After"]))
        pass_time(seconds=waits[-1])
        assert sign_in(Client(), password="wrong").status_code == 200
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]


def test_tries_while_one_has_to_wait_make_the_wait_no_longer(client, reviewer):
    fail(times=PAIR.free + 30)
    pass_time(seconds=2)
    assert sign_in(client).status_code == 302


def test_a_name_without_an_account_gets_the_same_words_and_waits(reviewer):
    seen = {}
    for number, name in enumerate(["reviewer", "nobody", "wrong\x00name"]):
        address = f"192.0.2.{number}"
        answers = [sign_in(Client(), name, "wrong", address) for _ in range(PAIR.free + 1)]
        seen[name] = [
            (answer.status_code, answer.headers.get("Retry-After"), errors_of(answer)[-1:]) for answer in answers
        ]
    assert seen["nobody"] == seen["reviewer"] and seen["nobody"][-1][0] == 429


def test_a_known_and_an_unknown_name_cost_the_same_statements(reviewer):
    def statements(name, address):
        with CaptureQueriesContext(connection) as asked:
            sign_in(Client(), name, "wrong", address)
        return [query["sql"].split()[0] for query in asked]

    assert statements("reviewer", "192.0.2.1") == statements("nobody", "192.0.2.2")
    assert statements("reviewer", "192.0.2.1") == statements("nobody", "192.0.2.2")


def test_a_wrong_password_costs_a_known_number_of_queries_and_a_refused_one_fewer(reviewer, django_assert_num_queries):
    sign_in(Client(), password="wrong")
    # Two savepoints with their ends, the counts, the account for the password and for the trail.
    with django_assert_num_queries(11):
        sign_in(Client(), password="wrong")
    fail()
    with django_assert_num_queries(5):
        assert sign_in(Client(), password="wrong").status_code == 429
    with django_assert_num_queries(0):
        Client().get(LOGIN)


def test_other_addresses_may_still_sign_in_to_an_account_that_one_address_guesses(client, reviewer):
    fail(times=PAIR.free)
    assert sign_in(client, address="198.51.100.7").status_code == 302


def test_an_account_that_many_addresses_guess_opens_within_half_a_minute(client, reviewer):
    for number in range(ACCOUNT.free * 3):
        fail(times=1, address=f"198.51.100.{number}")
    for _ in range(6):
        pass_time(seconds=ACCOUNT.longest.total_seconds())
        fail(times=1, address="203.0.113.9")
    assert sign_in(client).status_code == 429
    pass_time(seconds=30)
    assert sign_in(client).status_code == 302


def test_the_device_of_the_owner_never_waits_for_the_tries_of_strangers(client, reviewer):
    assert sign_in(client).status_code == 302
    client.post(reverse("admin:logout"))
    fail(times=40)
    assert sign_in(Client()).status_code == 429
    answer = sign_in(client)
    assert answer.status_code == 302
    # Of forty, the first few were looked at, and any that came when a wait was over.
    detail = AuditEntry.objects.filter(action="signed in").first().detail
    tries = int(re.fullmatch(r"after (\d+) failed tries", detail)[1])
    assert PAIR.free <= tries < 40
    page = client.get(answer.url).content.decode()
    assert f"Before this sign-in there were {tries} failed tries to sign in to your account." in page


def test_the_cookie_of_a_device_helps_with_its_own_account_alone_and_not_for_ever(client, reviewer, editor):
    sign_in(client)
    client.post(reverse("admin:logout"))
    fail("editor")
    assert sign_in(client, "editor").status_code == 429
    assert [sign_in(client, password="wrong").status_code for _ in range(6)] == [200] * 5 + [429]


def test_the_cookie_of_a_device_is_sent_to_the_admin_alone(client, reviewer):
    sign_in(client)
    cookie = client.cookies["device"]
    assert cookie["path"] == "/admin/" and cookie["httponly"] and cookie["samesite"] == "Strict"


def test_one_address_that_tries_many_accounts_waits_for_all_of_them(client, reviewer):
    for number in range(ADDRESS.free):
        fail(f"name {number}", times=1)
    assert sign_in(client).status_code == 429
    assert sign_in(client, address="198.51.100.7").status_code == 302
    pass_time(seconds=2)
    assert sign_in(Client()).status_code == 302


def test_addresses_of_one_network_of_ipv6_count_as_one(client, reviewer):
    for number in range(PAIR.free):
        fail(times=1, address=f"2001:db8::{number:x}")
    assert sign_in(client, address="2001:db8::ffff").status_code == 429


def test_behind_a_proxy_the_address_is_what_the_proxy_wrote(client, reviewer, settings):
    settings.BEHIND_PROXY = True
    for number in range(PAIR.free):
        made_up = f"203.0.113.{number}, 192.0.2.1"
        Client().post(LOGIN, {"username": "reviewer", "password": "wrong"}, headers={"X-Forwarded-For": made_up})
    data = {"username": "reviewer", "password": PASSWORD}
    assert client.post(LOGIN, data, headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 429
    assert client.post(LOGIN, data, headers={"X-Forwarded-For": "192.0.2.2"}).status_code == 302


def test_success_forgets_the_tries_for_the_account_and_only_its_own_from_the_address(reviewer, editor):
    fail(times=PAIR.free - 1)
    assert sign_in(Client()).status_code == 302
    assert fail(times=PAIR.free - 1) == [200] * (PAIR.free - 1)
    counted = SignInTally.objects.order_by("-failures").first().failures
    sign_in(Client(), "editor")
    assert SignInTally.objects.order_by("-failures").first().failures == counted == 2 * (PAIR.free - 1)


def test_tries_are_forgotten_after_a_day(client, reviewer):
    fail(times=PAIR.free - 1)
    pass_time(days=1, seconds=1)
    assert fail(times=PAIR.free) == [200] * PAIR.free
    pass_time(days=1, seconds=1)
    forget_old_sign_ins.func()
    assert not SignInTally.objects.exists()


def test_a_burst_of_wrong_passwords_leaves_one_entry_for_each_account_and_one_for_all_unknown_names(reviewer):
    for number in range(4):
        fail("reviewer", times=1, address=f"192.0.2.{number}")
        fail(f"nobody {number}", times=2, address=f"198.51.100.{number}")
    assert failed_sign_ins() == ["account reviewer", "unknown account"]
    pass_time(hours=1, seconds=1)
    fail("reviewer", times=1, address="203.0.113.1")
    assert failed_sign_ins() == ["account reviewer", "unknown account", "account reviewer"]


def test_nothing_that_somebody_typed_is_stored_where_no_account_has_the_name(reviewer):
    fail(PASSWORD, times=2)
    rows = [str(row) for row in SignInTally.objects.values_list()]
    assert not any(PASSWORD in text for text in [*rows, *failed_sign_ins()])


def test_an_account_that_may_not_use_the_admin_is_refused_like_a_wrong_password(client):
    User.objects.create_user("reader", password=PASSWORD)
    User.objects.create_user("left", password=PASSWORD, is_staff=True, is_active=False)
    known, gone, wrong = (errors_of(sign_in(client, name)) for name in ("reader", "left", "nobody"))
    assert known == gone == wrong and len(wrong) == 1


def test_codes_wait_as_passwords_do(reviewer):
    now = timezone.now()
    for _ in range(5):
        begin_code(reviewer, now=now)
    with pytest.raises(MustWait) as refused:
        begin_code(reviewer, now=now)
    assert refused.value.seconds == 2
    begin_code(reviewer, now=now + datetime.timedelta(seconds=2))
    with pytest.raises(MustWait, match="Wait 4 seconds"):
        begin_code(reviewer, now=now + datetime.timedelta(seconds=2))


def test_a_wait_from_a_clock_that_was_ahead_shuts_nobody_out_and_tries_are_counted_on(reviewer):
    now = timezone.now()
    for _ in range(5):
        begin_code(reviewer, now=now + datetime.timedelta(days=3))
    begin_code(reviewer, now=now)
    with pytest.raises(MustWait, match="Wait 4 seconds"):
        begin_code(reviewer, now=now)


@pytest.mark.django_db(transaction=True)
def test_of_many_tries_at_once_no_more_pass_than_are_free():
    acts = [lambda: begin_sign_in("reviewer", address="192.0.2.1") for _ in range(20)]
    assert len(done(at_once(acts))) == PAIR.free
