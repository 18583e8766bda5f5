"""Who may open every address of the site. An address without a row here fails: the row is its access review."""

import datetime
import hashlib
from dataclasses import dataclass, field
from functools import cache
from itertools import chain

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.test import Client
from django.urls import URLResolver, get_resolver
from django.utils import timezone

from posts.importing.tokens import Allowance, digest_of
from posts.models import (
    ApiToken,
    AuditEntry,
    FormerSlug,
    Generator,
    ImportBatch,
    ImportIssue,
    LinkAddress,
    LinkHost,
    OutgoingMessage,
    Post,
    Release,
    Review,
    ReviewFlag,
    Revision,
    StyleRule,
)
from posts.operations import (
    begin_bulk,
    change_slug,
    create_post,
    flag_post,
    look_at_rows,
    record_revision,
    report_problem,
    schedule_release,
)
from posts.operations.preview_links import make_preview_link
from posts.operations.run_job import run_job
from posts.operations.schedule import Plan
from posts.public.sitemaps import URLS_PER_FILE
from tests.factories import FORM_ALL_MET, approve, make_post, person
from tests.test_admin import form_data
from tests.trials import trial

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("still_moment")]
PEOPLE = ("anonymous", "outsider", "editor", "reviewer", "staff", "superuser")
# A program with a token that may do all that a token can.
TOKEN = "token"
ROLES = (*PEOPLE, TOKEN)
WEBSITE_MOVES = {"posts_websession"}
TOKEN_OF_ALL_SCOPES = "alphanode_of-tests-alone"
PASSWORD = "a long enough pass phrase"


@dataclass
class Case:
    """One kind of request to one address.

    cells: the status for each of PEOPLE, and for a token if that gets something else than anybody without an account.
    """

    cells: str
    method: str = "GET"
    url: dict = field(default_factory=dict)
    data: object = field(default_factory=dict)
    leaves: set = field(default_factory=set)  # tables that a refused or reading request may write to

    @property
    def expected(self):
        """The status for each of ROLES."""
        cells = self.cells.split()
        return " ".join([*cells, *cells[: len(ROLES) - len(cells)]])


def get(cells, **options):
    return Case(cells, **options)


def post(cells, data=None, **options):
    return Case(cells, method="POST", data=data or {}, **options)


def put(cells, data, **options):
    return Case(cells, method="PUT", data=data, **options)


def records(
    name,
    kwargs,
    *,
    list_,
    add,
    delete,
    change,
    post_change,
    history=None,
    post_add=None,
    post_delete=None,
    post_forms=(),
):
    """Return the rows of a model's stock pages below admin/`name`/."""
    at = f"admin/{name}/"
    one = f"{at}<path:object_id>/"
    return {
        at: [get(list_), post(list_)],
        f"{at}add/": [get(add), post(post_add or add)],
        f"{one}history/": [get(history or change, url=kwargs)],
        f"{one}delete/": [get(delete, url=kwargs), post(post_delete or delete, {"post": "yes"}, url=kwargs)],
        f"{one}change/": [get(change, url=kwargs), post(post_change, url=kwargs), *post_forms],
        one: [get("302 302 302 302 302 302", url=kwargs)],
    }


def read_only(model, list_="302 302 200 200 200 200", post_change="302 302 403 403 403 403", history=None):
    never = "302 302 403 403 403 403"
    return records(
        f"posts/{model}",
        {"object_id": f"@{model}"},
        list_=list_,
        add=never,
        delete=never,
        change=list_,
        post_change=post_change,
        history=history,
    )


EVERYBODY = "200 200 200 200 200 200"
DESK = "302 302 200 200 200 200"
DESK_ACTS = "302 302 302 302 302 302"
SUPERUSER = "302 302 403 403 403 200"
ONLY_STAFF = "302 302 403 403 200 200"
TOKEN_FORM = {"act": "create-token", "token-label": "x", "token-may_import": "on", "token-requests_per_minute": "9"}
REVOKE_FORM = {"act": "revoke-token", "token": "@token"}
GENERATOR_FORM = {"act": "save", "name": "x", "kind": "people", "state": "active"}


def acts(**cells):
    return [
        post(cell, data, url={"object_id": "@post", "act": act.replace("_", "-")})
        for act, (cell, data) in cells.items()
    ]


