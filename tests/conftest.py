"""Shared fixtures: a database, people of each group, a browser."""

import contextlib
import gc
import os
import shutil
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from _pytest.runner import runtestprotocol
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import override_settings
from django.utils import timezone
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from xdist.workermanage import WorkerController

from tests.emptied import mend_emptied_databases
from tests.engines import depends_on_engine

mend_emptied_databases()
# The same few examples in every run, so that a change alone makes a test fail; `make torture` looks for many new ones.
# How long an example takes says more of the machine than of the code.
UNHURRIED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
hypothesis_settings.register_profile("same", max_examples=40, derandomize=True, database=None, **UNHURRIED)
hypothesis_settings.register_profile("thorough", max_examples=2000, print_blob=True, **UNHURRIED)
hypothesis_settings.load_profile("same")


def shared_folder(factory):
    """Return a folder that all processes of this run share, and no other run."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def sites(tmp_path_factory, django_db_blocker):
    """Make whole sites with databases of their own, for tests that start processes: sites.new()."""
    from tests.sites import SiteMaker

    with django_db_blocker.unblock():
        maker = SiteMaker(shared_folder(tmp_path_factory), tmp_path_factory.mktemp("sites"))
    yield maker
    maker.close()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(sites, django_db_modify_db_settings_parallel_suffix):
    """Use a database of this process alone, copied from the migrated one.

    SQLite uses a file: in memory there is no WAL, and two runs must not share a database.
    """
    from django.conf import settings

    database = settings.DATABASES["default"]
    test = database.setdefault("TEST", {})
    if sites.migrated.is_sqlite:
        test["NAME"] = sites.new().database
    else:
        test["TEMPLATE"] = sites.migrated.database


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_keepdb, django_db_modify_db_settings):
    """Take the copied file as it is; it goes with its folder. A server copies and drops by itself."""
    return django_db_keepdb or connection.vendor == "sqlite"


# Files whose tests take longest. They come first, or the last of them would keep one process busy after all others.
LONG_FILES = """
    test_database_away test_page_triggers test_run test_permissions test_page_cache test_headers test_admin test_jobs
    test_audit_indexing test_operations_sequences test_demo test_releases test_markdown_as_written test_held_posts
    test_importing_runs test_undo test_settings test_site test_nginx test_importing_killed test_approved_claims
    test_review_screen test_diff test_hostile_code test_importing_rollback
