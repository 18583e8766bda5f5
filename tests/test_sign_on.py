"""Single sign-on: whom the provider sends, in which groups they are, and what is never believed."""

import ipaddress
import time
from io import StringIO
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from posts.accounts.codes import SECONDS, code_of
from posts.accounts.second_factors import add_app
from posts.models import AccountState, AuditEntry, ExternalIdentity, WebSession
from posts.models.second_factor import lacks_second_factor
from tests.oidc_provider import CLIENT, SECRET, Provider

pytestmark = pytest.mark.django_db
PASSWORD = "a long enough pass phrase"
GO, BACK = "/admin/sign-in/provider/", "/admin/sign-in/provider/back/"
FAILED = "The sign-in through the provider failed. Try again, or tell an administrator."


@pytest.fixture
def provider(settings):
    made = Provider()
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = made.issuer, CLIENT, SECRET
    settings.OIDC_GROUPS = {"cms-reviewers": "Reviewers", "cms-editors": "Editors"}
    settings.OUTGOING_NETWORKS = [ipaddress.ip_network("127.0.0.0/8")]
    yield made
    made.close()


def come(provider, client=None, change=None, **asked):
    """Go to the provider and come back; return the client and the answer."""
    client = client or Client()
    away = client.get(GO, asked)
    back = provider.sign_in(away.url)
    return client, client.get(BACK, back | (change or {}))


def is_in(client):
    return client.get(reverse("admin:my_work")).status_code == 200


def said_to(client):
    return client.get("/admin/login/").content.decode()


