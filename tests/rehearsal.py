"""Upgrade a site that is in use, and take the upgrade back: no request fails, and no page tells search engines wrong.

`make rehearsal` runs it on a PostgreSQL of its own. The previous version is the last release that deploy/rehearsal-base
names; ARGS="--from 0.1.0" takes an older one, with more migrations. Readers, an editor, a reviewer, imports and workers
go on while these steps follow each other: the previous version; migrate under it; both versions; the new one alone;
both; the previous one alone. After each, `audit_indexing` of every version that runs finds nothing.

A step lasts until enough has happened in it, however busy the machine is. Both versions run with the packages of this
one, so a rehearsal installs nothing.
"""

import argparse
import contextlib
import hashlib
import http.client
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

from tests.migration_rules import base
from tests.ports import free_port
from tests.rehearsal_people import PASSWORD
from tests.waiting import PATIENT_SECONDS, wait_until

ROOT = Path(__file__).parent.parent
PYTHON = ROOT / ".venv" / "bin" / "python"
# What a step needs: answers of each version that runs, and so much work of people.
ANSWERS = 40
WORK = {"saves": 2, "decisions": 2, "imports": 1}
# Within this time a change is seen everywhere. A request that is sent later tells the new truth, or is wrong.
SETTLED_SECONDS = 1
SAVE_TRIES = 5
SIGN_IN_TRIES = 20
IMPORTED = 5
FAILED = re.compile(r'"level": "(error|critical)"')