MATRIX = {
    "": [get(EVERYBODY), post("405 405 405 405 405 405")],
    "posts/<letters:slug>/": [
        get(EVERYBODY, url={"slug": "live"}),
        get(EVERYBODY, url={"slug": "waiting"}),
        get("404 404 404 404 404 404", url={"slug": "typed"}),
        get("404 404 404 404 404 404", url={"slug": "never-there"}),
        post("405 405 405 405 405 405", url={"slug": "live"}),
    ],
    "posts/<letters:slug>.json": [
        get(EVERYBODY, url={"slug": "live"}),
        get("404 404 404 404 404 404", url={"slug": "typed"}),
        post("405 405 405 405 405 405", url={"slug": "live"}),
    ],
    "posts/<letters:slug>.png": [
        get(EVERYBODY, url={"slug": "live"}),
        get("404 404 404 404 404 404", url={"slug": "typed"}),
        post("405 405 405 405 405 405", url={"slug": "live"}),
    ],
    "card.png": [get(EVERYBODY), post("405 405 405 405 405 405")],
    "media/<upload:name>": [
        get("404 404 404 404 404 404", url={"name": f"ab/{'0' * 62}.png"}),
        post("405 405 405 405 405 405", url={"name": f"ab/{'0' * 62}.png"}),
    ],
    "logo.png": [get(EVERYBODY), post("405 405 405 405 405 405")],
    "posts/<letters:slug>/report/": [
        get(EVERYBODY, url={"slug": "live"}),
        get("404 404 404 404 404 404", url={"slug": "typed"}),
        post("302 302 302 302 302 302", {"reason": "facts"}, url={"slug": "live"}),
    ],
    "preview/<str:token>/": [
        get(EVERYBODY, url={"token": "@link token"}, leaves={"posts_reporttally"}),
        get("404 404 404 404 404 404", url={"token": "never-there"}, leaves={"posts_reporttally"}),
        # Whoever has the link may answer, but only with the stamp of its own page.
        post(
            "403 403 403 403 403 403",
            {"stance": "agree", "name": "Ada"},
            url={"token": "@link token"},
            leaves={"posts_reporttally"},
        ),
    ],
    "articles/": [get(EVERYBODY), post("405 405 405 405 405 405")],
    "search/": [get(EVERYBODY, data={"q": "draining"}), post("405 405 405 405 405 405")],
    "how-this-site-is-made/": [get(EVERYBODY), post("405 405 405 405 405 405")],
    "<kinds:kinds>/": [
        get(EVERYBODY, url={"kinds": "stacks"}),
        post("405 405 405 405 405 405", url={"kinds": "stacks"}),
    ],
    "<kinds:kinds>/<letters:slug>/": [
        get(EVERYBODY, url={"kinds": "stacks", "slug": "open"}),
        get("404 404 404 404 404 404", url={"kinds": "tools", "slug": "open"}),
        post("405 405 405 405 405 405", url={"kinds": "stacks", "slug": "open"}),
    ],
    **{
        f"<kinds:kinds>/<letters:slug>/{name}": [
            get(EVERYBODY, url={"kinds": "stacks", "slug": "open"}),
            get("404 404 404 404 404 404", url={"kinds": "tools", "slug": "open"}),
            post("405 405 405 405 405 405", url={"kinds": "stacks", "slug": "open"}),
        ]
        for name in ("feed/", "feed.json")
    },
    "feed/": [get(EVERYBODY), post("405 405 405 405 405 405")],
    "feed.json": [get(EVERYBODY), post("405 405 405 405 405 405")],
    "rss.xml": [get(EVERYBODY), post("405 405 405 405 405 405")],
    **{
        name: [get("301 301 301 301 301 301"), post("405 405 405 405 405 405")]
        for name in ("rss/", "feed/rss/", "atom.xml", "index.xml")
    },
    "sitemap.xml": [get(EVERYBODY), post("405 405 405 405 405 405")],
    "sitemaps/pages.xml": [get(EVERYBODY), post("405 405 405 405 405 405")],
    "sitemaps/lists-<int:number>.xml": [
        get("404 404 404 404 404 404", url={"number": "@sitemap file"}),
        post("405 405 405 405 405 405", url={"number": "@sitemap file"}),
    ],
    "sitemaps/articles-<int:number>.xml": [
        get(EVERYBODY, url={"number": "@sitemap file"}),
        post("405 405 405 405 405 405", url={"number": "@sitemap file"}),
    ],
    "robots.txt": [get(EVERYBODY), post("405 405 405 405 405 405")],
    # The site of these tests names no contact.
    ".well-known/security.txt": [get("404 404 404 404 404 404"), post("405 405 405 405 405 405")],
    "api/": [get(EVERYBODY), post("405 405 405 405 405 405")],
    "api/openapi.json": [get(EVERYBODY), post("405 405 405 405 405 405")],
    "api/posts/": [get(EVERYBODY), post("405 405 405 405 405 405")],
    "api/posts/<letters:slug>/": [
        get(EVERYBODY, url={"slug": "live"}),
        get(EVERYBODY, url={"slug": "waiting"}),
        get("404 404 404 404 404 404", url={"slug": "typed"}),
        get("404 404 404 404 404 404", url={"slug": "never-there"}),
        post("405 405 405 405 405 405", url={"slug": "live"}),
    ],
    # With the token of a generator: its own imports, and nothing that only people may do.
    "api/v1/imports": [
        get("405 405 405 405 405 405"),
        # An empty body is no file of records.
        post("401 401 401 401 401 401 422"),
    ],
    "api/v1/imports/<int:number>": [
        get("401 401 401 401 401 401 200", url={"number": "@pushed"}),
        get("401 401 401 401 401 401 404", url={"number": "@importbatch"}),
        post("405 405 405 405 405 405", url={"number": "@pushed"}),
    ],
    "api/v1/imports/<int:number>/cancel": [
        get("405 405 405 405 405 405", url={"number": "@pushed"}),
        post("401 401 401 401 401 401 409", url={"number": "@pushed"}),
        post("401 401 401 401 401 401 404", url={"number": "@importbatch"}),
    ],
    "api/v1/imports/<int:number>/rollback": [
        get("405 405 405 405 405 405", url={"number": "@pushed"}),
        post("401 401 401 401 401 401 202", url={"number": "@pushed"}),
        post("401 401 401 401 401 401 404", url={"number": "@importbatch"}),
    ],
    "api/v1/scorecard": [get("401 401 401 401 401 401 200"), post("405 405 405 405 405 405")],
    "api/v1/decisions": [get("401 401 401 401 401 401 200"), post("405 405 405 405 405 405")],
    "api/v1/schema": [get(EVERYBODY), post("405 405 405 405 405 405")],
    "api/v1/posts/<path:source_id>": [
        get("405 405 405 405 405 405", url={"source_id": "a"}),
        post("405 405 405 405 405 405", url={"source_id": "a"}),
        put("401 401 401 401 401 401 403", {"title": "x", "body": "x"}, url={"source_id": "@source id"}),
        put("401 401 401 401 401 401 201", {"title": "x", "body": "x"}, url={"source_id": "new"}),
    ],
    "^api/(?P<rest>[\\s\\S]*)$": [
        get("404 404 404 404 404 404", url={"rest": "nothing/"}),
        post("404 404 404 404 404 404", url={"rest": "nothing/"}),
    ],
    "admin/": [get(DESK)],
    "admin/my-work/": [
        get(DESK),
        post("302 302 404 404 404 404"),
        post("302 302 302 302 302 302", {"act": "read"}),
        post("302 302 302 302 302 302", {"act": "choose"}),
        post("302 302 422 422 422 422", {"act": "discard", "text": "1", "window": "0123456789abcdef"}),
    ],
    # Everybody has an account of their own.
    "admin/account/": [get(DESK), post("302 302 404 404 404 404"), post(DESK_ACTS, {"act": "end-others"})],
    "admin/roles/": [get(DESK), post("302 302 404 404 404 404")],
    "admin/posts/post/<int:pk>/purge/": [
        get(SUPERUSER, url={"pk": "@post"}),
        post("302 302 403 403 403 422", {"act": "purge"}, url={"pk": "@post"}),
        post("302 302 403 403 403 404", {"act": "nothing"}, url={"pk": "@post"}),
    ],
    "admin/account/data/": [get(DESK, leaves={"posts_auditentry"}), post("302 302 405 405 405 405")],
    "admin/auth/user/<int:pk>/data/": [
        get(SUPERUSER, url={"pk": "@user"}, leaves={"posts_auditentry"}),
        post("302 302 403 403 403 405", url={"pk": "@user"}),
    ],
    "admin/auth/user/<int:pk>/erase/": [
        get(SUPERUSER, url={"pk": "@user"}),
        post("302 302 403 403 403 422", {"act": "erase"}, url={"pk": "@user"}),
        post("302 302 403 403 403 404", {"act": "nothing"}, url={"pk": "@user"}),
    ],
    "admin/account/app/": [get(DESK), post("302 302 422 422 422 422", {"code": "1"})],
    "admin/account/passkey/": [get(DESK), post("302 302 422 422 422 422")],
    "admin/confirm/": [
        get(DESK),
        post("302 302 422 422 422 422", {"confirm-password": "x"}, leaves={"posts_signintally"}),
    ],
    # Nobody gets there without the right password.
    # Without a provider nobody finds these.
    "admin/sign-in/provider/": [get("404 404 404 404 404 404")],
    "admin/sign-in/provider/back/": [get("404 404 404 404 404 404")],
    "admin/sign-in/second-step/": [get("302 302 302 302 302 302"), post("302 302 302 302 302 302")],
    "admin/login/": [
        get("200 200 302 302 302 302"),
        # The sixth wrong password from one address has to wait.
        post(
            "200 200 200 200 200 429 429",
            {"username": "x", "password": "y"},
            leaves={"posts_auditentry", "posts_signintally"},
        ),
    ],
    "admin/logout/": [get("302 302 405 405 405 405"), post("302 302 200 200 200 200")],
    "admin/password_change/": [get(DESK), post(DESK)],
    "admin/password_change/done/": [get(DESK)],
    "admin/autocomplete/": [get("302 302 403 403 403 403")],
    "admin/jsi18n/": [get(DESK)],
    "admin/r/<path:content_type_id>/<path:object_id>/": [
        get("302 302 302 302 302 302", url={"content_type_id": "@type", "object_id": "@post"}),
    ],
    "admin/^(?P<app_label>auth|posts)/$": [
        get("302 302 200 200 200 200", url={"app_label": "posts"}),
        get("302 302 404 404 404 200", url={"app_label": "auth"}),
    ],
    "admin/(?P<url>.*)$": [get("302 302 404 404 404 404", url={"url": "no/such/page/"})],
    **records(
        "auth/group", {"object_id": "@group"},
        list_=SUPERUSER, add=SUPERUSER, delete=SUPERUSER, change=SUPERUSER, post_change=SUPERUSER,
        post_delete="302 302 403 403 403 302",
    ),
    **records(
        "auth/user", {"object_id": "@user"},
        list_=SUPERUSER, add=SUPERUSER, delete=SUPERUSER, change=SUPERUSER, post_change=SUPERUSER,
    ),
    "admin/auth/user/<id>/password/": [get(SUPERUSER, url={"id": "@user"}), post(SUPERUSER, url={"id": "@user"})],
    **records(
        "posts/post", {"object_id": "@post"},
        list_=DESK, add="302 302 200 200 403 200", post_add="302 302 422 422 403 422", delete="302 302 403 403 403 403",
        change=DESK, post_change="302 302 422 422 403 422", history=DESK,
    ),
    "admin/posts/post/<path:object_id>/preview/": [get(DESK, url={"object_id": "@post"})],
    "admin/posts/post/<path:object_id>/live-preview/": [
        get("302 302 405 405 403 405", url={"object_id": "@post"}),
        post("302 302 200 200 403 200", {"body": "typed"}, url={"object_id": "@post"}),
    ],
    "admin/posts/post/add/live-preview/": [
        get("302 302 405 405 403 405"),
        post("302 302 200 200 403 200", {"body": "typed"}),
    ],
    "admin/posts/post/<path:object_id>/do/<slug:act>/": [
        get("302 302 405 405 405 405", url={"object_id": "@post", "act": "withdraw"}),
        post("302 302 404 404 404 404", url={"object_id": "@post", "act": "destroy"}),
        *acts(
            decide=(
                "302 302 403 302 403 302",
                {"outcome": "approved", "fingerprint": "@head", "flags_seen": "@flags", **FORM_ALL_MET},
            ),
            flag=("403 302 403 302 302 302", {"flag-note": "Look."}),
            clear_flag=("403 302 403 302 302 302", {"flag": "@flag", "why": "Looked."}),
            roll_back=("302 302 403 302 403 302", {"live": "@live"}),
            withdraw=("302 302 403 302 302 302", {}),
            release=("302 302 403 422 403 422", {}),
            restore=("302 302 302 302 403 302", {"number": "1"}),
            submit=("302 302 302 302 403 302", {}),
            change_view_count=("403 302 302 302 403 302", {"view_count": "7"}),
            change_address=("403 302 403 302 403 302", {"slug": "another"}),
        ),
    ],
    "admin/posts/post/<path:object_id>/merge/": [
        get("302 302 405 405 405 405", url={"object_id": "@post"}),
        post("302 302 400 400 403 400", url={"object_id": "@post"}),
    ],
    "admin/posts/post/upload/": [
        get("302 302 200 200 403 200"),
        post("302 302 422 422 403 422"),
        post("302 302 422 422 403 422", {"act": "upload"}),
    ],
    "admin/posts/post/picture/": [
        get("302 302 405 405 403 405"),
        post("302 302 200 200 403 200", {"url": "https://elsewhere.example/a.png"}),
    ],
    "admin/posts/post/<int:pk>/fix-links/": [
        get("302 302 405 405 403 405", url={"pk": "@post"}),
        post("302 302 302 302 403 302", {"kind": "link-http"}, url={"pk": "@post"}),
    ],
    "admin/posts/post/unsaved/": [
        get("302 302 200 200 403 200"),
        post("302 302 404 404 403 404"),
        post("302 302 200 200 403 200", {"act": "forget"}),
        post("302 302 302 302 403 302", {"act": "discard"}),
        post("302 302 409 409 403 409", {"act": "keep", "unsaved_window": "0" * 32}),
    ],
    "admin/posts/post/<int:pk>/unsaved/": [
        get("302 302 200 200 403 200", url={"pk": "@post"}),
        post("302 302 404 404 403 404", url={"pk": "@post"}),
        post("302 302 200 200 403 200", {"act": "forget"}, url={"pk": "@post"}),
        post("302 302 302 302 403 302", {"act": "discard"}, url={"pk": "@post"}),
        post("302 302 409 409 403 409", {"act": "keep", "unsaved_window": "0" * 32}, url={"pk": "@post"}),
    ],
    "admin/posts/post/<int:pk>/compare/": [get(DESK, url={"pk": "@post"})],
    "admin/posts/post/<int:pk>/marked/": [get(DESK, url={"pk": "@post"})],
    "admin/posts/revision/<int:pk>/preview/": [get(DESK, url={"pk": "@revision"})],
    "admin/posts/post/<int:pk>/releases/": [
        get(DESK, url={"pk": "@post"}),
        post("302 302 404 404 404 404", {"act": "destroy"}, url={"pk": "@post"}),
        post("302 302 403 302 403 302", "release form", url={"pk": "@calm"}),
        post(
            "302 302 403 302 403 302",
            {"act": "roll-back", "live": "@live", "to": "@first"},
            url={"pk": "@post"},
        ),
        post("302 302 403 302 302 302", {"act": "withdraw"}, url={"pk": "@post"}),
        post(
            "302 302 403 302 302 302",
            {"act": "take-down", "day": "2099-01-01", "time": "08:00", "zone": "UTC"},
            url={"pk": "@calm"},
        ),
        post("302 302 403 302 403 302", {"act": "cancel", "plan": "@scheduledrelease"}, url={"pk": "@planned"}),
        post(
            "403 302 403 302 403 302",
            {"act": "observe", "release": "@release", "observed_result": "Fine."},
            url={"pk": "@post"},
        ),
    ],
    "admin/posts/post/<int:pk>/preview-links/": [
        get(DESK, url={"pk": "@post"}),
        post("302 302 404 404 404 404", {"act": "destroy"}, url={"pk": "@post"}),
        post("302 302 200 200 403 200", {"act": "make", "revision": "@proposed", "days": "7"}, url={"pk": "@post"}),
        post("302 302 302 302 403 302", {"act": "revoke", "link": "@previewlink"}, url={"pk": "@waiting"}),
    ],
    "admin/posts/post/<int:pk>/flag/": [
        get(DESK, url={"pk": "@post"}),
        post("302 302 404 404 404 404", {"act": "destroy"}, url={"pk": "@post"}),
        post("302 302 403 302 302 302", {"quick": "1"}, url={"pk": "@post"}),
        post("403 302 403 302 302 302", {"act": "clear", "flag": "@flag", "why": "Looked."}, url={"pk": "@post"}),
        post(
            "403 302 403 302 302 302", {"act": "answer", "report": "@readerreport", "why": "Mended."},
            url={"pk": "@post"},
        ),
        post(
            "302 302 403 302 403 302",
            {"act": "confirm", "fingerprint": "@live fingerprint", "flags_seen": "@flags", **FORM_ALL_MET},
            url={"pk": "@post"},
        ),
    ],
    "admin/queue/": [get(DESK)],
    "admin/queue/risk-score/": [get(DESK)],
    "admin/queue/near-duplicates/": [get(DESK)],
    "admin/queue/near-duplicates/<int:one>/<int:other>/": [
        get(DESK, url={"one": "@waiting", "other": "@post"}),
        post("302 302 404 404 404 404", {"act": "destroy"}, url={"one": "@waiting", "other": "@post"}),
        post("302 302 403 302 403 302", "keep form", url={"one": "@waiting", "other": "@post"}),
        post("302 302 422 422 422 422", {"act": "both", "post": "@waiting"}, url={"one": "@waiting", "other": "@post"}),
    ],
    "admin/queue/keys/": [get(DESK), post("302 302 302 302 302 302", {"keys": "off"})],
    "admin/queue/views/": [
        get("302 302 405 405 405 405"),
        post("302 302 302 302 302 302", {"name": "Old ones", "view": "days=6"}),
    ],
    "admin/queue/claim/": [
        get("302 302 403 405 403 405"),
        post("302 302 403 302 403 302", {"claim": "@claim"}),
    ],
    "admin/queue/undo/": [
        get("302 302 403 405 403 405"),
        post("302 302 403 403 403 403", {"review": "@review"}),
    ],
    "admin/queue/bulk/": [
        get("302 302 405 405 405 405"),
        post("302 302 403 302 403 302", {"act": "reject", "choice": "@choice"}),
        post("302 302 403 302 302 302", {"act": "flag", "choice": "@choice"}),
    ],
    # Only the person who chose the posts can confirm it.
    "admin/queue/bulk/<int:run_id>/": [
        get(DESK, url={"run_id": "@bulk run"}),
        post("302 302 403 403 403 403", {"comment": "No."}, url={"run_id": "@bulk run"}),
    ],
    # With something waiting, the first of it.
    "admin/review/": [get("302 302 302 302 302 302"), post("302 302 405 405 405 405")],
    "admin/review/<int:post_id>/": [
        get(DESK, url={"post_id": "@post"}),
        # A form that was not made for a signed-in person is not stored: its text is shown again.
        post(
            "403 302 403 302 403 302",
            {"act": "reject", "reject-reason_code": "facts", "fingerprint": "@head"},
            url={"post_id": "@post"},
        ),
        post("403 302 403 302 302 302", {"act": "flag", "note": "Look."}, url={"post_id": "@post"}),
        post("403 302 403 302 403 302", {"act": "claim"}, url={"post_id": "@waiting"}),
    ],
    "admin/review/<int:post_id>/remarks/": [
        get(DESK, url={"post_id": "@post"}),
        post(
            "302 302 403 302 403 302",
            {"act": "add", "fingerprint": "@head", "place": "title:1", "comment": "Why?"},
            url={"post_id": "@post"},
        ),
    ],
    "admin/review/<int:post_id>/sides/": [get(DESK, url={"post_id": "@post"})],
    "admin/review/source/<int:revision_id>/": [get(DESK, url={"revision_id": "@revision"})],
    "admin/review/code/<int:revision_id>/": [get(DESK, url={"revision_id": "@revision"})],
    "admin/review/undo/": [
        get("302 302 405 405 405 405"),
        post("302 302 403 403 403 403", {"review": "@review"}),
    ],
    "admin/guideline/": [get(DESK), post("302 302 405 405 405 405")],
    "admin/guideline/<int:number>/": [
        get(DESK, url={"number": "@guideline"}),
        post("302 302 405 405 405 405", url={"number": "@guideline"}),
    ],
    # Nobody may change it by their group: the right is given individually.
    "admin/guideline/change/": [get(SUPERUSER), post("302 302 403 403 403 422")],
    # As with the guideline, the right to change the house style is given individually.
    "admin/house-style/": [get(DESK), post("302 302 403 403 403 422")],
    "admin/house-style/new/": [get(SUPERUSER), post("302 302 403 403 403 422")],
    "admin/house-style/<int:number>/": [
        get(SUPERUSER, url={"number": "@stylerule"}),
        post("302 302 403 403 403 422", url={"number": "@stylerule"}),
    ],
    "admin/review/<int:post_id>/style/": [
        get("302 302 405 405 405 405", url={"post_id": "@post"}),
        post("302 302 403 302 403 302", {"act": "apply", "rule": "House.Other"}, url={"post_id": "@post"}),
    ],
    "admin/scorecards/": [get(DESK), post("302 302 405 405 405 405")],
    # No generator has sent anything that was counted.
    "admin/scorecards/card/": [
        get("302 302 404 404 404 404", data={"by": "generator", "key": "1"}),
        post("302 302 405 405 405 405"),
    ],
    "admin/scorecards/csv/": [get(DESK), post("302 302 405 405 405 405")],
    "admin/scorecards/json/": [get(DESK), post("302 302 405 405 405 405")],
    **read_only("revision", post_change="302 302 405 405 405 405"),
    **read_only("review"),
    **read_only("reviewflag"),
    **read_only("readerreport"),
    **read_only("release"),
    **read_only("scheduledrelease"),
    **read_only("auditentry"),
    **read_only("outgoingmessage", list_=ONLY_STAFF),
    **read_only("formerslug"),
    **read_only("importbatch"),
    **read_only("importissue", post_change="302 302 422 422 422 422"),
    **records(
        "posts/generator", {"object_id": "@generator"},
        list_=DESK, add="302 302 403 403 403 403", delete="302 302 403 403 403 403", change=DESK,
        post_change="302 302 404 404 404 404",
        post_forms=[
            post("302 302 403 403 302 302", GENERATOR_FORM, url={"object_id": "@generator"}),
            post("302 302 403 403 200 200", TOKEN_FORM, url={"object_id": "@generator"}),
            post("302 302 403 403 302 302", REVOKE_FORM, url={"object_id": "@generator"}),
        ],
    ),
    "admin/posts/generator/new/": [get(ONLY_STAFF), post("302 302 403 403 422 422")],
    "admin/posts/importbatch/new/": [get(ONLY_STAFF), post("302 302 403 403 422 422")],
    "admin/posts/importbatch/<path:object_id>/progress/": [get(DESK, url={"object_id": "@importbatch"})],
    "admin/posts/importbatch/<path:object_id>/rows/<slug:kind>/": [
        get(ONLY_STAFF, url={"object_id": "@importbatch", "kind": "refused"}),
        get("302 302 403 403 404 404", url={"object_id": "@importbatch", "kind": "other"}),
    ],
    "admin/posts/importbatch/<path:object_id>/holds/<slug:reason>/": [
        get(ONLY_STAFF, url={"object_id": "@importbatch", "reason": "draft"}),
        get("302 302 403 403 404 404", url={"object_id": "@importbatch", "reason": "other"}),
    ],
    "admin/posts/importbatch/<path:object_id>/roll-back/": [get(ONLY_STAFF, url={"object_id": "@importbatch"})],
    "admin/posts/importbatch/<path:object_id>/do/<slug:act>/": [
        get("302 302 403 403 405 405", url={"object_id": "@importbatch", "act": "stop"}),
        post("302 302 403 403 404 404", url={"object_id": "@importbatch", "act": "destroy"}),
        *(
            post("302 302 403 403 302 302", url={"object_id": "@importbatch", "act": act})
            for act in ("start", "rehearse", "stop", "switch", "lift", "assign", "roll-back")
        ),
    ],
    **read_only("imagesource", post_change="302 302 422 422 403 422", history="302 302 302 302 302 302"),
    **read_only("checklistitem", post_change="302 302 422 422 403 422", history="302 302 302 302 302 302"),
    **read_only("linkaddress"),
    **read_only("jobrun", list_=ONLY_STAFF),
    "admin/posts/job/": [get(ONLY_STAFF)],
    "admin/operations/": [
        get(ONLY_STAFF),
        post("302 302 403 403 302 302", {"act": "note", "version": "9.9.9", "owner": "Ada"}),
    ],
    "admin/operations/storage/": [get(ONLY_STAFF)],
    "admin/posts/job/start/": [
        get("302 302 405 405 405 405"),
        post("302 302 403 403 302 302", {"job": "run planned releases"}),
    ],
    "admin/posts/release/csv/": [get(ONLY_STAFF, leaves={"posts_auditentry"})],
    "admin/posts/auditentry/csv/": [get(ONLY_STAFF, leaves={"posts_auditentry"})],
}  # fmt: skip


