"""Second factors: how they are set up and asked for, who has to have one, and what waits until they have it."""

import json
import re
import time
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.test.utils import override_settings
from django.urls import reverse
from django.utils import timezone
from fido2.cose import ES256
from fido2.webauthn import AttestedCredentialData

from posts.accounts.codes import SECONDS, code_of
from posts.accounts.passwords import DEMO_PASSWORD
from posts.accounts.second_factors import add_app, check_code, check_passkey, make_recovery_codes
from posts.accounts.secrets import open_sealed
from posts.accounts.tasks import encrypt_secrets_again
from posts.errors import NotAllowed, SecondFactorMissing
from posts.importing.generators import save_generator
from posts.importing.tokens import create_token
from posts.models import (
    AccountState,
    ApiToken,
    AuditEntry,
    Generator,
    OutgoingMessage,
    QueueEntry,
    RecoveryCode,
    Review,
    SecondFactor,
    WebSession,
)
from posts.operations import (
    Decision,
    Plan,
    Refused,
    begin_bulk,
    claim_post,
    confirm_live,
    decide,
    flag_post,
    release_revision,
    roll_back,
    run_due,
    schedule_release,
    withdraw_post,
)
from posts.operations.house_style import RuleDraft, save_rule
from posts.operations.run_job import run_job
from tests.factories import ALL_MET, COMMAND_ALL_MET, approve, fresh, make_post, person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("still_moment")]
PASSWORD = "a long enough pass phrase"
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
STEP = "/admin/sign-in/second-step/"
SIMPLY = 'extends: existence\nmessage: "Leave “%s” out."\ntokens:\n  - simply\n'


@pytest.fixture(autouse=True)
def _clock(monkeypatch):
    """Begin in the middle of a half minute, so that no code ends while a test uses it."""
    Clock.now = int(time.time()) // SECONDS * SECONDS + 10
    monkeypatch.setattr("posts.accounts.second_factors.time.time", lambda: Clock.now)


class Clock:
    now = 0


