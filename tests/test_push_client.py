"""The example of a generator's client, against real servers, with answers that get lost and servers that are killed."""

import contextlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from posts.importing.generators import save_generator
from posts.importing.tokens import create_token
from posts.jobs import run_waiting_jobs
from posts.models import ApiToken, Generator, ImportBatch, Post
from tests.factories import RecordFactory, approve, person
from tests.page_processes import ROOT, serving
from tests.push_trouble import GENERATOR, Program
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]
CLIENT = ROOT / "examples" / "push_client.py"


@pytest.fixture
def token():
    staff = person("Staff")
    generator = save_generator(Generator(name="penwright 3", kind="trained_model", backlog_limit=None), by=staff)
    return create_token(ApiToken(generator=generator, label="x", may_read_decisions=True), by=staff)


def client_for(port, token):
    """Return the client of the example, which waits a moment instead of seconds."""
    spec = importlib.util.spec_from_file_location("push_client", CLIENT)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    return example.Site(f"http://127.0.0.1:{port}", token, sleep=lambda seconds: threading.Event().wait(0.05))


def test_the_example_sends_posts_and_a_file_and_reads_decisions(token, tmp_path):
    with serving(1, IMPORT_UPLOAD_DIR=str(tmp_path / "uploads")) as (port,):
        site = client_for(port, token)
        record = RecordFactory(source_id="a/ü 1")
        tag = site.send(record)
        assert site.send({**record, "summary": "Another."}, tag) != tag
        assert site.send({**record, "summary": "A third."}, tag) is None
        with pytest.raises(ValueError, match="/title"):
            site.send({**record, "title": ""})
        file = tmp_path / "posts.jsonl"
        file.write_text("".join(json.dumps(RecordFactory()) + "\n" for _ in range(3)), encoding="utf-8")
        environment = {"SITE": f"http://127.0.0.1:{port}", "TOKEN": token}
        with subprocess.Popen(
            [sys.executable, CLIENT, file], env=environment, stdout=subprocess.PIPE, text=True
        ) as program:
            while program.poll() is None:
                run_waiting_jobs()
                threading.Event().wait(0.1)
            assert json.loads(program.stdout.read())["counts"]["created"] == 3
        # Sent again, it is the same request.
        assert site.send_file(file)["id"] == ImportBatch.objects.latest("pk").pk
        approve(Post.objects.get(source_id="a/ü 1"))
        assert [found["outcome"] for found in site.decisions()] == ["approved"]
    assert Post.objects.count() == 4


def lossy(port, lost):
    """Return the port of a relay that cuts connections: those in `lost` (numbers) after the request was answered."""
    listener = socket.create_server(("127.0.0.1", 0))

    def relay():
        number = 0
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            number += 1
            with client, socket.create_connection(("127.0.0.1", port)) as server:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += client.recv(65536)
                head, _, body = request.partition(b"\r\n\r\n")
                size = int(dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])[b"content-length"])
                while len(body) < size:
                    piece = client.recv(65536)
                    body, request = body + piece, request + piece
                server.sendall(request.replace(b"HTTP/1.1", b"HTTP/1.0", 1))
                answer = server.recv(65536)
                if number not in lost:
                    while answer:
                        client.sendall(answer)
                        answer = server.recv(65536)

    threading.Thread(target=relay, daemon=True).start()
    return listener


def test_lost_answers_and_killed_servers_lose_and_double_no_post(token, tmp_path):
    records = [RecordFactory() for _ in range(12)]
    with serving(1, IMPORT_UPLOAD_DIR=str(tmp_path / "uploads")) as (port,):
        with lossy(port, lost={2, 3, 7, 11}) as relay:
            site = client_for(relay.getsockname()[1], token)
            assert all(site.send(record) for record in records[:8])
        (worker,) = workers()
        killed = threading.Timer(0.05, lambda: os.kill(worker, signal.SIGKILL))
        killed.start()
        site = client_for(port, token)
        assert all(site.send(record) for record in records[8:])
        killed.join()
    assert set(Post.objects.values_list("source_id", flat=True)) == {record["source_id"] for record in records}
    # A request that was carried out and whose answer was lost is not carried out again.
    assert ImportBatch.objects.count() == len(records)


def test_a_generator_that_is_killed_goes_on_where_it_was(token, tmp_path):
    journal = tmp_path / "journal.jsonl"
    with serving(1) as (port,):
        program = Program(GENERATOR, journal, 30, SITE=f"http://127.0.0.1:{port}", TOKEN=token)
        for lines in (5, 30):
            wait_until(lambda lines=lines: journal.exists() and journal.read_bytes().count(b"\n") >= lines)
            program.kill()
        wait_until(lambda: program.is_done)
    assert set(Post.objects.values_list("source_id", flat=True)) == {f"steady-{number}" for number in range(30)}
    # What was under way at a kill was sent again with its key: the site did it once.
    assert ImportBatch.objects.count() == 30


def workers():
    """Return the processes that the servers of this test have started to answer."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text(encoding="utf-8").rpartition(")")[2].split()[1])
    found = [pid for pid, parent in parents.items() if parents.get(parent) == os.getpid()]
    # Beside them Python keeps a process that tidies up.
    return [pid for pid in found if b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()]