def routes(resolver=None, before=""):
    """Yield the route of every address that the site answers, as its patterns spell it."""
    for pattern in (resolver or get_resolver()).url_patterns:
        route = before + str(pattern.pattern)
        yield from routes(pattern, route) if isinstance(pattern, URLResolver) else [route]


def test_every_address_has_a_row_and_every_row_an_address():
    assert set(routes()) == set(MATRIX)


@pytest.fixture(autouse=True)
def uncounted(monkeypatch, settings, tmp_path):
    """Count no requests of the token: that a process takes some for itself is a write now and then."""
    allowance = Allowance(True, limit=9, left=9, seconds=9)
    monkeypatch.setattr("posts.public.api.base.take_request", lambda token: allowance)
    settings.IMPORT_UPLOADS = str(tmp_path / "uploads")


@pytest.fixture
def site(db):
    """Return one of everything: {name: what a row calls by that name}."""
    flagged = make_post(released=True, slug="live", summary="First.")
    change_slug(flagged, "moved", by=person())
    change_slug(Post.objects.get(pk=flagged.pk), "live", by=person())
    record_revision(flagged, {**flagged.working_record(), "summary": "Second."}, by=person("Editors"))
    flagged = approve(flagged)
    record_revision(flagged, {**flagged.working_record(), "summary": "Third."}, by=person("Editors"))
    flag_post(flagged, by=person("Staff"), note="Wait.")
    flagged = Post.objects.get(pk=flagged.pk)
    report = report_problem(flagged, reason="facts", address="192.0.2.1")
    make_post(released=True, stack=["Open"])
    with_rows = make_post(image_sources=[{"url": "https://images.unsplash.com/a"}], checklist=["one"])
    waiting = make_post(slug="waiting")
    choice = (waiting.pk, waiting.head_revision.fingerprint)
    calm, planned = (approve(make_post(), release=False) for _ in range(2))
    plan = schedule_release(
        planned,
        Plan(
            kind="release",
            revision=planned.head_revision,
            due_at=timezone.now() + datetime.timedelta(days=1),
            zone="UTC",
        ),
        by=person(),
    )
    create_post({"title": "Typed", "body": "x", "slug": "typed"}, by=None)
    link, link_token = make_preview_link(waiting.head_revision, by=person(), days=7, asks=True)
    batch = ImportBatch.objects.first()
    ImportIssue.objects.create(batch=batch, kind="refused", line=1)
    generator = Generator.objects.create(name="penwright 3")
    token = ApiToken.objects.create(
        generator=generator,
        label="x",
        digest=digest_of(TOKEN_OF_ALL_SCOPES),
        hint="x",
        may_read_decisions=True,
        may_roll_back=True,
        created_by=User.objects.first(),
    )
    pushed = ImportBatch.of_token(token, source_name="x", state="finished")
    pushed.save()
    return {
        "post": flagged.pk,
        "source id": flagged.source_id,
        "calm": calm.pk,
        "waiting": waiting.pk,
        "planned": planned.pk,
        "type": ContentType.objects.get_for_model(Post).pk,
        "group": Group.objects.first().pk,
        "user": User.objects.first().pk,
        "claim": f"claim:{waiting.pk}",
        "choice": f"{choice[0]}:{choice[1]}",
        "bulk run": look_at_rows(begin_bulk("reject", by=person(), choices=[choice])).pk,
        "head": flagged.head_revision.fingerprint,
        "live": flagged.live_revision_id,
        "live fingerprint": flagged.live_revision.fingerprint,
        "sitemap file": make_post(released=True).pk // URLS_PER_FILE,
        "first": flagged.revisions.get(number=1).pk,
        "flag": flagged.review_flags.get().pk,
        "flags": str(flagged.review_flags.get().pk),
        "revision": Revision.objects.first().pk,
        "review": Review.objects.first().pk,
        "reviewflag": ReviewFlag.objects.first().pk,
        "readerreport": report.pk,
        "release": flagged.releases.first().pk,
        "scheduledrelease": plan.pk,
        "auditentry": AuditEntry.objects.first().pk,
        "outgoingmessage": OutgoingMessage.objects.create(kind="mail", subject="A line", body="Words.").pk,
        "formerslug": FormerSlug.objects.first().pk,
        "generator": generator.pk,
        "token": token.pk,
        "pushed": pushed.pk,
        "importbatch": batch.pk,
        "importissue": ImportIssue.objects.first().pk,
        "imagesource": with_rows.images.get().pk,
        "checklistitem": with_rows.checklist_items.get().pk,
        "linkaddress": LinkAddress.objects.create(
            address="https://a.org/", host=LinkHost.objects.create(name="a.org")
        ).pk,
        "jobrun": run_job("run planned releases", by=None).pk,
        "link token": link_token,
        "previewlink": link.pk,
        "proposed": flagged.head_revision_id,
        "keep form": {
            "act": "keep",
            "post": flagged.pk,
            f"text-{waiting.pk}": waiting.head_revision.fingerprint,
            f"live-{waiting.pk}": 0,
            f"text-{flagged.pk}": flagged.head_revision.fingerprint,
            f"live-{flagged.pk}": flagged.live_revision_id,
        },
        "guideline": 1,
        "stylerule": StyleRule.objects.create(name="House.Simply", source="extends: existence").pk,
        "release form": {
            "act": "release",
            "revision": calm.head_revision_id,
            "live": 0,
            "owner": User.objects.filter(groups__name="Reviewers").first().pk,
            "when": "now",
            "zone": "UTC",
        },
    }


