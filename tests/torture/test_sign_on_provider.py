"""Single sign-on against oidc-provider, a certified provider from npm, as tests/single_sign_on pins it. Needs npm."""

import ipaddress
import json
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from posts.models import AccountState
from tests.ports import free_port

pytestmark = [pytest.mark.torture, pytest.mark.django_db]
FILES = Path(__file__).parent.parent / "single_sign_on"
GO, BACK = "/admin/sign-in/provider/", "/admin/sign-in/provider/back/"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return a folder with the provider and its packages."""
    folder = tmp_path_factory.mktemp("provider")
    for name in ("package.json", "package-lock.json", "provider.js"):
        shutil.copy(FILES / name, folder)
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True)
    return folder


class RealProvider:
    """The provider in a process of its own. Each start makes a new key."""

    def __init__(self, folder, redirect_uri):
        self.folder, self.redirect_uri, self.port, self.process = folder, redirect_uri, free_port(), None
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.says(groups=["cms-reviewers"])

    def says(self, *, groups, seconds=600):
        claims = {"preferred_username": "ada", "email": "ada@articles.example", "groups": groups}
        (self.folder / "said.json").write_text(json.dumps({"claims": claims, "seconds": seconds}))

    def start(self):
        self.stop()
        command = ["node", "provider.js", str(self.port), self.redirect_uri, "said.json"]
        self.process = subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert any(line.startswith("ready") for line in self.process.stdout)

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process.stdout.close()

    def sign_in(self, address):
        """Enter the name on the provider's own pages and agree; return the parameters of the way back."""
        with httpx.Client(trust_env=False, timeout=30) as browser:
            answer = browser.get(address)
            for _ in range(12):
                if answer.is_redirect:
                    address = urljoin(address, answer.headers["location"])
                    if address.startswith(self.redirect_uri):
                        return dict(parse_qsl(urlsplit(address).query))
                    answer = browser.get(address)
                    continue
                form = re.search(r'<form[^>]*action="([^"]+)"', answer.text)[1]
                prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)[1]
                address = urljoin(address, form)
                answer = browser.post(address, data={"prompt": prompt, "login": "person-1", "password": "any"})
        raise AssertionError(f"The provider never led back: {answer.status_code} {answer.text[:500]}")


@pytest.fixture
def provider(installed, settings):
    made = RealProvider(installed, f"{settings.SITE_URL}{BACK}")
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID = made.issuer, "alphanode"
    settings.OIDC_CLIENT_SECRET, settings.OIDC_SCOPES = "a secret of the client: 100%", ["profile", "email", "groups"]
    settings.OIDC_GROUPS = {"cms-reviewers": "Reviewers", "cms-editors": "Editors"}
    settings.OUTGOING_NETWORKS = [ipaddress.ip_network("127.0.0.0/8")]
    made.start()
    yield made
    made.stop()


def come(provider, **change):
    client = Client()
    back = provider.sign_in(client.get(GO).url)
    client.get(BACK, back | change)
    return client


def is_in(client):
    return client.get(reverse("admin:my_work")).status_code == 200


def test_a_person_of_a_real_provider_signs_in_with_its_groups_and_a_removed_one_is_removed(provider):
    assert is_in(come(provider))
    user = User.objects.get()
    assert user.username == "ada" and [group.name for group in user.groups.all()] == ["Reviewers"]
    assert not AccountState.objects.get().has_provider_factor
    provider.says(groups=["cms-editors"])
    assert is_in(come(provider)) and [group.name for group in user.groups.all()] == ["Editors"]
    provider.says(groups=[])
    assert not is_in(come(provider)) and not user.groups.exists()


def test_a_key_that_a_real_provider_changed_is_fetched(provider, monkeypatch):
    assert is_in(come(provider))
    provider.start()
    monkeypatch.setattr("posts.accounts.oidc.KEYS_AGAIN_SECONDS", 0)
    assert is_in(come(provider))


def test_a_key_that_changed_a_moment_ago_is_not_fetched_again(provider):
    assert is_in(come(provider))
    provider.start()
    assert not is_in(come(provider))


def test_the_second_factor_of_a_real_provider_counts_by_its_acr(provider, settings):
    settings.OIDC_ACR = ["gold"]
    come(provider)
    # This provider asks for a name alone, and says so: it claims no acr that it did not reach.
    assert AccountState.objects.get().has_provider_factor is False


@pytest.mark.parametrize("change", [{"state": "another"}, {"iss": "https://elsewhere.example"}, {"code": "another"}])
def test_a_way_back_that_does_not_fit_opens_nothing(provider, change):
    assert not is_in(come(provider, **change)) and not User.objects.exists()


def test_an_expired_token_of_a_real_provider_opens_nothing(provider):
    provider.says(groups=["cms-reviewers"], seconds=-120)
    assert not is_in(come(provider))


def test_another_nonce_another_issuer_and_another_client_open_nothing(provider, settings, monkeypatch):
    from posts.accounts import oidc

    real = oidc.checked_claims
    monkeypatch.setattr(oidc, "checked_claims", lambda token, nonce: real(token, nonce="another"))
    assert not is_in(come(provider))
    monkeypatch.undo()

    def of_another_client(token, nonce):
        settings.OIDC_CLIENT_ID = "another"
        return real(token, nonce=nonce)

    monkeypatch.setattr(oidc, "checked_claims", of_another_client)
    assert not is_in(come(provider))
    monkeypatch.undo()
    settings.OIDC_CLIENT_ID = "alphanode"
    cache.clear()
    settings.OIDC_ISSUER = provider.issuer.replace("127.0.0.1", "localhost")
    answer = Client().get(GO)
    assert answer.url == "/admin/login/"


def test_an_old_session_is_confirmed_by_signing_in_again(provider):
    client = come(provider)
    session = client.session
    session["proved"] = 0
    session.save()
    back = provider.sign_in(client.get(GO, {"next": reverse("admin:account_app")}).url)
    assert client.get(BACK, back).url == reverse("admin:account_app")
    assert client.get(reverse("admin:account_app")).status_code == 200
