"""Over TLS no page type loses points by the header rules of MDN's HTTP Observatory, and cookies stay with the site."""

import json
import os
import re
import subprocess
import sys
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.factories import make_post
from tests.observatory import points_lost, rate_cookies, rate_policy

ROOT = Path(__file__).parent.parent
HOST = "articles.example.org"
pytestmark = [pytest.mark.django_db, pytest.mark.once]
# The settings that depend on whether the site is served over TLS, as the settings of a real site have them.
OF_TLS = (
    "IS_SECURE_SITE SITE_URL ALLOWED_HOSTS SECURE_SSL_REDIRECT SECURE_REDIRECT_EXEMPT SECURE_HSTS_SECONDS "
    "SECURE_HSTS_INCLUDE_SUBDOMAINS SECURE_HSTS_PRELOAD SESSION_COOKIE_SECURE CSRF_COOKIE_SECURE SESSION_COOKIE_NAME "
    "CSRF_COOKIE_NAME SESSION_COOKIE_HTTPONLY CSRF_COOKIE_HTTPONLY SESSION_COOKIE_SAMESITE CSRF_COOKIE_SAMESITE"
).split()


@pytest.fixture(scope="module")
def settings_of_tls():
    """Return what the settings say with DEBUG off and an address that begins with https."""
    code = (
        "import json, django; django.setup(); from django.conf import settings; "
        "from posts.accounts.throttle import DEVICE_COOKIE; "
        f"print(json.dumps({{**{{name: getattr(settings, name) for name in {OF_TLS}}}, 'device': DEVICE_COOKIE}}))"
    )
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "PYTHONUTF8")}
    environment |= {
        "DJANGO_SETTINGS_MODULE": "alphanode.settings", "ENV_FILE": "", "DEBUG": "off",
        "SITE_URL": f"https://{HOST}", "ALLOWED_HOSTS": HOST,
        "SECRET_KEY": "a key of this test alone, as long as a real one has to be",
    }  # fmt: skip
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(said.stdout)


@pytest.fixture
def over_tls(settings, settings_of_tls, monkeypatch):
    for name in OF_TLS:
        setattr(settings, name, settings_of_tls[name])
    # A process chooses the name at its start.
    for module in ("sign_in", "proof"):
        monkeypatch.setattr(f"posts.admin.{module}.DEVICE_COOKIE", settings_of_tls["device"])
    return Client(SERVER_NAME=HOST)


@pytest.fixture
def pages(over_tls):
    """Yield (what it is, the answer) of ten page types."""
    released, waiting = make_post(released=True), make_post()
    person = User.objects.create_superuser("root")
    desk = Client(SERVER_NAME=HOST)
    desk.force_login(person)
    addresses = {
        "home page": "/",
        "article": released.get_absolute_url(),
        "unreviewed article": waiting.get_absolute_url(),
        "list": "/articles/",
        "search": "/search/?q=draining",
        "report form": f"/posts/{released.slug}/report/",
        "missing page": "/nothing/",
        "sign-in page": reverse("admin:login"),
    }
    answers = {name: over_tls.get(address, secure=True) for name, address in addresses.items()}
    answers["dashboard"] = desk.get(reverse("admin:index"), secure=True)
    answers["review screen"] = desk.get(reverse("admin:review", args=[waiting.pk]), secure=True)
    return answers


def test_no_page_type_loses_points_over_tls(pages):
    assert len(pages) == 10
    for name, answer in pages.items():
        assert answer.status_code == (404 if name == "missing page" else 200), name
        cookies = [cookie.OutputString() for cookie in answer.cookies.values()]
        lost = points_lost(answer.headers, cookies=cookies, body=answer.content.decode(), host=HOST)
        assert lost == {}, name
        hsts = answer.headers["Strict-Transport-Security"]
        assert "includeSubDomains" in hsts and int(re.search(r"max-age=(\d+)", hsts)[1]) >= 31_536_000, name