def test_the_sign_in_page_offers_the_provider_and_asks_with_all_safeguards(client, provider):
    page = client.get("/admin/login/?next=/admin/queue/").content.decode()
    assert f'href="{GO}?next=/admin/queue/">Sign in with single sign-on' in page
    away = client.get(GO)
    asked = {name: value[0] for name, value in parse_qs(urlsplit(away.url).query).items()}
    assert away.url.startswith(f"{provider.issuer}/auth?") and "no-store" in away.headers["Cache-Control"]
    assert asked["code_challenge_method"] == "S256" and asked["scope"] == "openid profile email"
    assert len(asked["state"]) > 30 and len(asked["nonce"]) > 30
    cookie = client.cookies["sign-on"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (GO, True, "Lax")
    assert not WebSession.objects.exists()


def test_a_person_gets_an_account_with_the_groups_of_the_provider(provider):
    client, answer = come(provider, next=reverse("admin:queue"))
    assert answer.url == reverse("admin:queue") and is_in(client)
    user = User.objects.get()
    assert (user.username, user.email, user.is_staff, user.is_superuser) == ("ada", "ada@articles.example", True, False)
    assert [group.name for group in user.groups.all()] == ["Reviewers"] and not user.has_usable_password()
    assert AuditEntry.objects.filter(action="signed in").get().detail == "through single sign-on"
    assert AuditEntry.objects.filter(action="account created").exists()
    come(provider)
    assert User.objects.count() == 1


def test_groups_may_come_from_the_user_info_of_the_provider(provider):
    provider.groups_in_token = False
    client, _ = come(provider)
    assert is_in(client) and "/me" in provider.asked
    provider.user_info = {"sub": "somebody else"}
    client, _ = come(provider)
    assert not is_in(client)


def test_groups_follow_the_provider_at_each_sign_in_and_others_stay(provider):
    come(provider)
    user = User.objects.get()
    user.groups.add(Group.objects.get(name="Staff"))
    provider.groups = ["cms-editors", "unknown"]
    come(provider)
    assert {group.name for group in user.groups.all()} == {"Editors", "Staff"}
    assert AuditEntry.objects.filter(action="rights changed", detail="ada: taken Reviewers").exists()


def test_who_lost_the_last_group_gets_no_further_and_loses_the_rights(provider):
    come(provider)
    provider.groups = []
    client, answer = come(provider)
    assert answer.url == "/admin/login/" and not is_in(client)
    assert "Your groups at the provider open nothing here." in said_to(client)
    assert not User.objects.get().groups.exists()


def test_a_stranger_without_a_group_gets_no_account(provider):
    provider.groups = ["others"]
    client, _ = come(provider)
    assert not is_in(client) and not User.objects.exists()


def wrong(**claims):
    return lambda provider: setattr(provider, "claims", claims)


def other_key(provider):
    published = provider.published
    provider.rotate()
    provider.published = published


def unsigned(provider):
    provider.algorithm = "none"


def shared_secret(provider):
    provider.algorithm = "HS256"


@pytest.mark.parametrize(
    "spoil",
    [
        wrong(iss="https://elsewhere.example"),
        wrong(iss=None),
        wrong(aud="another-client"),
        wrong(aud=[CLIENT, "another-client"]),
        wrong(aud=[CLIENT, "another-client"], azp="another-client"),
        wrong(azp="another-client"),
        wrong(nonce="another"),
        wrong(nonce=None),
        wrong(exp=int(time.time()) - 3600),
        wrong(exp=None),
        wrong(iat=int(time.time()) + 3600),
        wrong(nbf=int(time.time()) + 3600),
        wrong(sub=None),
        wrong(sub=""),
        wrong(sub="x" * 300),
        other_key,
        unsigned,
        shared_secret,
    ],
    ids=["issuer", "no issuer", "audience", "several audiences", "another of several", "authorized party", "nonce",
         "no nonce", "expired", "never expires", "from the future", "not yet", "no subject", "empty subject",
         "long subject", "other key", "unsigned", "shared secret"],
)  # fmt: skip
def test_a_token_that_is_not_ours_whole_and_of_now_opens_nothing(provider, spoil):
    spoil(provider)
    client, answer = come(provider)
    assert answer.url == "/admin/login/" and not is_in(client) and not User.objects.exists()
    assert FAILED in said_to(client)


@pytest.mark.parametrize(
    "change",
    [{"state": "another"}, {"iss": "https://elsewhere.example"}, {"code": "another"}, {"error": "access_denied"}],
)
def test_a_way_back_that_does_not_fit_opens_nothing(provider, change):
    client, _ = come(provider, change=change)
    assert not is_in(client) and FAILED in said_to(client)


def test_nobody_comes_back_who_did_not_leave_from_here(provider):
    victim, attacker = Client(), Client()
    back = provider.sign_in(attacker.get(GO).url)
    victim.get(BACK, back)
    assert not is_in(victim)
    # Nor twice: what was kept is gone.
    attacker.get(BACK, back)
    again = Client()
    again.cookies = attacker.cookies
    attacker.post(reverse("admin:logout"))
    attacker.get(BACK, back)
    assert not is_in(attacker)


def test_a_provider_that_calls_itself_otherwise_is_not_asked_further(provider):
    provider.metadata = {"issuer": "https://elsewhere.example"}
    answer = Client().get(GO)
    assert answer.url == "/admin/login/" and provider.asked == ["/.well-known/openid-configuration"]


def test_a_private_address_is_reached_only_if_the_operator_allows_its_network(provider, settings):
    settings.OUTGOING_NETWORKS = []
    assert Client().get(GO).url == "/admin/login/" and provider.asked == []


def test_a_changed_key_is_fetched_once_and_a_flood_of_unknown_keys_fetches_none(provider, monkeypatch):
    come(provider)
    provider.rotate("ES256")
    real = time.time
    monkeypatch.setattr("posts.accounts.oidc.time.time", lambda: real() + 11)
    client, _ = come(provider)
    assert is_in(client) and provider.asked.count("/keys") == 2
    other_key(provider)
    for _ in range(5):
        client, _ = come(provider)
        assert not is_in(client)
    assert provider.asked.count("/keys") == 2


def test_what_the_provider_says_of_itself_is_asked_once(provider):
    for _ in range(3):
        come(provider)
    assert provider.asked.count("/.well-known/openid-configuration") == provider.asked.count("/keys") == 1


def test_a_provider_that_wants_the_secret_in_the_form_gets_it_there(provider):
    provider.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    client, _ = come(provider)
    assert is_in(client)


def test_an_account_of_the_same_name_is_nobody_elses_until_an_operator_connects_it(provider, reviewer):
    User.objects.filter(pk=reviewer.pk).update(username="ada")
    client, _ = come(provider)
    assert not is_in(client) and "Another account is named “ada”." in said_to(client)
    out = StringIO()
    call_command("connect_account", "ada", "person-1", stdout=out)
    assert out.getvalue() == "ada can now sign in through the provider.\n"
    client, _ = come(provider)
    assert is_in(client) and User.objects.count() == 1
    assert AuditEntry.objects.get(action="account connected").detail.startswith("ada with person-1 at http")
    with pytest.raises(CommandError, match="already signs in as ada"):
        call_command("connect_account", User.objects.create_user("b").username, "person-1")
    with pytest.raises(CommandError, match="No account"):
        call_command("connect_account", "nobody", "person-2")


def test_a_closed_account_stays_closed(provider):
    come(provider)
    User.objects.update(is_active=False)
    client, _ = come(provider)
    assert not is_in(client) and "Your account here is closed." in said_to(client)


@pytest.mark.parametrize(
    ("claims", "lacks"),
    [({}, True), ({"amr": ["pwd"]}, True), ({"amr": ["pwd", "mfa"]}, False), ({"acr": "gold"}, False),
     ({"acr": "silver", "amr": "mfa"}, True)],
)  # fmt: skip
def test_the_second_factor_is_the_providers_if_it_says_so(provider, settings, claims, lacks):
    settings.SECOND_FACTOR, settings.OIDC_ACR, settings.OIDC_AMR = "required", ["gold"], ["mfa"]
    provider.claims = claims
    away = Client().get(GO)
    assert parse_qs(urlsplit(away.url).query)["acr_values"] == ["gold"]
    client, _ = come(provider)
    assert is_in(client) and lacks_second_factor(User.objects.get()) is lacks
    assert AccountState.objects.get().policy_since
    # Without it, the next sign-in takes it back.
    provider.claims = {}
    come(provider)
    assert lacks_second_factor(User.objects.get())


def test_an_account_with_a_second_factor_here_is_asked_for_it_unless_the_provider_asked(provider):
    come(provider)
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    code, *_ = add_app(User.objects.get(), secret=secret, code=code_of(secret, int(time.time()) // SECONDS))
    client, answer = come(provider)
    assert answer.url == reverse("admin:second_factor") and not is_in(client)
    client.post(answer.url, {"code": code})
    assert is_in(client)
    provider.claims = {"amr": ["mfa"]}
    client, _ = come(provider)
    assert is_in(client)


def test_a_session_without_a_second_factor_ends_when_the_provider_asks_for_one(provider, settings):
    settings.SECOND_FACTOR = "required"
    come(provider)
    user = User.objects.get()
    user.set_password(PASSWORD)
    user.save()
    stranger = Client()
    stranger.post("/admin/login/", {"username": "ada", "password": PASSWORD})
    assert is_in(stranger)
    provider.claims = {"amr": ["mfa"]}
    here, _ = come(provider)
    assert is_in(here) and not is_in(stranger)
    there, _ = come(provider)
    assert is_in(here) and is_in(there)


def test_the_audit_trail_names_the_way_also_with_a_second_factor(provider, settings, reviewer):
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    come(provider)
    settings.LOCAL_SIGN_IN, settings.EMERGENCY_ACCOUNT = False, "reviewer"
    for user, arrive in (
        (User.objects.get(username="ada"), lambda client: come(provider, client)),
        (reviewer, lambda client: client.post("/admin/login/", {"username": "reviewer", "password": PASSWORD})),
    ):
        recovery, *_ = add_app(user, secret=secret, code=code_of(secret, int(time.time()) // SECONDS))
        client = Client()
        arrive(client)
        client.post(reverse("admin:second_factor"), {"code": recovery})
        assert is_in(client)
    said = AuditEntry.objects.filter(action="signed in").order_by("pk").values_list("detail", flat=True)
    assert list(said)[1:] == ["through single sign-on, with recovery code", "emergency account, with recovery code"]


def test_who_may_no_longer_use_the_admin_does_not_get_the_right_back(provider):
    come(provider)
    User.objects.update(is_staff=False)
    client, _ = come(provider)
    assert not is_in(client) and "Your account here is closed." in said_to(client)
    assert not User.objects.get().is_staff


def test_names_of_the_provider_are_stored_without_signs_that_mislead(provider):
    provider.claims = {
        "preferred_username": "\uff41da\u202e\n", "email": "ada@articles.example\nBcc: all@articles.example",
        "given_name": "A\u202eda\ud800\x00", "family_name": "\n",
    }  # fmt: skip
    client, _ = come(provider)
    user = User.objects.get()
    assert is_in(client) and (user.username, user.first_name, user.last_name) == ("ada", "Ada", "")
    assert user.email == "ada@articles.exampleBcc: all@articles.example"


def test_without_local_sign_in_only_the_emergency_account_has_a_password(provider, settings, reviewer, editor):
    settings.LOCAL_SIGN_IN, settings.EMERGENCY_ACCOUNT = False, "editor"
    page = Client().get("/admin/login/").content.decode()
    assert "<summary>Emergency account</summary>" in page
    answers = [
        Client().post("/admin/login/", {"username": name, "password": PASSWORD}) for name in ("reviewer", "nobody")
    ]
    errors = [answer.context["form"].non_field_errors() for answer in answers]
    assert [answer.status_code for answer in answers] == [200, 200] and errors[0] == errors[1]
    client = Client()
    assert client.post("/admin/login/", {"username": "editor", "password": PASSWORD}).status_code == 302
    assert AuditEntry.objects.get(action="signed in").detail == "emergency account"
    settings.EMERGENCY_ACCOUNT = ""
    assert 'name="password"' not in Client().get("/admin/login/").content.decode()
    assert client.post("/admin/login/", {"username": "editor", "password": PASSWORD}).status_code == 200


def test_an_old_session_is_confirmed_at_the_provider_by_the_same_person_anew(provider, settings):
    client, _ = come(provider)
    settings.CONFIRM_MINUTES = 30
    session = client.session
    session["proved"] = 0
    session.save()
    page = client.get(reverse("admin:account_app"), follow=True).content.decode()
    assert "You have no password here" in page and GO in page
    away = client.get(GO, {"next": reverse("admin:account_app")})
    assert {"prompt": ["login"], "max_age": ["0"]}.items() <= parse_qs(urlsplit(away.url).query).items()
    provider.claims = {"auth_time": int(time.time()) - 3600}
    client.get(BACK, provider.sign_in(away.url))
    assert client.session["proved"] == 0
    provider.claims, provider.subject = {}, "person-2"
    come(provider, client)
    assert client.session["proved"] == 0
    provider.subject = "person-1"
    _, answer = come(provider, client, next=reverse("admin:account_app"))
    assert answer.url == reverse("admin:account_app") and client.get(answer.url).status_code == 200


def test_a_sign_in_at_the_provider_that_is_long_past_proves_nothing_now(provider):
    for age, status in ((3600, 302), (0, 200)):
        provider.claims = {"auth_time": int(time.time()) - age}
        client, _ = come(provider)
        assert is_in(client) and client.get(reverse("admin:account_app")).status_code == status


def test_the_way_back_leads_to_no_other_site(provider):
    _, answer = come(provider, next="https://elsewhere.example/")
    assert answer.url == reverse("admin:index")


def test_a_site_without_a_provider_has_no_such_pages(client):
    assert client.get(GO).status_code == client.get(BACK).status_code == 404
    assert "Sign in with" not in client.get("/admin/login/").content.decode()


def test_an_identity_belongs_to_one_account(provider):
    come(provider)
    assert str(ExternalIdentity.objects.get()) == f"person-1 at {provider.issuer}"
