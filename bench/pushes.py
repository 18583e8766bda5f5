"""Measure pushes: single posts through two web processes, and a stream beside the import command in the same run.

Usage: sh scripts/with_postgres.sh --durable python bench/pushes.py [--count N] [--clients N]

Goals: 150 single posts a second; the worker imports a stream with at least 90 % of the command's speed.
"""

import argparse
import http.client
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "alphanode.settings")
os.environ |= {"ENV_FILE": "", "DEBUG": "on", "LOG_LEVEL": "WARNING", "SLOW_REQUEST_MS": "0", "SLOW_QUERY_MS": "0"}

import django  # noqa: E402

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.core.management import call_command  # noqa: E402

from bench import goals  # noqa: E402
from bench.imports import command, record, write_records  # noqa: E402
from posts.importing.generators import save_generator  # noqa: E402
from posts.importing.tokens import create_token  # noqa: E402
from posts.models import ApiToken, Generator, ImportBatch, Post  # noqa: E402

PORT = 8199


def token_of_generator():
    """Return a token of a new generator without limits that would stop a measurement."""
    person = get_user_model().objects.create_superuser("bench")
    generator = save_generator(Generator(name="bench", backlog_limit=None), by=person)
    return create_token(ApiToken(generator=generator, label="bench", requests_per_minute=1_000_000), by=person)


def push_all(token, records, clients):
    """Send every record by PUT over `clients` connections; return the seconds that it took."""
    waiting, lock, wrong = list(records), threading.Lock(), []

    def client():
        server = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        while True:
            with lock:
                if not waiting:
                    return
                sent = waiting.pop()
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            headers["Idempotency-Key"] = secrets.token_hex(16)
            server.request("PUT", f"/api/v1/posts/{sent['source_id']}", json.dumps(sent), headers)
            answer = server.getresponse()
            said = answer.read()
            if answer.status != 201:
                wrong.append((answer.status, said[:300]))
                return

    threads = [threading.Thread(target=client) for _ in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[0]
    return time.perf_counter() - began


def stream(token, path):
    """Send a file, let a worker import it, and return the rows a second of its import."""
    server = http.client.HTTPConnection("127.0.0.1", PORT, timeout=600)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/jsonl"}
    with open(path, "rb") as file:
        server.request("POST", "/api/v1/imports", file, headers | {"Content-Length": str(path.stat().st_size)})
    answer = server.getresponse()
    assert answer.status == 202, (answer.status, answer.read()[:300])
    number = json.loads(answer.read())["id"]
    while ImportBatch.objects.get(pk=number).state != ImportBatch.State.FINISHED:
        time.sleep(0.5)
    batch = ImportBatch.objects.get(pk=number)
    return batch.rows / batch.seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    token = token_of_generator()
    web = [sys.executable, "-m", "gunicorn", "--workers", "2", "--threads", "4", "--bind", f"127.0.0.1:{PORT}"]
    servers = [
        subprocess.Popen([*web, "alphanode.wsgi"], cwd=ROOT, stderr=subprocess.DEVNULL),
    ]
    try:
        while True:
            try:
                http.client.HTTPConnection("127.0.0.1", PORT, timeout=5).request("GET", "/healthz")
                break
            except OSError:
                time.sleep(0.2)
        push_all(token, [record(number, "warm") for number in range(50)], options.clients)
        singles = [record(number, "single") for number in range(options.count)]
        seconds = push_all(token, singles, options.clients)
        rate = options.count / seconds
        print(f"{options.count:,} single posts in {seconds:.1f} s: {rate:,.0f} a second (goal: 150)")
        servers.append(
            subprocess.Popen([sys.executable, "manage.py", "run_worker"], cwd=ROOT, stderr=subprocess.DEVNULL)
        )
        rates = {"command": [], "stream": []}
        with tempfile.TemporaryDirectory() as folder:
            for turn in range(2):
                for kind in rates:
                    path = Path(folder) / f"{kind}-{turn}.jsonl"
                    write_records(path, 0, options.count, f"{kind}{turn}")
                    if kind == "stream":
                        rates[kind].append(stream(token, path))
                    else:
                        command("import_posts", path)
                        batch = ImportBatch.objects.order_by("-pk").first()
                        rates[kind].append(batch.rows / batch.seconds)
        best = {kind: max(found) for kind, found in rates.items()}
        share = best["stream"] / best["command"]
        print(f"stream {best['stream']:,.0f} rows a second, command {best['command']:,.0f}: {share:.0%} (goal: 90 %)")
        print(f"{Post.objects.count():,} posts are stored.")
        goals.note("single posts over HTTP", f"{rate:,.0f}/s", ratio=rate, limit="a second", least=150)
        goals.note("stream over HTTP", f"{best['stream']:,.0f}/s", ratio=share, limit="x the command", least=0.9)
    finally:
        for server in servers:
            server.terminate()
        for server in servers:
            server.wait()


if __name__ == "__main__":
    main()