@pytest.fixture
def people(db):
    """Return {role: somebody in that role}; an outsider has an account and no place at the desk."""
    return {
        "anonymous": None,
        "outsider": User.objects.create_user("outsider"),
        "editor": person("Editors"),
        "reviewer": person("Reviewers"),
        "staff": person("Staff"),
        "superuser": User.objects.create_superuser("root"),
        TOKEN: None,
    }


def browsers(people):
    """Return {role: a browser in which that person is signed in}."""
    found = {}
    for role, user in people.items():
        found[role] = Client(raise_request_exception=False)
        if user is not None:
            found[role].force_login(user)
    found[TOKEN].defaults["HTTP_AUTHORIZATION"] = f"Bearer {TOKEN_OF_ALL_SCOPES}"
    return found


@pytest.fixture
def clients(people):
    return browsers(people)


@cache
def all_rows(model):
    """Return the statement for all rows of a table, compiled once because every address asks for it."""
    return model._base_manager.order_by("pk").values_list().query.sql_with_params()


def state():
    """Return {table: hash of all its rows}; what a refused request must leave as it is."""
    found = {}
    models = [model for model in apps.get_models() if model._meta.db_table not in WEBSITE_MOVES]
    for model in chain(models, (User.groups.through, User.user_permissions.through, Group.permissions.through)):
        table = model._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute(*all_rows(model))
            found[table] = hashlib.sha256(repr(cursor.fetchall()).encode()).hexdigest()
    return found