def code(steps=0):
    return code_of(SECRET, Clock.now // SECONDS + steps)


def with_app(user):
    """Give an account the app; return its recovery codes. The next half minute begins."""
    codes = add_app(user, secret=SECRET, code=code())
    Clock.now += SECONDS
    return codes


def first_step(name="reviewer", client=None, **data):
    client = client or Client()
    return client, client.post("/admin/login/", {"username": name, "password": PASSWORD, **data})


def is_in(client):
    return client.get(reverse("admin:my_work")).status_code == 200


def actions(*names):
    return list(AuditEntry.objects.filter(action__in=names).order_by("pk").values_list("action", "detail"))


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_codes_are_those_of_the_specification(seconds, expected):
    """RFC 6238, appendix B, with six digits."""
    assert code_of(SECRET, seconds // SECONDS) == expected


def test_a_person_sets_up_an_app_and_signs_in_with_its_code(reviewer):
    client, _ = first_step()
    page = client.get(reverse("admin:account_app"))
    html = page.content.decode()
    secret = re.search(r'account__secret">([A-Z2-7 ]+)<', html)[1].replace(" ", "")
    assert 'src="data:image/svg+xml' in html and "no-store" in page.headers["Cache-Control"]
    wrong = client.post(reverse("admin:account_app"), {"code": "000000"})
    assert wrong.status_code == 422 and "This code is wrong" in wrong.content.decode()
    assert secret in wrong.content.decode().replace(" ", "")
    shown = code_of(secret, Clock.now // SECONDS)
    answer = client.post(reverse("admin:account_app"), {"code": f"{shown[:3]} {shown[3:]}"})
    codes = re.findall(r"<code>([a-z2-9-]{14})</code>", answer.content.decode())
    assert answer.status_code == 200 and len(set(codes)) == 10
    assert not any(text in SecondFactor.objects.get().secret for text in (secret, *codes))
    client.post(reverse("admin:logout"))
    client, answer = first_step(client=client)
    assert answer.url == STEP and not is_in(client)
    Clock.now += SECONDS
    shown = code_of(secret, Clock.now // SECONDS)
    assert client.post(STEP, {"code": shown}).url == reverse("admin:index") and is_in(client)
    assert actions("second factor added", "recovery codes made", "signed in") == [
        ("signed in", ""),
        ("second factor added", "Authenticator app “Authenticator app”"),
        ("recovery codes made", "earlier ones no longer count"),
        ("signed in", "with authenticator app"),
    ]


def test_the_password_alone_opens_nothing_once_there_is_a_second_factor(reviewer):
    with_app(reviewer)
    client, answer = first_step(next="/admin/audit/")
    assert answer.url == STEP
    for address in (reverse("admin:index"), reverse("admin:account_app"), reverse("admin:account")):
        assert client.get(address).url.startswith("/admin/login/")
    assert WebSession.objects.get().user is None
    wrong = client.post(STEP, {"code": "000000"})
    assert wrong.status_code == 422 and "This was not accepted." in wrong.content.decode() and not is_in(client)


def test_the_sign_in_leads_to_the_page_that_was_asked_for(reviewer):
    with_app(reviewer)
    client, _ = first_step(next=reverse("admin:queue"))
    assert client.post(STEP, {"code": code()}).url == reverse("admin:queue")


def test_no_code_counts_twice_and_none_of_more_than_half_a_minute_away(reviewer):
    with_app(reviewer)
    assert [bool(check_code(reviewer, code(steps))) for steps in (2, -2, 0, 0, -1, 1, 1)] == [
        False, False, True, False, False, True, False,
    ]  # fmt: skip


def test_codes_are_guessed_as_slowly_as_passwords(reviewer):
    with_app(reviewer)
    client, _ = first_step()
    statuses = [client.post(STEP, {"code": "000000"}).status_code for _ in range(6)]
    assert statuses == [422] * 5 + [429]
    # The right one waits too, and a new beginning helps nobody.
    client, _ = first_step()
    assert client.post(STEP, {"code": code()}).status_code == 429
    assert actions("sign-in failed") == [("sign-in failed", "account reviewer, second factor")]


def test_the_device_of_the_owner_never_waits_for_a_stranger_who_knows_the_password(reviewer):
    with_app(reviewer)
    owner, _ = first_step()
    owner.post(STEP, {"code": code()})
    owner.post(reverse("admin:logout"))
    stranger, _ = first_step()
    assert [stranger.post(STEP, {"code": "000000"}).status_code for _ in range(6)] == [422] * 5 + [429]
    Clock.now += SECONDS
    first_step(client=owner)
    answer = owner.post(STEP, {"code": code()})
    assert answer.status_code == 302
    assert (
        AuditEntry.objects.filter(action="signed in").first().detail == "with authenticator app, after 5 failed tries"
    )
    page = owner.get(answer.url).content.decode()
    assert "Before this sign-in there were 5 failed tries to sign in to your account." in page


def test_the_first_step_alone_does_not_free_the_tries_of_the_second(reviewer):
    with_app(reviewer)
    stranger, _ = first_step()
    for _ in range(5):
        stranger.post(STEP, {"code": "000000"})
    stranger, _ = first_step()
    assert stranger.post(STEP, {"code": "000000"}).status_code == 429


def test_a_new_second_factor_ends_the_sessions_that_began_without_it(reviewer):
    stranger, _ = first_step()
    owner, _ = first_step()
    secret = re.search(r"<code[^>]*>([A-Z2-7 ]+)</code>", owner.get(reverse("admin:account_app")).content.decode())[1]
    added = code_of(secret.replace(" ", ""), Clock.now // SECONDS)
    assert owner.post(reverse("admin:account_app"), {"code": added}).status_code == 200
    assert is_in(owner) and not is_in(stranger)


def test_a_recovery_code_opens_the_account_once_in_any_writing(reviewer, settings):
    settings.SENDS_MAIL, reviewer.email = True, "re@articles.example"
    reviewer.save()
    one, other, *_ = with_app(reviewer)
    client, _ = first_step()
    assert client.post(STEP, {"code": one.upper().replace("-", " ")}).status_code == 302 and is_in(client)
    client, _ = first_step()
    assert client.post(STEP, {"code": one}).status_code == 422
    assert client.post(STEP, {"code": other}).status_code == 302
    assert actions("recovery code used") == [("recovery code used", "9 left"), ("recovery code used", "8 left")]
    assert OutgoingMessage.objects.filter(subject__contains="A recovery code of your account was used").count() == 2
    assert not RecoveryCode.objects.filter(digest__contains=one).exists()


def test_the_second_step_ends_after_ten_minutes_and_with_a_changed_password(reviewer, monkeypatch):
    with_app(reviewer)
    client, _ = first_step()
    real = time.time
    monkeypatch.setattr("posts.models.web_session.time.time", lambda: real() + 601)
    assert client.get(STEP).url == "/admin/login/" and client.post(STEP, {"code": code()}).url == "/admin/login/"
    monkeypatch.undo()
    client, _ = first_step()
    reviewer.set_password("quite another long phrase")
    reviewer.save()
    assert client.get(STEP).url == "/admin/login/"
    assert Client().get(STEP).url == "/admin/login/"


def test_removing_the_last_factor_removes_the_recovery_codes(reviewer):
    with_app(reviewer)
    client = Client()
    client.force_login(reviewer)
    factor = SecondFactor.objects.get()
    address = reverse("admin:account")
    assert "You have 10 unused recovery codes." in client.get(address).content.decode()
    assert client.post(address, {"act": "remove-factor", "factor": factor.pk}).status_code == 302
    assert not SecondFactor.objects.exists() and not RecoveryCode.objects.exists()
    assert client.post(address, {"act": "new-codes"}).status_code == 422


def test_nobody_removes_the_factor_of_another_person(reviewer, editor):
    with_app(reviewer)
    client = Client()
    client.force_login(editor)
    for number in (SecondFactor.objects.get().pk, "x", ""):
        assert client.post(reverse("admin:account"), {"act": "remove-factor", "factor": number}).status_code == 422
    assert SecondFactor.objects.count() == 1


def test_new_recovery_codes_replace_the_earlier_ones(reviewer):
    (old, *_) = with_app(reviewer)
    (new, *_) = make_recovery_codes(reviewer)
    assert not check_code(reviewer, old) and check_code(reviewer, new)


def test_an_old_session_proves_who_is_there_with_a_code_too(reviewer, settings):
    with_app(reviewer)
    settings.CONFIRM_MINUTES = -1
    client = Client()
    client.force_login(reviewer)
    assert client.get(reverse("admin:account_passkey")).url.startswith(reverse("admin:confirm"))
    assert client.post(reverse("admin:confirm"), {"confirm-password": "123456"}).status_code == 422
    assert client.post(reverse("admin:confirm"), {"confirm-password": code()}).status_code == 302


def test_an_answer_of_a_browser_that_is_nested_without_end_is_refused(reviewer):
    with_app(reviewer)
    client, _ = first_step()
    assert client.post(STEP, {"passkey": "[" * 200_000}).status_code == 422
    client.post(STEP, {"code": code()})
    client.get(reverse("admin:account_passkey"))
    assert client.post(reverse("admin:account_passkey"), {"passkey": "[" * 200_000}).status_code == 422


@pytest.mark.parametrize("answer", [None, [], {}, {"id": 1}, {"id": "x", "rawId": "AA", "response": {}}, "x" * 5000])
def test_what_is_no_answer_of_a_passkey_is_refused(reviewer, answer):
    assert check_passkey(reviewer, answer, kept={"challenge": "AAAA", "user_verification": None}) == ""


def test_the_secret_of_an_app_is_encrypted_again_with_a_new_key(reviewer, settings):
    with_app(reviewer)
    sealed = SecondFactor.objects.get().secret
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a new key of the site, as long as a real one has to be"
    encrypt_secrets_again.func()
    settings.SECRET_KEY_FALLBACKS = []
    factor = SecondFactor.objects.get()
    assert factor.secret != sealed and open_sealed(factor.secret) == SECRET and open_sealed(sealed) is None
    assert check_code(reviewer, code())


def test_a_command_resets_what_a_person_lost_and_says_so(reviewer, settings):
    settings.SENDS_MAIL, reviewer.email = True, "re@articles.example"
    reviewer.save()
    with_app(reviewer)
    client = Client()
    client.force_login(reviewer)
    out = StringIO()
    call_command("reset_second_factor", "reviewer", "--why", "Asked in person.", stdout=out)
    assert out.getvalue() == "Removed 1 second factor of reviewer. All sessions ended.\n"
    assert not is_in(client) and not RecoveryCode.objects.exists()
    assert actions("second factors reset") == [("second factors reset", "of reviewer, by a command: Asked in person.")]
    assert OutgoingMessage.objects.filter(subject__contains="The second factors of your account were removed").exists()
    _, answer = first_step()
    assert answer.url == reverse("admin:index")
    with pytest.raises(CommandError, match="No account has this name"):
        call_command("reset_second_factor", "nobody", "--why", "x")


@pytest.fixture
def required(settings):
    settings.SECOND_FACTOR, settings.SECOND_FACTOR_GRACE_DAYS = "required", 14
    return settings


def signed_in_since(user, days):
    AccountState.objects.update_or_create(
        user=user, defaults={"policy_since": timezone.now() - timedelta(days=days, seconds=1)}
    )
    return User.objects.get(pk=user.pk)


def guarded_acts(by, other):
    """Return {name: act} of everything that approves, releases or administers, as `by` would do it."""
    waiting, live, approved = make_post(), make_post(released=True), make_post()
    approve(approved, by=other, release=False)
    flag_post(fresh(live), reason="facts", note="Really?", by=other)
    decision = Decision("approved", waiting.head_revision.fingerprint, answers=ALL_MET)
    confirmation = Decision(
        "approved",
        live.live_revision.fingerprint,
        answers=ALL_MET,
        flags_seen=list(live.review_flags.values_list("pk", flat=True)),
    )
    plan = Plan(kind="release", revision=approved.head_revision, due_at=timezone.now() + timedelta(hours=1), zone="UTC")
    generator = Generator(name="g", kind="people", state="active")
    known = Generator.objects.create(name="known", kind="people", is_described=True)
    token = ApiToken(generator=known, label="x", may_import=True, requests_per_minute=9)
    return {
        "approve": lambda: decide(waiting, decision, by=by),
        "confirm": lambda: confirm_live(fresh(live), confirmation, by=by),
        "approve in bulk": lambda: begin_bulk("approve", by=by, entries=QueueEntry.objects.all()),
        "release": lambda: release_revision(approved.head_revision, by=by),
        "roll back": lambda: roll_back(fresh(live), by=by),
        "plan": lambda: schedule_release(fresh(approved), plan, by=by),
        "change a generator": lambda: save_generator(generator, by=by),
        "create a token": lambda: create_token(token, by=by),
        "change the house style": lambda: save_rule(RuleDraft("House.Simply", SIMPLY), by=by),
        "run a job": lambda: run_job("rank queue", by=by),
    }


NAMES = ("approve", "confirm", "approve in bulk", "release", "roll back", "plan", "change a generator",
         "create a token", "change the house style", "run a job")  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_after_the_grace_approving_releasing_and_administering_wait_for_the_second_factor(name, superuser, required):
    by = signed_in_since(superuser, days=14)
    acts = guarded_acts(by, person())
    assert set(acts) == set(NAMES)
    with pytest.raises(Refused, match="Set up a second factor under"):
        acts[name]()
    with_app(by)
    Generator.objects.all().delete()
    by, refused = User.objects.get(pk=by.pk), ""
    try:
        guarded_acts(by, person())[name]()
    except Refused as refusal:
        refused = str(refusal)
    assert SecondFactorMissing.WORDS not in refused


def test_within_the_grace_and_without_the_policy_nothing_waits(reviewer, required):
    decided = []
    for days, policy in ((13, "required"), (400, "optional")):
        required.SECOND_FACTOR = policy
        by = signed_in_since(reviewer, days=days)
        decided.append(approve(make_post(), by=by))
    assert Review.objects.filter(reviewer=reviewer, outcome="approved").count() == 2


def test_who_never_signed_in_under_the_policy_has_the_whole_grace_still(reviewer, required):
    assert approve(make_post(), by=User.objects.get(pk=reviewer.pk))


def test_asking_for_changes_claiming_flagging_and_withdrawing_never_wait(reviewer, required):
    by, other = signed_in_since(reviewer, days=99), signed_in_since(person("Staff"), days=99)
    post, live = make_post(), make_post(released=True)
    claim_post(post, by=by)
    decide(fresh(post), Decision("changes_requested", post.head_revision.fingerprint, comment="Mend it."), by=by)
    flag_post(fresh(live), reason="facts", note="Really?", by=by)
    withdraw_post(fresh(live), by=other, why="Harm.")
    assert fresh(live).withdrawn_at


def test_who_may_not_do_it_anyway_is_told_that_and_not_to_set_something_up(editor, required):
    by = signed_in_since(editor, days=99)
    with pytest.raises(NotAllowed):
        approve(make_post(), by=by)
    client = Client()
    client.force_login(by)
    assert "second factor by" not in client.get(reverse("admin:index")).content.decode()


def test_a_plan_of_a_person_who_lacks_the_factor_when_it_is_due_is_refused_with_the_reason(reviewer, required):
    post = make_post()
    approve(post, by=person(), release=False)
    now = timezone.now()
    by = signed_in_since(reviewer, days=13)
    plan = Plan(kind="release", revision=post.head_revision, due_at=now + timedelta(days=2), zone="UTC")
    made = schedule_release(fresh(post), plan, by=by)
    AccountState.objects.update(policy_since=now - timedelta(days=15))
    run_due(now=now + timedelta(days=2, minutes=1))
    made.refresh_from_db()
    assert made.state == "refused" and SecondFactorMissing.WORDS in made.refusal


def test_a_command_in_the_name_of_a_person_waits_too(reviewer, required):
    signed_in_since(reviewer, days=99)
    post = make_post()
    with pytest.raises(CommandError, match="Set up a second factor under"):
        call_command(
            "decide_post",
            post.source_id,
            user="reviewer",
            fingerprint=post.head_revision.fingerprint,
            outcome="approved",
            met=COMMAND_ALL_MET,
        )
    assert not Review.objects.exists()


def test_accounts_and_groups_are_changed_with_a_second_factor_alone(superuser, required):
    by = signed_in_since(superuser, days=99)
    client = Client()
    client.force_login(by)
    address = reverse("admin:auth_user_change", args=[by.pk])
    assert client.get(address).status_code == 200
    data = {"username": "other"}
    assert client.post(address, data).status_code == 403
    assert client.get(reverse("admin:auth_user_add")).status_code == 403
    assert client.post(reverse("admin:auth_group_delete", args=[1]), {"post": "yes"}).status_code == 403
    assert client.post(reverse("admin:auth_user_password_change", args=[by.pk]), {}).status_code == 403
    with_app(by)
    assert client.get(reverse("admin:auth_user_add")).status_code == 200


def test_the_grace_begins_with_the_first_sign_in_under_the_policy(reviewer, required):
    required.SECOND_FACTOR = "optional"
    first_step()
    assert AccountState.objects.get().policy_since is None
    required.SECOND_FACTOR = "required"
    client, answer = first_step()
    since = AccountState.objects.get().policy_since
    assert answer.url == reverse("admin:index") and timezone.now() - since < timedelta(minutes=1)
    last_day = since + timedelta(days=14)
    assert f"Set up a second factor by {last_day.day} {last_day:%B %Y}." in client.get(answer.url).content.decode()
    first_step()
    assert AccountState.objects.get().policy_since == since


def test_after_the_grace_signing_in_still_works_and_leads_to_the_page_of_the_account(reviewer, required):
    signed_in_since(reviewer, days=99)
    client, answer = first_step(next=reverse("admin:queue"))
    assert answer.url == reverse("admin:account") and is_in(client)
    page = client.get(answer.url).content.decode()
    assert "Approving, releasing and administering wait until you set up a second factor." in page
    assert client.get(reverse("admin:queue")).status_code == 200


def test_the_review_screen_says_what_the_approval_waits_for(reviewer, required):
    by = signed_in_since(reviewer, days=99)
    post = make_post()
    client = Client()
    client.force_login(by)
    page = client.get(reverse("admin:review", args=[post.pk])).content.decode()
    assert SecondFactorMissing.WORDS.rstrip(".") in page


def test_the_demo_needs_no_second_factor_with_debug_on_and_opens_nothing_with_debug_off(required):
    user = User.objects.create_superuser("admin", password=PASSWORD)
    AccountState.objects.create(user=user, is_demo=True, policy_since=timezone.now() - timedelta(days=99))
    required.DEBUG = True
    assert approve(make_post(), by=User.objects.get(pk=user.pk))
    client, answer = first_step("admin")
    assert answer.url == reverse("admin:index") and is_in(client)
    required.DEBUG = False
    assert not is_in(client)
    _, refused = first_step("admin")
    _, unknown = first_step("nobody")
    errors = [answer.context["form"].non_field_errors() for answer in (refused, unknown)]
    assert errors[0] == errors[1] and refused.status_code == 200


@pytest.mark.once
def test_the_demo_marks_its_accounts(settings):
    from posts.management.commands.demo import Command

    Command().make_people()
    assert AccountState.objects.filter(is_demo=True).count() == User.objects.count() == 5
    assert User.objects.get(username="staff").check_password(DEMO_PASSWORD)


def test_tokens_of_programs_work_without_a_second_factor(client, superuser, required):
    generator = Generator.objects.create(name="g", kind="people", is_described=True)
    token = ApiToken(generator=generator, label="x", may_read_decisions=True, requests_per_minute=9)
    secret = create_token(token, by=superuser)
    signed_in_since(superuser, days=99)
    answer = client.get("/api/v1/decisions", headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 200


def test_a_page_costs_no_query_more_under_the_policy_for_who_signed_in_with_a_factor(reviewer, required):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with_app(reviewer)
    client, _ = first_step()
    client.post(STEP, {"code": code()})

    def queries():
        with CaptureQueriesContext(connection) as asked:
            client.get(reverse("admin:my_work"))
        return len(asked)

    queries()
    under_policy = queries()
    with override_settings(SECOND_FACTOR="optional"):
        assert queries() == under_policy


def passkey_of(user):
    """Give a person a passkey that nobody can sign with."""
    credential = AttestedCredentialData.create(
        aaguid=bytes(16), credential_id=b"a key", public_key=ES256({1: 2, 3: -7, -1: 1, -2: bytes(32), -3: bytes(32)})
    )
    return SecondFactor.objects.create(
        user=user, kind="passkey", name="Blue key", credential=bytes(credential), credential_id="a2V5"
    )


def test_a_person_without_a_password_is_asked_for_the_passkey_alone(superuser, settings, monkeypatch):
    settings.SITE_URL, settings.CONFIRM_MINUTES = "http://localhost:8000", -1
    passkey_of(superuser)
    superuser.set_unusable_password()
    superuser.save()
    client = Client()
    client.force_login(superuser)
    address = reverse("admin:auth_group_add")
    page = client.post(address, {"name": "New"})
    html = page.content.decode()
    assert page.status_code == 403 and "Use a passkey" in html and 'type="password"' not in html
    assert (
        'name="name" value="New"' in html and "publickey-credentials-get=(self)" in page.headers["Permissions-Policy"]
    )
    wrong = client.post(address, {"name": "New", "confirm-passkey": json.dumps({"id": "a2V5"})})
    assert wrong.status_code == 403 and "The passkey was not accepted." in wrong.content.decode()
    assert 'confirm-passkey" value=' not in wrong.content.decode() and not Group.objects.filter(name="New").exists()
    monkeypatch.setattr("posts.admin.sign_in.check_passkey", lambda user, answer, *, kept: "passkey")
    assert client.post(address, {"name": "New", "confirm-passkey": json.dumps({"id": "a2V5"})}).status_code == 302
    assert Group.objects.filter(name="New").exists()


def test_guessing_with_a_passkey_has_to_wait_as_with_a_password(superuser, settings):
    settings.SITE_URL, settings.CONFIRM_MINUTES = "http://localhost:8000", -1
    passkey_of(superuser)
    client = Client()
    client.force_login(superuser)
    said = [
        client.post(reverse("admin:confirm"), {"confirm-passkey": "{}"}).content.decode().count("was not accepted")
        for _ in range(7)
    ]
    assert said[0] == 1 and said[-1] == 0
