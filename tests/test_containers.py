"""The files for containers: they name what exists, run as nobody special, and hold no secret."""

import fnmatch
import re

import pytest
import yaml

from tests.page_processes import ROOT

pytestmark = pytest.mark.once
CONTAINERFILE = (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))
SITE = ("migrate", "web", "worker")
SETTINGS = set(re.findall(r"^#? ?([A-Z_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
# What the server and Python read, and the file of settings itself.
OTHERS = {"WEB_BIND", "PYTHONUNBUFFERED", "MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_", "ENV_FILE"}


def instructions(name):
    """Return what follows each instruction of this name, with continued lines joined."""
    whole = re.sub(r"\\\n\s*", "", CONTAINERFILE)
    return [line.split(maxsplit=1)[1] for line in whole.splitlines() if line.startswith(f"{name} ")]


def test_every_file_that_is_copied_exists_and_is_not_ignored():
    ignored = (ROOT / ".containerignore").read_text(encoding="utf-8").splitlines()
    let_through = [line.removeprefix("!") for line in ignored if line.startswith("!")]
    sources = [name for line in instructions("COPY") if "--from" not in line for name in line.split()[:-1]]
    assert {"posts", "alphanode", "manage.py"} <= set(sources)
    for source in sources:
        assert list(ROOT.glob(source)), source
        assert any(fnmatch.fnmatch(source, pattern) or source == pattern for pattern in let_through), source
    # Everything else stays out: settings, databases, uploads, history.
    assert "*" in ignored and not {".env", "var", ".git"} & set(let_through)


def test_the_base_can_be_chosen_and_the_site_runs_without_rights():
    assert instructions("ARG")[0].startswith("BASE_IMAGE=")
    assert all("${BASE_IMAGE}" in line for line in instructions("FROM"))
    assert instructions("USER") == ["10001"]
    for name in SITE:
        service = COMPOSE["services"][name]
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name


def test_every_variable_is_a_setting():
    names = {pair.partition("=")[0] for line in instructions("ENV") for pair in line.split()}
    for name in SITE:
        names |= set(COMPOSE["services"][name]["environment"])
    assert names - SETTINGS - OTHERS == set()


def test_the_lock_files_that_can_be_added_exist():
    named = set(re.findall(r"requirements-\w+\.txt", CONTAINERFILE))
    assert named and all((ROOT / name).exists() for name in named)


def test_services_wait_for_the_database_and_for_migrations_and_use_one_image():
    services = COMPOSE["services"]
    assert services["migrate"]["depends_on"]["database"]["condition"] == "service_healthy"
    for name in ("web", "worker"):
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert len({services[name]["image"] for name in SITE}) == 1
    assert "redis" not in [one for service in services.values() for one in service.get("depends_on", {})]


def test_passwords_come_from_outside_and_nginx_reads_the_file_that_is_tested():
    text = (ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8")
    assert not re.search(r"PASSWORD: (?!\$\{DATABASE_PASSWORD:\?)", text)
    (mounted,) = [line for line in COMPOSE["services"]["nginx"]["volumes"] if line.startswith("./nginx/")]
    assert (ROOT / "deploy" / mounted.split(":")[0]).exists()
    # It asks 127.0.0.1:8000, which is the site only in the network of the web service.
    assert COMPOSE["services"]["nginx"]["network_mode"] == "service:web"