def named(values, site):
    """Return `values` with what the site calls "@name" in place of each such name."""
    return {
        key: site[value[1:]] if isinstance(value, str) and value.startswith("@") else value
        for key, value in values.items()
    }


def address_of(route, values):
    address = route.replace("^", "").replace("$", "").replace("(?P<app_label>auth|posts)", "<app_label>")
    for name, value in values.items():
        for form in (
            f"<path:{name}>",
            f"<slug:{name}>",
            f"<str:{name}>",
            f"<letters:{name}>",
            f"<upload:{name}>",
            f"<int:{name}>",
            f"<kinds:{name}>",
            f"<{name}>",
            "(?P<url>.*)",
        ):
            address = address.replace(form, str(value))
    return f"/{address}"


def ask(client, case, route, site, **options):
    address = address_of(route, named(case.url, site))
    data = site[case.data] if isinstance(case.data, str) else named(case.data, site)
    if case.method == "PUT":
        return client.put(address, data, content_type="application/json", **options)
    return client.get(address) if case.method == "GET" else client.post(address, data, **options)


@pytest.mark.once
def test_everybody_gets_what_is_theirs_and_a_refusal_changes_nothing(site, clients, people):
    before, wrong, wrote = state(), [], []
    for route, cases in MATRIX.items():
        for case in cases:
            said = []
            for role in ROLES:
                with trial():
                    answer = ask(clients[role], case, route, site)
                    # A stream is written while it is read.
                    assert b"".join(answer.streaming_content) if answer.streaming else answer.content is not None
                    is_refused = answer.status_code >= 400 or "/login/" in answer.headers.get("Location", "")
                    # Only permitted actions are rolled back here; a refusal or a read must leave everything as it is.
                    transaction.set_rollback(case.method != "GET" and not is_refused and not case.leaves)
                said.append(str(answer.status_code))
            if " ".join(said) != case.expected:
                wrong.append((route, case.method, case.url, case.data, f"{' '.join(said)}, not {case.expected}"))
        if route == "admin/logout/":
            # The browsers dropped their sessions, which the database got back; signing in moves last_login.
            clients = browsers(people)
            before = state()
        after = state()
        changed = {table for table in before if before[table] != after[table]}
        if changed != set().union(*(case.leaves for case in cases)):
            wrote.append((route, sorted(changed)))
        before = after
    assert wrong == []
    assert wrote == []


