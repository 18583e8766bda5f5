"""The house style in an operation: rules that people write or load, and posts to which a rule does not apply."""

import io
import lzma
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from django.contrib.auth.models import User
from django.utils import timezone

from posts.content_checks.vale import MAX_SOURCE, RuleRefused, read_rule
from posts.errors import Refused, checked_words, require_person, require_within_limits
from posts.models import Post, StyleException, StyleRule
from posts.operations.frame import changing, note, operation

MOST_RULES = 1000
# Files of a style and their bytes, unpacked: no style is nearly as large.
MOST_FILES, MOST_BYTES = 2000, 20 * 1024 * 1024
MAX_REASON = 500
# What Python says of a broken or encrypted archive, by the way in which it is packed.
_BROKEN = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, NotImplementedError, RuntimeError, OSError,
)  # fmt: skip


@dataclass(frozen=True)
class RuleDraft:
    """A rule as a person writes it."""

    name: str
    source: str
    level: str = StyleRule.Level.ADVICE
    is_on: bool = True
    stacks: Sequence[str] = ()
    languages: Sequence[str] = ()


@dataclass
class Loaded:
    """What loading a style did. unsupported: (name, why) of rules that are kept and not used."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    unsupported: list[tuple[str, str]] = field(default_factory=list)


def problem_of(name: str, source: str) -> str:
    """Return why a rule can't be used, or ""."""
    try:
        read_rule(name, source)
    except RuleRefused as refusal:
        return str(refusal)[:MAX_REASON]
    return ""


@operation
def save_rule(draft: RuleDraft, *, by: User, rule: StyleRule | None = None) -> StyleRule:
    """Save a new rule, or what a person changed in `rule`; return it. Refused if it can't be used."""
    require_person(by, "change_stylerule")
    name = checked_words(draft.name, name="The name", limit=120)
    if not name:
        raise Refused("Give the rule a name.")
    if draft.level not in StyleRule.Level.values:
        raise Refused("Choose a level: advice or required.")
    if problem := problem_of(name, draft.source):
        raise Refused(problem)
    others = StyleRule.objects.filter(name=name)
    if (others.exclude(pk=rule.pk) if rule else others).exists():
        raise Refused(f"Another rule is named “{name}”. Choose another name.")
    if rule is None and StyleRule.objects.count() >= MOST_RULES:
        raise Refused(f"A house style has at most {MOST_RULES:,} rules.")
    saved = rule or StyleRule()
    saved.name, saved.source, saved.level, saved.is_on = name, draft.source, draft.level, draft.is_on
    saved.stacks, saved.languages = _lines(draft.stacks), _lines(draft.languages)
    saved.problem, saved.changed_by, saved.changed_at = "", by, timezone.now()
    saved.save()
    note("changed the house style", by=by, detail=f"{name}: {saved.get_level_display().partition(':')[0].lower()}")
    return saved


def _lines(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(value.strip()[:100] for value in values if value.strip()))[:100]


@operation
def load_style(files: Mapping[str, str], *, by: User | None) -> Loaded:
    """Save the rules of a style in Vale's form; return what was done. files: {name of the rule: its YAML}.

    A rule with a known name keeps its level, its posts, and whether it is in use. A new one is advice: a style from
    elsewhere should not prevent approvals before a person says so. Rules of an unsupported form are kept, with the
    reason, and not used. by: None for a command.
    """
    if by is not None:
        require_person(by, "change_stylerule")
    if not files:
        raise Refused("There is no rule: no file ends with .yml or .yaml.")
    known = {rule.name: rule for rule in StyleRule.objects.filter(name__in=files)}
    if StyleRule.objects.count() + len(files) - len(known) > MOST_RULES:
        raise Refused(f"A house style has at most {MOST_RULES:,} rules.")
    done = Loaded()
    for name, source in files.items():
        rule, problem = known.get(name), problem_of(name, source)
        if problem:
            done.unsupported.append((name, problem))
        if rule and (rule.source, rule.problem) == (source, problem):
            done.unchanged += 1
            continue
        done.changed += rule is not None
        done.created += rule is None
        saved = rule or StyleRule(name=name)
        saved.source, saved.problem, saved.changed_by, saved.changed_at = (
            source[:MAX_SOURCE],
            problem,
            by,
            timezone.now(),
        )
        saved.save()
    note("changed the house style", by=by, detail=f"{done.created} rules added, {done.changed} changed")
    return done