def test_without_tls_everything_leads_to_it_first(over_tls):
    for address in ("/", "/search/?q=x", "/admin/login/"):
        answer = over_tls.get(address)
        assert (answer.status_code, answer.headers["Location"]) == (301, f"https://{HOST}{address}")


def test_cookies_over_tls_can_not_be_read_sent_elsewhere_or_overwritten(pages, over_tls):
    person = User.objects.create_user("anna", password="a long enough pass phrase", is_staff=True)
    data = {"username": person.username, "password": "a long enough pass phrase"}
    token = pages["sign-in page"].cookies["__Host-csrftoken"].value
    over_tls.cookies["__Host-csrftoken"] = token
    signed_in = over_tls.post(
        reverse("admin:login"), {**data, "csrfmiddlewaretoken": token}, secure=True, HTTP_REFERER=f"https://{HOST}/"
    )
    assert signed_in.status_code == 302
    sent = [cookie for answer in [*pages.values(), signed_in] for cookie in answer.cookies.values() if cookie.value]
    assert {cookie.key for cookie in sent} >= {"__Host-session", "__Host-csrftoken"}
    for cookie in sent:
        assert cookie["secure"] and cookie["httponly"] and cookie["samesite"] in ("Lax", "Strict"), cookie.key
        assert not cookie["domain"], cookie.key
        if cookie.key.startswith("__Host-"):
            assert cookie["path"] == "/", cookie.key
        else:
            assert cookie.key.startswith("__Secure-") and cookie["path"].startswith("/admin/"), cookie.key


def test_nginx_speaks_new_versions_of_tls_alone():
    for file in [*(ROOT / "deploy/nginx").rglob("*"), ROOT / "docs/operations.md"]:
        if file.is_file():
            for line in re.findall(r"ssl_protocols ([^;]+);", file.read_text(encoding="utf-8")):
                assert set(line.split()) <= {"TLSv1.2", "TLSv1.3"}, file
    assert "ssl_protocols" in "".join(file.read_text() for file in (ROOT / "deploy/nginx").rglob("*") if file.is_file())


@pytest.mark.parametrize(("header", "value"), [
    ("Content-Security-Policy", ""),
    ("Content-Security-Policy", "script-src 'self'"),
    ("Content-Security-Policy", "default-src 'none'; script-src 'self' 'unsafe-inline'"),
    ("Content-Security-Policy", "default-src 'none'; script-src https:"),
    ("Content-Security-Policy", "default-src 'none'; script-src 'self' 'unsafe-eval'"),
    ("Content-Security-Policy", "default-src 'none'; img-src http://pictures.example"),
    ("Strict-Transport-Security", ""),
    ("Strict-Transport-Security", "max-age=86400"),
    ("X-Content-Type-Options", ""),
    ("Referrer-Policy", "unsafe-url"),
    ("X-Frame-Options", "ALLOWALL"),
    ("Cross-Origin-Resource-Policy", "anything"),
    ("Access-Control-Allow-Credentials", "true"),
])  # fmt: skip
def test_the_rules_find_what_they_are_there_for(header, value):
    good = {
        "Content-Security-Policy": "default-src 'none'", "Strict-Transport-Security": "max-age=63072000",
        "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
        "Access-Control-Allow-Origin": "*",
    }  # fmt: skip
    assert points_lost(good) == {}
    assert points_lost(good | {header: value})


def test_the_rules_find_bad_cookies_and_foreign_scripts():
    assert rate_policy({"Content-Security-Policy": "default-src 'none'; form-action 'self'"}) == (0, "")
    for line in ("session=1; Secure; SameSite=Lax", "session=1; HttpOnly; SameSite=Lax", "token=1; Secure"):
        assert rate_cookies({}, [line])[0] < 0
        assert SimpleCookie(line)
    foreign = '<script src="https://cdn.example/x.js"></script>'
    assert any("cdn.example" in why for why in points_lost({}, body=foreign, host=HOST))
