"""The files of deploy/: they are valid, agree with the documents, and do what they say."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from contextlib import closing, contextmanager, suppress
from io import StringIO

import pytest
import yaml
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from prometheus_client.parser import text_string_to_metric_families

from tests.page_processes import ROOT, SETTINGS, database_url, serving
from tests.ports import free_port
from tests.test_nginx import NGINX, documented_block
from tests.test_settings import PRODUCTION
from tests.waiting import PATIENT_SECONDS, wait_until

DEPLOY = ROOT / "deploy"
pytestmark = pytest.mark.once
needs_nginx = pytest.mark.skipif(
    NGINX is None, reason="nginx is missing. On Debian and Ubuntu: apt-get install nginx-light"
)


def test_the_configuration_of_nginx_has_every_line_that_the_document_asks_for():
    config = {line.strip() for line in (DEPLOY / "nginx/alphanode.conf").read_text().splitlines()}
    assert [line for line in documented_block().splitlines() if line.strip() and line.strip() not in config] == []


@pytest.fixture
def behind_nginx(tmp_path, transactional_db):
    """Serve the site behind nginx with our configuration; yield its port for TLS and the folder of its logs."""
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=articles.example",
            ),
            *("-keyout", tmp_path / "key.pem", "-out", tmp_path / "fullchain.pem"),
        ],
        check=True,
        capture_output=True,
    )
    with serving(1, BEHIND_PROXY="on") as (site,):
        plain, secure = free_port(), free_port()
        config = (DEPLOY / "nginx/alphanode.conf").read_text()
        config = config.replace("127.0.0.1:8000", f"127.0.0.1:{site}").replace("/etc/ssl/alphanode", str(tmp_path))
        config = re.sub(r"listen \[::\]:.*\n", "", config).replace("/var/log/nginx", str(tmp_path))
        config = config.replace("listen 80;", f"listen {plain};").replace("listen 443 ssl", f"listen {secure} ssl")
        user = "user root; " if os.getuid() == 0 else ""
        (tmp_path / "nginx.conf").write_text(
            f"{user}daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}}\n"
            f"http {{ client_body_temp_path {tmp_path}/body; proxy_temp_path {tmp_path}/proxy;\n{config}\n}}"
        )
        with running([NGINX, "-c", tmp_path / "nginx.conf"], stderr=subprocess.PIPE, text=True) as process:

            def is_up():
                assert process.poll() is None, process.stderr.read()
                with suppress(OSError):
                    return ask(secure, "/healthz", tmp_path / "fullchain.pem")[0] == 200

            wait_until(is_up)
            yield secure, tmp_path


def ask(port, path, certificate, *, source="127.0.0.1"):
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False
    server = http.client.HTTPSConnection(
        "127.0.0.1", port, timeout=PATIENT_SECONDS, source_address=(source, 0), context=context
    )
    with closing(server):
        server.request("GET", path)
        answer = server.getresponse()
        return answer.status, answer.read()


@needs_nginx
def test_nginx_serves_the_site_keeps_the_figures_for_itself_and_logs_no_secret(behind_nginx):
    port, folder = behind_nginx
    certificate = folder / "fullchain.pem"
    assert ask(port, "/", certificate)[0] == 200
    assert ask(port, "/metrics", certificate, source="127.0.0.2")[0] == 403
    assert ask(port, "/preview/a-secret-of-twenty-letters/", certificate)[0] == 404
    # nginx writes the line after the answer.
    log = folder / "alphanode.access.log"
    wait_until(lambda: "/preview/..." in log.read_text())
    assert "a-secret" not in log.read_text()


SERVERS = {
    "granian": [sys.executable, "deploy/serve.py"],
    "gunicorn": [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py"],
}


@pytest.mark.parametrize("server", SERVERS)
def test_every_line_of_a_web_server_with_our_configuration_is_json_and_it_has_no_control_socket(tmp_path, server):
    port = free_port()
    environment = PRODUCTION | {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": f"sqlite:///{tmp_path}/site.sqlite3",
        "STATIC_ROOT": str(tmp_path / "static"),
        "WEB_BIND": f"127.0.0.1:{port}",
        "WEB_WORKERS": "1",
        "HOME": str(tmp_path),
    }
    manage = [sys.executable, "manage.py"]
    subprocess.run([*manage, "collectstatic", "--noinput"], cwd=ROOT, env=environment, check=True, capture_output=True)
    with running(
        SERVERS[server], cwd=ROOT, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        wait_until(lambda: is_up(process, port))
        # It would remove the socket when it ends.
        sockets = list(tmp_path.rglob("gunicorn.ctl"))
        process.send_signal(signal.SIGTERM)
        out, log = process.communicate(timeout=PATIENT_SECONDS)
    lines = [json.loads(line) for line in log.splitlines()]
    assert any("Listening at" in line["event"] for line in lines)
    assert (sockets, out, process.returncode) == ([], "", 0)


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_that_is_told_to_stop_loses_no_line_of_a_page_from_memory(transactional_db, server):
    port = free_port()
    environment = SETTINGS | {"PATH": os.environ["PATH"], "DATABASE_URL": database_url(), "LOG_LEVEL": "INFO"}
    environment |= {"WEB_BIND": f"127.0.0.1:{port}", "WEB_WORKERS": "1"}
    with running(SERVERS[server], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: is_up(process, port))
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENT_SECONDS)) as reader:
            for _ in range(40):
                reader.request("GET", "/articles/")
                assert reader.getresponse().read()
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=PATIENT_SECONDS)
    lines = [line for line in map(json.loads, log.splitlines()) if line.get("path") == "/articles/"]
    assert len(lines) == len({line["request_id"] for line in lines}) == 40
    assert lines[-1]["cache"] == "hit" and lines[-1]["status"] == 200


def is_up(process, port):
    assert process.poll() is None
    with suppress(OSError), closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as server:
        server.request("GET", "/healthz")
        return server.getresponse().status == 200


ECHO = """
import json, re, sys
if __name__ == "wrong":
    sys.exit(3)