@pytest.mark.once
def test_nothing_is_changed_without_the_token_of_our_own_form(site):
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("root"))
    before = state()
    for route, cases in MATRIX.items():
        for case in cases:
            # The API knows nobody by a cookie, so it needs no token of a form.
            is_form = case.method == "POST" and not route.startswith("api/")
            if is_form and not set(case.cells.split()) <= {"404", "405"}:
                for headers in ({}, {"origin": "null"}, {"referer": "https://elsewhere.example/"}):
                    assert ask(client, case, route, site, headers=headers).status_code == 403, route
    # Visits of a secret address are counted, so that nobody tries many.
    assert {table for table, rows in state().items() if rows != before[table]} <= {"posts_reporttally"}


# A form that writes looks a row up as a page does: it meets these kinds alone.
ODD_TO_WRITE = ["123abc", "-1", str(2**63), "9" * 400, "%00", "١٢"]
ODD = [*ODD_TO_WRITE, "0", str(2**64), "a%00b", "..%2f..%2fetc", "%F0%9F%A6%8A"]


def test_an_odd_number_in_an_address_is_never_an_error_of_ours(site, clients):
    # One reading and one writing request of each address is enough: all cases of one share its lookup.
    firsts = [{case.method: case for case in reversed(cases)}.values() for cases in MATRIX.values()]
    cases = [
        (route, case, name) for route, ones in zip(MATRIX, firsts, strict=True) for case in ones for name in case.url
    ]
    for route, case, name in cases:
        data = site[case.data] if isinstance(case.data, str) else named(case.data, site)
        for odd in ODD if case.method == "GET" else ODD_TO_WRITE:
            address = address_of(route, named(case.url, site) | {name: odd})
            with trial():
                browser = clients["superuser"]
                answer = browser.get(address) if case.method == "GET" else browser.post(address, data)
                transaction.set_rollback(True)
            assert answer.status_code in (200, 301, 302, 400, 401, 403, 404, 405), (address, answer.status_code)


