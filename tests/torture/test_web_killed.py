"""Web processes that are killed while readers read and an editor saves: fifty times, at random moments."""

import contextlib
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.page_processes import ROOT, SETTINGS
from tests.ports import free_port
from tests.rehearsal import Failed, Form, ask, keep, words_of
from tests.rehearsal_people import PASSWORD
from tests.waiting import PATIENT_SECONDS, wait_until

pytestmark = pytest.mark.torture
KILLS, READERS = 50, 3
BEFORE = f"""
from django.contrib.auth.models import Group, User
from tests.factories import make_post
ada = User.objects.create_user("ada", password="{PASSWORD}", is_staff=True)
ada.groups.add(Group.objects.get(name="Editors"))
print([make_post(released=True, slug=f"open-{{number}}").pk for number in range(3)][0], make_post(slug="closed").pk)
"""


class Site:
    """gunicorn with two web processes, and all that is asked of it."""

    def __init__(self, url, log):
        self.port, self.counts, self.faults = free_port(), Counter(), []
        self.stop = threading.Event()
        environment = os.environ | SETTINGS | {"DATABASE_URL": url, "WEB_WORKERS": "2", "ALLOWED_HOSTS": "localhost"}
        environment |= {"BEHIND_PROXY": "on", "SITE_URL": "https://localhost", "WEB_BIND": f"127.0.0.1:{self.port}"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py"],
            cwd=ROOT, env=environment, stderr=log, stdout=log,
        )  # fmt: skip

    def is_up(self):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return ask(self.port, "/")[0] == 200

    def web_processes(self):
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def end(self):
        self.process.terminate()
        self.process.wait(timeout=PATIENT_SECONDS)

    def read(self):
        chance = random.Random(threading.get_ident())
        while not self.stop.is_set():
            slug = chance.choice(["open-0", "open-1", "open-2", "closed"])
            try:
                status, headers, _ = ask(self.port, f"/posts/{slug}/")
            except (OSError, http.client.HTTPException):
                self.counts["readers without an answer"] += 1
                continue
            self.counts["requests"] += 1
            is_open = "noindex" not in (headers.get("X-Robots-Tag") or "")
            if status != 200 or is_open != slug.startswith("open"):
                self.faults.append((slug, status, is_open))
            # The editor is to have the most of them.
            self.stop.wait(0.05)

    def edit(self, post):
        """Save one post over and over; self.saves says of each try what the editor was told."""
        self.saves, cookies, address = {}, {}, f"/admin/posts/post/{post}/change/"
        while not self.stop.is_set():
            number = len(self.saves) + 1
            try:
                status, headers, page = ask(self.port, address, cookies=cookies)
                keep(headers, cookies)
                if status == 302:
                    self.sign_in(headers["Location"].removeprefix("https://localhost"), cookies)
                    continue
                fields = Form.of(page, "summary") | {"summary": [f"Save {number}."]}
            except (OSError, http.client.HTTPException):
                self.counts["forms without an answer"] += 1
                continue
            except Failed as fault:
                self.faults.append(str(fault))
                continue
            self.counts["requests"] += 1
            self.saves[number] = "no answer"
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, headers, page = self.post(address, fields, cookies)
                self.saves[number] = {302: "saved", 503: "refused"}.get(status, f"{status}: {words_of(page)}")

    def sign_in(self, address, cookies):
        _, headers, page = ask(self.port, address, cookies=cookies)
        keep(headers, cookies)
        fields = Form.of(page, "username") | {"username": ["ada"], "password": [PASSWORD]}
        status, _, page = self.post(address, fields, cookies)
        if status != 302:
            raise Failed(f"a sign-in is answered with {status}: {words_of(page)}")

    def post(self, address, fields, cookies):
        status, headers, page = ask(
            self.port, address, "POST", urlencode(fields, doseq=True), cookies=cookies,
            **{"Content-Type": "application/x-www-form-urlencoded", "Referer": f"https://localhost{address}"},
        )  # fmt: skip
        keep(headers, cookies)
        return status, headers, page


def test_fifty_kills_of_web_processes_lose_no_save_and_double_none(sites, tmp_path):
    own = sites.new()
    done = own.run("shell", "--no-imports", "--command", BEFORE, environment=SETTINGS)
    assert done.returncode == 0, done.stderr
    post = int(done.stdout.split()[0])
    chance = random.Random(seed := random.randrange(10**6))
    with open(tmp_path / "log", "wb") as log:
        site = Site(own.url, log)
        try:
            wait_until(site.is_up)
            people = [threading.Thread(target=site.read) for _ in range(READERS)]
            people.append(threading.Thread(target=site.edit, args=(post,)))
            for person in people:
                person.start()
            for _ in range(KILLS):
                # A machine that does much else takes long to start a process, so it is requests that are counted.
                seen = site.counts["requests"] + chance.randint(1, 30)
                wait_until(lambda seen=seen: site.counts["requests"] >= seen)
                os.kill(chance.choice(wait_until(site.web_processes)), signal.SIGKILL)
            # It heals alone: somebody answers again.
            wait_until(site.is_up)
        finally:
            site.stop.set()
            for person in people:
                person.join(timeout=PATIENT_SECONDS)
            site.end()
    found = Counter(
        json.loads(snapshot)["summary"] if isinstance(snapshot, str) else snapshot["summary"]
        for (snapshot,) in own.ask(f"SELECT snapshot FROM posts_revision WHERE post_id = {post}")
    )
    told = Counter(site.saves.values())
    print(f"seed {seed}, {KILLS} kills: {dict(site.counts)}; saves: {dict(told)}")
    assert not site.faults, site.faults[:3]
    assert set(told) <= {"saved", "refused", "no answer"}
    for number, answer in site.saves.items():
        times = found[f"Save {number}."]
        assert times in {"saved": (1,), "refused": (0,), "no answer": (0, 1)}[answer], (number, answer, times)
    assert own.ask(f"SELECT count(*) FROM posts_revision WHERE post_id = {post}") == [(found.total(),)]
    assert "Traceback" not in (tmp_path / "log").read_text()