def application(environ, start):
    if environ["PATH_INFO"] == "/hang":
        re.match("(a+)+$", 50 * "a" + "b")
    print("begun", environ["REQUEST_METHOD"], file=sys.stderr, flush=True)
    read = environ["wsgi.input"].read()
    body = json.dumps([sorted(environ), read.decode(), environ.get("HTTP_X_FORWARDED_FOR")]).encode()
    start("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


@contextmanager
def running(command, **options):
    """Yield the process of a command; what fails in the block ends it too, and waits for nothing."""
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        finally:
            process.terminate()


@contextmanager
def echoing(folder, module, **more):
    """Run deploy/serve.py with a small application; yield (process, port)."""
    port = free_port()
    (folder / f"{module}.py").write_text(ECHO)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(folder),
        "WEB_BIND": f"127.0.0.1:{port}",
        "WEB_WORKERS": "1",
        "DATABASE_URL": "a secret",
        "HTTP_X_FORWARDED_FOR": "192.0.2.1",
    } | more
    process = subprocess.Popen(
        [*SERVERS["granian"], module], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process, port
    finally:
        process.kill()
        process.communicate()


def test_a_server_that_is_told_to_stop_answers_what_runs_and_puts_its_environment_into_no_request(tmp_path):
    with echoing(tmp_path, "echo") as (process, port):
        wait_until(lambda: is_up(process, port))
        server = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENT_SECONDS)
        server.putrequest("POST", "/")
        server.putheader("Content-Length", "10")
        server.endheaders()
        server.send(b"first")
        assert any("begun POST" in line for line in process.stderr)
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: not is_listening(port))
        server.send(b" last")
        names, read, address = json.loads(server.getresponse().read())
        server.close()
        assert (read, address) == ("first last", None)
        assert not {"PATH", "DATABASE_URL"} & set(names)
        assert process.wait(PATIENT_SECONDS) == 0