def test_a_number_of_another_posts_row_is_no_number_here(site, clients):
    other = make_post(released=True, flagged=True)
    record_revision(other, {**other.working_record(), "summary": "Second."}, by=person("Editors"))
    rows = {
        "flag": other.review_flags.get().pk,
        "plan": site["scheduledrelease"],
        "report": report_problem(other, reason="facts", address="192.0.2.2").pk,
        "release": Release.objects.get(post=other).pk,
        "to": other.live_revision_id,
        "revision": other.live_revision_id,
    }
    before = state()
    releases = f"/admin/posts/post/{site['post']}/releases/"
    flag = f"/admin/posts/post/{site['post']}/flag/"
    reviewer = clients["reviewer"]
    form = {**site["release form"], "revision": rows["revision"], "live": site["live"]}
    for address, data in [
        (flag, {"act": "clear", "flag": rows["flag"], "why": "x"}),
        (flag, {"act": "answer", "report": rows["report"], "why": "x"}),
        (releases, {"act": "cancel", "plan": rows["plan"]}),
        (releases, {"act": "roll-back", "to": rows["to"], "live": site["live"]}),
        (releases, {"act": "observe", "release": rows["release"], "observed_result": "x"}),
        (releases, form),
    ]:
        answer = reviewer.post(address, data)
        assert answer.status_code == 422 and "another post" in answer.content.decode()
    assert state() == before