""".split()


# Seconds that a heavy test may take: hours, where it makes a million rows.
HEAVY_LIMIT = 6 * 3600


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--second-engine",
        action="store_true",
        help="leave out the tests whose result does not depend on the database engine: another engine's run has them",
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Start half as many processes again for browser tests: a test waits for its browser, its browser for the test."""
    return (os.cpu_count() or 1) * 3 // 2 if config.getoption("markexpr") == "browser" else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("second_engine"):
        left_out = [item for item in items if not depends_on_engine(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if depends_on_engine(item)]
        config.left_out = len(left_out)
        if hasattr(config, "workeroutput"):
            config.workeroutput["left_out"] = len(left_out)
    for item in items:
        if item.get_closest_marker("torture"):
            item.add_marker(pytest.mark.timeout(HEAVY_LIMIT))
    items.sort(key=lambda item: [*LONG_FILES, item.path.stem].index(item.path.stem))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    """Take over how many tests a process left out: all processes collect the same ones."""
    node.config.left_out = getattr(node, "workeroutput", {}).get("left_out", 0)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    """Run a test again that failed while midnight passed: much of what people see counts by days.

    A day has one midnight, so nothing that fails for another reason passes because of this.
    """
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    day = datetime.now(UTC).date()
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    if any(report.failed for report in reports) and datetime.now(UTC).date() != day:
        item._initrequest()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_collection_finish():
    """Collect garbage less often: what stands now stands until the end, and each test makes and drops much."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which tests were left out; add a line to the file that TEST_SUMMARY names, for a run over several engines."""
    once = ""
    if left_out := getattr(config, "left_out", 0):
        once = f"; {left_out:,} tests whose result does not depend on the engine ran once, on SQLite"
        terminalreporter.write_line(f"{connection.display_name}{once}.")
    if (path := os.environ.get("TEST_SUMMARY")) and not hasattr(config, "workerinput"):
        counts = {name: len(terminalreporter.stats.get(name, ())) for name in ("passed", "failed", "error", "skipped")}
        said = ", ".join(f"{count} {name}" for name, count in counts.items() if count or name in ("passed", "failed"))
        with open(path, "a", encoding="utf-8") as summary:
            summary.write(f"{connection.display_name}: {said}{once}\n")


def pytest_unconfigure(config):
    """Drop what was migrated for all processes, in the one that started them."""
    from tests.sites import drop_migrated

    if "PYTEST_XDIST_WORKER" not in os.environ:
        drop_migrated(config._tmp_path_factory.getbasetemp())


@pytest.fixture(autouse=True)
def _fresh_cache(monkeypatch):
    from django.core.cache import cache

    from posts.db import kept_parts, unchanged
    from posts.page_cache import shared_cache

    cache.clear()
    # A busy machine may stop this process for half a second, and then the cache would not be asked for ten.
    monkeypatch.setattr(shared_cache, "SLOW_SECONDS", 5)
    monkeypatch.setattr(shared_cache, "_silent_until", 0.0)
    # A test that is rolled back takes rows of the change log with it.
    unchanged.forget()
    kept_parts.forget()


@pytest.fixture
def still_moment(monkeypatch):
    """Let all tries to sign in be at one moment: their first wait is two seconds, and a busy machine spends those."""
    moment = timezone.now()
    monkeypatch.setattr("posts.accounts.throttle.timezone", SimpleNamespace(now=lambda: moment))


def _person(name, group):
    person = User.objects.create_user(name, password="a long enough pass phrase", is_staff=True)
    person.groups.add(Group.objects.get(name=group))
    return person


@pytest.fixture
def editor(db):
    return _person("editor", "Editors")


@pytest.fixture
def reviewer(db):
    return _person("reviewer", "Reviewers")


@pytest.fixture
def staff(db):
    return _person("staff", "Staff")


@pytest.fixture
def superuser(db):
    return User.objects.create_superuser("superuser", password="a long enough pass phrase")


# The shell is the same engine without the windows of a browser. Nobody sees them here, and drawing them takes long.
BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def chromium():
    """Start a real Chromium; without one the browser tests fail and are never skipped."""
    from playwright.sync_api import expect, sync_playwright

    # As long as Playwright waits for everything else.
    expect.set_options(timeout=30_000)
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert path, "Chromium is missing. On Debian: apt-get install chromium-headless-shell"
    # Playwright runs an event loop in this thread; Django's database calls here are ordinary ones all the same.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


class Watched:
    """A page, with what its browser complained about and which foreign addresses it asked for (none is let out)."""

    def __init__(self, context, origin, has_script):
        self.complaints, self.foreign = [], []
        self.has_script = has_script
        self.page = context.new_page()
        self.origin = origin
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.route("**/*", self._route)

    def _note(self, message):
        if message.type == "error" and "net::ERR_FAILED" not in message.text:
            self.complaints.append(message.text)

    def _route(self, route):
        if route.request.url.startswith((self.origin, "data:")):
            route.continue_()
        else:
            self.foreign.append((route.request.resource_type, route.request.url))
            route.abort()

    def open(self, path):
        response = self.page.goto(self.origin + path)
        self._go_to_place()
        return response

    @contextlib.contextmanager
    def next_page(self):
        """Wait, at the end of `with`, until the next page is loaded and its scripts have run."""
        with self.page.expect_navigation():
            yield
        self._go_to_place()

    def follow(self, control):
        """Click a selector or a locator that leads to another page."""
        with self.next_page():
            (self.page.locator(control) if isinstance(control, str) else control).click()

    def _go_to_place(self):
        """Wait until the browser went to the place that the address names: it moves the focus only as it draws."""
        if self.has_script and "#" in self.page.url:
            self.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


@pytest.fixture
def browser_page(chromium, live_server):
    """Open pages of the live site, as browser_page(width=390, scheme="dark"), each a Watched."""
    contexts = []

    def opened(width=1280, scheme="light", **options):
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
        contexts.append(context)
        return Watched(context, live_server.url, options.get("java_script_enabled", True))

    with override_settings(SITE_URL=live_server.url):
        yield opened
    for context in contexts:
        context.close()