def test_a_worker_that_hangs_in_one_call_is_replaced(tmp_path):
    with echoing(tmp_path, "echo", WEB_TIMEOUT="1") as (process, port):
        wait_until(lambda: is_up(process, port))
        with suppress(OSError, http.client.HTTPException):
            server = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENT_SECONDS)
            server.request("GET", "/hang")
            server.getresponse()
        server.close()
        wait_until(lambda: is_up(process, port))


def test_no_worker_outlives_the_process_that_supervises_it(tmp_path):
    with echoing(tmp_path, "echo") as (process, port):
        wait_until(lambda: is_up(process, port))
        process.kill()
        wait_until(lambda: not is_listening(port))


def is_listening(port):
    with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), timeout=5)):
        return True
    return False


def test_a_server_whose_site_has_a_wrong_setting_ends_for_good(tmp_path):
    with echoing(tmp_path, "wrong") as (process, _):
        assert process.wait(PATIENT_SECONDS) == 3


def test_every_alert_asks_for_a_figure_that_the_site_gives_and_names_a_section_that_exists(client, db, settings):
    settings.METRICS_TOKEN = "t" * 24
    text = client.get("/metrics", headers={"Authorization": f"Bearer {'t' * 24}"}).content.decode()
    given = {family.name for family in text_string_to_metric_families(text)}
    # These are counted in the processes of a server that was started with the token.
    given |= {"alphanode_requests_total", "alphanode_request_seconds_bucket"}
    rules = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())["groups"][0]["rules"]
    headings = re.findall(r"^## (.+)$", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    anchors = {f"docs/operations.md#{heading.lower().replace(' ', '-')}" for heading in headings}
    for rule in rules:
        assert set(re.findall(r"alphanode_\w+", rule["expr"])) <= given, rule["alert"]
        assert rule["annotations"]["runbook"] in anchors, rule["alert"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is missing; Debian has it in prometheus")
def test_each_alert_fires_when_it_should_and_only_then():
    replayed = subprocess.run(
        ["promtool", "test", "rules", DEPLOY / "prometheus/alerts_test.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr


def test_each_alert_is_replayed_as_firing_and_as_silent():
    rules = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())["groups"][0]["rules"]
    cases = yaml.safe_load((DEPLOY / "prometheus/alerts_test.yml").read_text())["tests"]
    replayed = [case for group in cases for case in group["alert_rule_test"]]
    for fires in (True, False):
        named = {case["alertname"] for case in replayed if bool(case["exp_alerts"]) == fires}
        assert named == {rule["alert"] for rule in rules}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is missing")
@pytest.mark.parametrize("unit", ["alphanode-web.service", "alphanode-worker@.service"])
def test_systemd_understands_every_line_of_the_units(unit, tmp_path):
    # It also names what is missing on this machine, such as the account: that is not what is asked here.
    copy = tmp_path / unit.replace("@.", "@1.")
    copy.write_text((DEPLOY / "systemd" / unit).read_text())
    checked = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)
    assert not re.search(r"Unknown|Failed to parse|Invalid", checked.stderr), checked.stderr


def test_a_new_site_gets_its_administrator_once(db, monkeypatch):
    monkeypatch.setenv("SETUP_PASSWORD", "short")
    with pytest.raises(CommandError, match="too short"):
        call_command("setup_site", "--name", "ada")
    monkeypatch.setenv("SETUP_PASSWORD", "seven grey herons wade")
    out = StringIO()
    call_command("setup_site", "--name", "ada", "--email", "ada@example.org", stdout=out)
    account = get_user_model().objects.get(username="ada")
    assert account.is_superuser and account.check_password("seven grey herons wade")
    for group in ("Editors", "Reviewers", "Staff"):
        assert f"{group}: " in out.getvalue()
    call_command("setup_site", "--name", "eve", stdout=out)
    assert "has an administrator already: ada" in out.getvalue()
    assert not get_user_model().objects.filter(username="eve").exists()