def test_crafted_fields_of_a_form_set_no_state_and_no_rights(site, clients):
    editor = clients["editor"]
    address = f"/admin/posts/post/{site['calm']}/change/"
    page = editor.get(address)
    before = {table: value for table, value in state().items() if table.startswith("auth_")}
    extra = {
        "status": "approved", "live_revision": "1", "live_approval": "1", "held": "", "needs_human_review": "",
        "is_superuser": "on", "withdrawn_at": "", "head_revision": "1", "flags": "{}",
    }  # fmt: skip
    editor.post(address, form_data(page, summary="Typed by an editor.", **extra))
    post = Post.objects.get(pk=site["calm"])
    assert post.summary == "Typed by an editor." and post.head_revision.status == "drafted"
    assert post.live_revision is None and post.live_approval is None
    assert before == {table: value for table, value in state().items() if table.startswith("auth_")}


def test_each_group_holds_exactly_the_rights_that_the_rules_of_the_house_give_it():
    decide = {"review_post", "release_post", "withdraw_post", "flag_post", "change_slug"}
    write = {"add_post", "change_post", "submit_post", "restore_post"}
    held = {
        group.name: set(group.permissions.values_list("codename", flat=True)) - {"view_history"}
        for group in Group.objects.all()
    }
    verbs = {"Editors": write, "Reviewers": write | decide}
    verbs["Staff"] = {"flag_post", "withdraw_post", "import_posts", "export_posts", "manage_generators", "run_job"}
    every = set(Permission.objects.filter(content_type__app_label="posts").values_list("codename", flat=True))
    sees = {codename for codename in every if codename.startswith("view_")}
    parts = {codename for codename in every if codename.endswith(("imagesource", "checklistitem"))}
    for name, may in verbs.items():
        assert held[name] - sees - parts == may
    assert not any(codename.startswith("delete_post") for rights in held.values() for codename in rights)