def rules_of_upload(name: str, content: bytes) -> dict[str, str]:
    """Return {name of a rule: its YAML} of an uploaded file: one rule, or a ZIP archive of a style.

    Raises Refused for anything else, and for an archive that unpacks to more than MOST_BYTES.
    """
    if not zipfile.is_zipfile(io.BytesIO(content)):
        if not name.lower().endswith((".yml", ".yaml")):
            raise Refused("Choose a YAML file (.yml) or a ZIP archive of them.")
        return rules_of_files({name: content}, style="House")
    files, total = {}, 0
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist()[:MOST_FILES]:
                if entry.is_dir() or not entry.filename.lower().endswith((".yml", ".yaml")):
                    continue
                with archive.open(entry) as file:
                    # The size that an archive states may be wrong.
                    read = file.read(MOST_BYTES - total + 1)
                total += len(read)
                if total > MOST_BYTES:
                    raise Refused("The archive is too large.")
                files[entry.filename] = read
    except _BROKEN as error:
        raise Refused(f"The archive can't be read: {str(error)[:100]}.") from None
    return rules_of_files(files, style="House")


def rules_of_files(files: Mapping[str, bytes], *, style: str) -> dict[str, str]:
    """Return {name of a rule: its YAML} of files of a style, by path.

    A rule is named after its folder and its file, as in Vale. Files that are no rule, such as lists of what a style
    covers, are left out. style: the name for files without a folder.
    """
    rules = {}
    for path, content in sorted(files.items()):
        place = PurePosixPath(path.replace("\\", "/"))
        if place.name.startswith(".") or any(part.startswith((".", "__")) for part in place.parts):
            continue
        try:
            source = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            source = "\0"
        if "\0" in source:
            # PostgreSQL can't store a NUL.
            raise Refused(f"{place.name[:80]} is not a UTF-8 text.")
        # A style's folder also has files about tests and coverage; only a rule extends something.
        if any(line.startswith("extends:") for line in source.splitlines()):
            folder = place.parent.name or style
            rules[f"{folder}.{place.stem}"[:120]] = source
    return rules


@operation
def suppress_rule(post: Post, name: str, *, reason: str, by: User) -> StyleException:
    """Let a rule of the house style not apply to one post, for the reason that a reviewer gives."""
    require_person(by, "review_post")
    reason = checked_words(reason, name="The reason", limit=MAX_REASON)
    if not reason:
        raise Refused("Say why the rule does not apply to this post.")
    rule = StyleRule.objects.filter(name=name).first()
    if rule is None:
        raise Refused(f"The house style has no rule “{name[:120]}”.")
    with changing(post, by=by) as change:
        require_within_limits(by, change.post)
        exception, is_new = StyleException.objects.get_or_create(
            post=change.post, rule=rule, defaults={"reason": reason, "made_by": by}
        )
        if not is_new:
            raise Refused(f"{name} is already suppressed for this post.")
        change.note("suppressed a style rule", revision=change.post.head_revision, detail=f"{name}: {reason}")
    return exception


@operation
def apply_rule_again(post: Post, name: str, *, by: User) -> None:
    """Let a rule of the house style apply to a post again."""
    require_person(by, "review_post")
    with changing(post, by=by) as change:
        require_within_limits(by, change.post)
        count, _ = StyleException.objects.filter(post=change.post, rule__name=name).delete()
        if not count:
            raise Refused(f"{name[:120]} is not suppressed for this post.")
        change.note("applied a style rule again", revision=change.post.head_revision, detail=name)