class Version:
    """A version of the software: its tree, and the processes of it that run."""

    def __init__(self, name, tree, folder):
        self.name, self.tree, self.folder = name, tree, folder
        self.environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "alphanode.settings",
            "ENV_FILE": "",
            "DEBUG": "on",
            "SECRET_KEY": "a key for the rehearsal alone, as long as a real one must be",
            "ALLOWED_HOSTS": "localhost",
            "SITE_URL": "https://localhost",
            "BEHIND_PROXY": "on",
            "MEDIA_ROOT": str(folder / "media"),
            "IMPORT_UPLOAD_DIR": str(folder / "uploads"),
            "PYTHONPATH": str(tree),
        }
        self.processes, self._people, self._telling = {}, None, threading.Lock()

    def start(self, kind, *command):
        with open(self.folder / f"{self.name} {kind}.log", "ab") as log:
            self.processes[kind] = subprocess.Popen(
                [PYTHON, *command], cwd=self.tree, env=self.environment, stdout=log, stderr=log
            )

    def start_site(self, balancer):
        port = free_port()
        # On a busy machine nobody gives up a process that is only slow.
        patience = ["--timeout", str(PATIENT_SECONDS), "--graceful-timeout", str(PATIENT_SECONDS)]
        options = ["--no-control-socket", "--threads", "4", *patience, "--bind", f"127.0.0.1:{port}"]
        self.start("site", "-m", "gunicorn", *options, "alphanode.wsgi")

        def answers():
            if self.processes["site"].poll() is not None:
                raise SystemExit(f"{self.name} does not start: {self.log('site')[-2000:]}")
            with contextlib.suppress(OSError):
                return ask(port, "/")[0] == 200

        wait_until(answers)
        balancer.put_in(self, port)

    def start_worker(self):
        self.start("worker", "manage.py", "run_worker")

    def end(self, kind):
        process = self.processes.pop(kind)
        process.terminate()
        process.wait(timeout=PATIENT_SECONDS)

    def log(self, kind):
        path = self.folder / f"{self.name} {kind}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def run(self, *arguments):
        done = subprocess.run(
            [PYTHON, "manage.py", *arguments], cwd=self.tree, env=self.environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def do(self, act, slug=""):
        """Let the people of this version do something, one after the other; return what came of it."""
        with self._telling:
            return self._do(act, slug)

    def _do(self, act, slug):
        if self._people is None:
            with open(self.folder / f"{self.name} people.log", "ab") as log:
                # With the code of this version: -P keeps the folder of the script out of the way.
                self._people = subprocess.Popen(
                    [PYTHON, "-P", ROOT / "tests" / "rehearsal_people.py"], cwd=self.tree, env=self.environment,
                    text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                )  # fmt: skip
        self._people.stdin.write(json.dumps([act, slug]) + "\n")
        self._people.stdin.flush()
        for line in self._people.stdout:
            if line.startswith("answer "):
                answer = json.loads(line.removeprefix("answer "))
                if isinstance(answer, dict) and "error" in answer:
                    raise Failed(f"{self.name}: {act} {slug}: {answer['error']}")
                return answer
        raise Failed(f"{self.name}: nobody is there to {act} {slug}")

    def end_all(self):
        for process in [*self.processes.values(), self._people]:
            if process is not None:
                process.kill()
                process.wait()


class Failed(Exception):
    """Something that a user of the site would have seen."""


def ask(port, path, method="GET", body=None, cookies=None, **headers):
    """Return (status, headers, text) as behind a proxy that speaks TLS."""
    sent = {"Host": "localhost", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1", **headers}
    if cookies:
        sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    server = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENT_SECONDS)
    with contextlib.closing(server):
        server.request(method, path, body, sent)
        answer = server.getresponse()
        return answer.status, answer.headers, answer.read().decode(errors="replace")


class Balancer:
    """Which versions answer at the moment; a request goes to any of them."""

    def __init__(self):
        self._ports, self._asked, self._changed = {}, Counter(), threading.Condition()

    def put_in(self, version, port):
        with self._changed:
            self._ports[version.name] = port

    def take_out(self, version):
        """Send a version no more requests, and end it when it has answered those that it has."""
        with self._changed:
            del self._ports[version.name]
            self._changed.wait_for(lambda: not self._asked[version.name])
        version.end("site")

    @contextlib.contextmanager
    def asking(self, name=None):
        """Give (name, port) of the version `name` if it answers, or of any; it stays until the end of the block."""
        with self._changed:
            name = name if name in self._ports else random.choice(list(self._ports))
            port = self._ports[name]
            self._asked[name] += 1
        try:
            yield name, port
        finally:
            with self._changed:
                self._asked[name] -= 1
                self._changed.notify_all()

    def ask(self, *arguments, **options):
        """Return (name, status, headers, text) of any version."""
        with self.asking() as (name, port):
            return name, *ask(port, *arguments, **options)


class Truth:
    """Whether search engines may index each article, since when."""

    def __init__(self):
        self._known = defaultdict(list)  # slug → [(from, until which either may be seen, whether)]

    @contextlib.contextmanager
    def changing(self, slug, is_open):
        began = time.monotonic()
        self._known[slug].append((began, float("inf"), is_open))
        yield
        self._known[slug][-1] = (began, time.monotonic() + SETTLED_SECONDS, is_open)

    def set(self, slug, is_open):
        self._known[slug] = [(0.0, 0.0, is_open)]

    def allows(self, slug, is_open, asked, answered):
        """Return whether an answer that was asked for and given at these times may say so."""
        spans = list(self._known[slug])
        for (began, _, value), following in zip(spans, [*spans[1:], None], strict=True):
            replaced = following[1] if following else float("inf")
            if began <= answered and asked <= replaced and value == is_open:
                return True
        return False


class Rehearsal:
    """All that goes on while versions change."""

    def __init__(self, folder, old, new):
        self.folder, self.old, self.new = folder, old, new
        self.balancer, self.truth = Balancer(), Truth()
        self.stop = threading.Event()
        self.counts, self.faults = Counter(), []
        self.answers = Counter()  # by version
        self.imports = 0
        self.active = [old]
        self.gate, self.busy, self.is_calm = threading.Condition(), 0, False

    def fault(self, words):
        self.faults.append(words)
        print(f"  FAULT: {words[:1500]}", flush=True)
        with open(self.folder / "faults.log", "a", encoding="utf-8") as log:
            log.write(words + "\n\n")

    @contextlib.contextmanager
    def acting(self):
        """Do something that changes posts, unless it is to be calm."""
        with self.gate:
            self.gate.wait_for(lambda: not self.is_calm)
            self.busy += 1
        try:
            yield
        finally:
            with self.gate:
                self.busy -= 1
                self.gate.notify_all()

    @contextlib.contextmanager
    def calm(self):
        """Let nothing change: an audit compares surfaces that it asks for one after the other."""
        with self.gate:
            self.is_calm = True
            self.gate.wait_for(lambda: not self.busy)
        time.sleep(SETTLED_SECONDS)
        yield
        with self.gate:
            self.is_calm = False
            self.gate.notify_all()

    # What goes on

    def read(self):
        chance = random.Random(threading.get_ident())
        while not self.stop.is_set():
            slug = chance.choice(self.slugs) if chance.random() < 0.7 else None
            path = f"/posts/{slug}/" if slug else chance.choice(self.others)
            asked = time.monotonic()
            try:
                name, status, headers, _ = self.balancer.ask(path)
            except OSError as error:
                self.fault(f"a reader of {path} got no answer: {error!r}")
                continue
            self.counts["requests"] += 1
            self.answers[name] += 1
            if status != (self.statuses.get(slug, 200) if slug else 200):
                self.fault(f"{name} answered {path} with {status}")
            elif slug and status == 200:
                is_open = "noindex" not in (headers.get("X-Robots-Tag") or "")
                if not self.truth.allows(slug, is_open, asked, time.monotonic()):
                    self.counts["wrong robots headers"] += 1
                    self.fault(f"{name} says of {slug} that search engines {'may' if is_open else 'must not'} index it")
            self.stop.wait(0.1)

    def edit(self):
        """Save the form of a post over and over; the form and its answer may come from different versions."""
        cookies = {}
        while not self.stop.is_set():
            slug = random.choice(self.edited)
            try:
                with self.acting():
                    self.save(slug, cookies)
            except (Failed, OSError) as error:
                self.fault(f"the editor of {slug}: {error}")
            self.stop.wait(0.3)

    def save(self, slug, cookies):
        address = f"/admin/posts/post/{self.slugs_to_ids[slug]}/change/"
        page = self.page(address, cookies)
        fields = Form.of(page, "summary")
        self.counts["forms"] += 1
        fields["summary"] = [f"A summary, written for the {self.counts['forms']}th time."]
        name, status, headers, page = self.send(address, fields, cookies)
        for _ in range(SAVE_TRIES):
            if status != 503 or not headers["Retry-After"]:
                break
            # Somebody was writing the same rows: the page says “Try again in a minute. Nothing was saved.”
            self.counts["saves sent again"] += 1
            time.sleep(1)
            name, status, headers, page = self.send(address, fields, cookies)
        is_signed_out = status == 403 and "You are signed out" in page
        if is_signed_out or (status == 302 and "/login/" in headers["Location"]):
            # Everybody signs in once on each version; what was typed is offered again.
            self.counts["sign-ins"] += 1
            self.sign_in(name, headers["Location"] or f"/admin/login/?next={address}", cookies)
            return
        if status != 302:
            raise Failed(f"{name} answered a save with {status}: {words_of(page)}")
        self.counts["saves"] += 1

    def page(self, address, cookies):
        # The page that follows a sign-in may come from the other version, which then asks for one too.
        for _ in range(SIGN_IN_TRIES):
            name, status, headers, page = self.balancer.ask(address, cookies=cookies)
            self.counts["requests"] += 1
            keep(headers, cookies)
            if status == 200:
                return page
            if status != 302:
                raise Failed(f"{name} answered {address} with {status}: {words_of(page)}")
            self.sign_in(name, headers["Location"], cookies)
        raise Failed(f"{address} asks for a sign-in again and again")

    def sign_in(self, name, address, cookies):
        address = address.removeprefix("https://localhost")
        with self.balancer.asking(name) as (_, port):
            _, headers, page = ask(port, address, cookies=cookies)
            keep(headers, cookies)
            fields = Form.of(page, "username") | {"username": ["ada"], "password": [PASSWORD]}
            status, headers, page = self.post(port, address, fields, cookies)
        self.counts["requests"] += 2
        if status != 302:
            raise Failed(f"{name} refuses a sign-in with {status}: {words_of(page)}")

    def send(self, address, fields, cookies):
        self.counts["requests"] += 1
        with self.balancer.asking() as (name, port):
            return name, *self.post(port, address, fields, cookies)

    def post(self, port, address, fields, cookies):
        status, headers, page = ask(
            port, address, "POST", urlencode(fields, doseq=True), cookies=cookies,
            **{"Content-Type": "application/x-www-form-urlencoded", "Referer": f"https://localhost{address}"},
        )  # fmt: skip
        keep(headers, cookies)
        return status, headers, page

    def review(self):
        """Approve, flag and clear, with the code of any version that runs."""
        waiting = list(self.waiting)
        while not self.stop.is_set():
            try:
                if waiting:
                    self.decide("approve", waiting.pop(), True)
                self.decide("flag", self.flagged, False)
                self.stop.wait(2 * SETTLED_SECONDS)
                self.decide("clear", self.flagged, True)
            except Failed as error:
                self.fault(str(error))
            self.stop.wait(2 * SETTLED_SECONDS)

    def decide(self, act, slug, is_open):
        with self.acting(), self.truth.changing(slug, is_open):
            random.choice(self.active).do(act, slug)
        self.counts["decisions"] += 1

    def bring_in(self):
        """Import small files, one after the other."""
        while not self.stop.is_set():
            self.imports += 1
            path = self.folder / f"import {self.imports}.jsonl"
            path.write_text("".join(line_of(f"import-{self.imports}-{number}") for number in range(IMPORTED)))
            with self.acting():
                try:
                    random.choice(self.active).do("bring_in", str(path))
                except Failed as error:
                    self.fault(str(error))
            self.counts["imports"] += 1
            self.stop.wait(1)

    # What follows what

    def prepare(self):
        self.slugs_to_ids = self.old.do("prepare")
        self.old.start_site(self.balancer)
        self.slugs, self.statuses = sorted(self.slugs_to_ids), {}
        for slug in self.slugs:
            _, status, headers, _ = self.balancer.ask(f"/posts/{slug}/")
            self.statuses[slug] = status
            self.truth.set(slug, "noindex" not in (headers.get("X-Robots-Tag") or ""))
        reading = [slug for slug in self.slugs if self.statuses[slug] == 200]
        opened = [slug for slug in reading if self.truth.allows(slug, True, 1, 1)]
        print(f"  {len(self.slugs)} posts, {len(opened)} of them open to search engines")
        self.flagged, self.edited = opened[0], opened[1:4]
        self.waiting = [f"waiting-{number}" for number in range(12)]
        path = self.folder / "waiting.jsonl"
        path.write_text("".join(line_of(slug) for slug in self.waiting))
        self.old.do("bring_in", str(path))
        self.slugs += self.waiting
        asked = [
            "/",
            "/stacks/",
            "/feed/",
            "/sitemap.xml",
            "/search/?q=pool",
            "/api/v1/articles",
            "/healthz",
            "/about/",
        ]
        self.others = [path for path in asked if self.balancer.ask(path)[1] == 200]
        for slug in self.waiting:
            self.statuses[slug] = 200
            self.truth.set(slug, False)

    def audit(self, *versions):
        with self.calm(), ThreadPoolExecutor() as pool:
            for version, said in zip(versions, pool.map(lambda version: version.do("audit"), versions), strict=True):
                self.counts["audits"] += 1
                if said:
                    self.fault(f"audit_indexing of {version.name}: {said[-1500:]}")

    def look_at_jobs(self):
        for version in (self.old, self.new):
            for kind in ("worker", "site"):
                for line in version.log(kind).splitlines():
                    if FAILED.search(line) or line.startswith("Traceback"):
                        self.fault(f"the log of the {kind} of {version.name}: {line}")
                        break

    def tell(self, words):
        print(f"{time.monotonic() - self.began:5.0f} s  {words}", flush=True)

    def step(self, words, *versions):
        """Let people use the versions that run until enough has happened, and then compare what each says."""
        self.tell(words)
        self.active = versions
        answers, work = self.answers.copy(), self.counts.copy()

        def is_enough():
            return all(self.answers[version.name] >= answers[version.name] + ANSWERS for version in versions) and all(
                self.counts[kind] >= work[kind] + number for kind, number in WORK.items()
            )

        while not is_enough():
            # However long it takes, as long as anything happens.
            seen = self.counts["requests"]
            wait_until(lambda seen=seen: self.counts["requests"] > seen)
        self.audit(*versions)

    def run(self):
        self.began = time.monotonic()
        self.tell(f"A site of {self.old.name}: tables, posts in every state")
        code, said = self.old.run("migrate", "--verbosity", "0")
        if code:
            raise SystemExit(said)
        self.prepare()
        self.old.start_worker()
        people = [
            threading.Thread(target=self.guarded, args=(act,), daemon=True)
            for act in (self.read, self.read, self.read, self.edit, self.review, self.bring_in)
        ]
        for thread in people:
            thread.start()
        self.step(f"{self.old.name} alone, in use", self.old)
        self.tell(f"migrate to {self.new.name}, under {self.old.name}")
        code, said = self.new.run("migrate")
        print(f"  {said.count('Applying ')} migrations")
        if code:
            self.fault(f"migrate ends with {code}: {said}")
        self.step(f"{self.old.name} on the tables of {self.new.name}", self.old)
        self.new.start_site(self.balancer)
        self.new.start_worker()
        self.step("both versions", self.old, self.new)
        self.active = [self.new]
        self.balancer.take_out(self.old)
        self.old.end("worker")
        self.step(f"{self.new.name} alone", self.new)
        self.old.start_site(self.balancer)
        self.old.start_worker()
        self.step("both versions, on the way back", self.old, self.new)
        self.active = [self.old]
        self.balancer.take_out(self.new)
        self.new.end("worker")
        self.step(f"{self.old.name} alone again", self.old)
        self.stop.set()
        for thread in people:
            thread.join(timeout=PATIENT_SECONDS)
        self.old.end("worker")
        self.old.end("site")
        self.clean_up()
        self.look_at_jobs()
        said = ", ".join(f"{count:,} {name}" for name, count in sorted(self.counts.items()))
        self.tell(f"{said}; {len(self.faults)} faults")
        return not self.faults

    def clean_up(self):
        """Let the previous version delete what belongs to rows of the new one."""
        try:
            self.new.do("hire", "eve")
            self.old.do("retire", "eve")
            self.old.do("take_back")
        except Failed as error:
            self.fault(str(error))

    def guarded(self, act):
        try:
            act()
        except Exception as error:
            self.fault(f"{act.__name__} ended: {error!r}")


NOT_SENT = ("submit", "file", "image", "checkbox", "radio")


class Form(HTMLParser):
    """The fields of a form as a browser would send them."""

    @classmethod
    def of(cls, page, field):
        """Return {name: values} of the first form that has a field."""
        parser = cls()
        parser.feed(page)
        for form in parser.forms:
            if field in form:
                return form
        raise Failed(f"no form has {field}: {words_of(page)}")

    def __init__(self):
        super().__init__()
        self.forms, self._area, self._select = [{}], None, None

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        name = given.get("name")
        if tag == "form":
            self.forms.append({})
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in given:
            self._add(self._select, given.get("value") or "")
        elif tag == "textarea" and name:
            self._area = name
            self._add(name, "")
        elif tag == "input" and name and (given.get("type") not in NOT_SENT or "checked" in given):
            self._add(name, given.get("value") or "")

    def handle_endtag(self, tag):
        if tag == "textarea" and self._area:
            values = self.forms[-1][self._area]
            values[-1] = values[-1].removeprefix("\n")
            self._area = None
        elif tag == "select":
            self._select = None

    def handle_data(self, data):
        if self._area:
            self.forms[-1][self._area][-1] += data

    def _add(self, name, value):
        self.forms[-1].setdefault(name, []).append(value)


def keep(headers, cookies):
    """Do with Set-Cookie as a browser."""
    for line in headers.get_all("Set-Cookie") or ():
        name, _, value = line.partition(";")[0].partition("=")
        if value.strip('"'):
            cookies[name] = value
        else:
            cookies.pop(name, None)


def words_of(page):
    """Return what a person reads on a page, shortened."""
    text = re.sub(r"<(script|style)\b.*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL)
    return " ".join(text.split())[:700]


def line_of(source_id):
    """Return a record in a form that every version reads, like no other: near-duplicates would lock each other."""
    words = hashlib.sha256(source_id.encode()).hexdigest()
    told = " ".join(words[at : at + 4] for at in range(0, 60, 4))
    record = {
        "source_id": source_id, "title": f"What {source_id} is about", "slug": source_id, "summary": "A short summary.",
        "body": f"## Cause\n\n{told}\n\n## Fix\n\nMake {words} larger.", "stack": [f"Stack {words[:2]}"],
    }  # fmt: skip
    return json.dumps(record) + "\n"


def require_commit(commit):
    """Exit with a sentence if the history lacks a commit."""
    known = subprocess.run(
        ["git", "cat-file", "-e", f"{commit}^{{commit}}"], cwd=ROOT, capture_output=True, check=False
    )
    if known.returncode:
        raise SystemExit(
            f"The history lacks {commit}, the commit that deploy/rehearsal-base names. Fetch the whole history: "
            "git fetch --unshallow"
        )


def tree_of(commit, folder):
    """Write the files of a commit into a folder; exit with a sentence if the history lacks it."""
    require_commit(commit)
    folder.mkdir()
    with subprocess.Popen(["git", "archive", commit], cwd=ROOT, stdout=subprocess.PIPE) as archive:
        subprocess.run(["tar", "-x", "-C", folder], stdin=archive.stdout, check=True)
    return folder


def commit_of(release):
    """Return the commit of a release that deploy/rehearsal-base names."""
    known = {name: commit for name, commit in base().items() if name[0].isdigit()}
    if release not in known:
        raise SystemExit(f"deploy/rehearsal-base names no release {release}, only {', '.join(sorted(known))}.")
    return known[release]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--from", dest="release", default=base()["release"], help="the release to upgrade from")
    commit = commit_of(parser.parse_args().release)
    # Whoever stops it must not leave servers behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="rehearsal") as name:
        folder = Path(name)
        old = Version("the previous version", tree_of(commit, folder / "previous"), folder)
        new = Version("this version", ROOT, folder)
        try:
            is_whole = Rehearsal(folder, old, new).run()
        finally:
            old.end_all()
            new.end_all()
            if kept := os.environ.get("REHEARSAL_LOGS"):
                for log in folder.glob("*.log"):
                    shutil.copy(log, kept)
    sys.exit(not is_whole)


if __name__ == "__main__":
    main()
