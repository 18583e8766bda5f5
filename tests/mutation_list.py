"""The rules that `make mutations` breaks, each with the tests that must notice."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """A rule, and how to break it.

    path, function: where; the name of a method with its class ("Page.of"), "" for the whole module. old, new: the piece
    of source text that is replaced; it must stand there exactly once. tests: a file, and words for pytest's -k.
    is_short: whether it is one of the few that run every time.
    """

    rule: str
    path: str
    function: str
    old: str
    new: str
    tests: str
    is_short: bool = False

    @property
    def place(self) -> str:
        return f"{self.path} {self.function}".strip()


MUTATIONS = [
    # Search engines: the gate
    Mutation(
        "A bulk approval alone opens no page, in the condition itself",
        "posts/models/index_conditions.py",
        "",
        '"approved in bulk only", live_approval__is_bulk=False',
        '"approved in bulk only", live_approval_id__isnull=False',
        "tests/test_review_queue.py bulk_approval",
        is_short=True,
    ),
    Mutation(
        "Rows are asked every condition, that of bulk approvals too",
        "posts/models/index_conditions.py",
        "index_rules",
        "for condition in group]",
        "for condition in group[:2]]",
        "tests/test_review_queue.py bulk_approval",
    ),
    Mutation(
        "A withdrawn post is not indexable",
        "posts/models/index_conditions.py",
        "",
        'IndexCondition("withdrawn", withdrawn_at__isnull=True)',
        'IndexCondition("withdrawn", pk__isnull=False)',
        "tests/test_audit_indexing.py every_surface",
    ),
    Mutation(
        "A post of an import that is switched off is not listed",
        "posts/models/post.py",
        "PostQuerySet.listable",
        ".exclude(Q(last_batch__in=closed) | Q(live_revision__batch__in=closed))",
        "",
        "tests/test_importing_rollback.py switch",
    ),
    Mutation(
        "An approval counts for exactly the text that was read",
        "posts/models/index_conditions.py",
        "",
        'live_approval__fingerprint=F("live_revision__fingerprint"),',
        "",
        "tests/test_audit_indexing.py exactly_the_text",
        is_short=True,
    ),
    Mutation(
        "A held post has no page",
        "posts/models/post.py",
        "Post.visible_revision",
        "and not self.held",
        "",
        "tests/test_held_posts.py held",
    ),
    Mutation(
        "A page that may not be indexed says so in its headers",
        "posts/public/views.py",
        "_page",
        'response.is_indexable = context["is_indexable"]',
        "response.is_indexable = True",
        "tests/test_audit_indexing.py every_surface",
    ),
    Mutation(
        "The sitemap has every article of a file, the first and the last",
        "posts/public/sitemaps.py",
        "_in_file",
        'f"{key}__gte": start',
        'f"{key}__gt": start',
        "tests/test_sitemaps.py file",
    ),
    Mutation(
        "The API gives posts approved exactly at reviewed_since",
        "posts/public/api/parameters.py",
        "_walked",
        "reviewed_at__gte=",
        "reviewed_at__gt=",
        "tests/test_api.py harvest",
    ),
    # Hostile texts
    Mutation(
        "Articles go through the sanitizer",
        "posts/rendering/markdown.py",
        "sanitize",
        "_CLEANER.clean(html)",
        "html",
        "tests/test_rendering.py sanit",
        is_short=True,
    ),
    Mutation(
        "The name of a file on a code block is escaped",
        "posts/rendering/markdown.py",
        "_code_block",
        'label = escape(" ".join(part for part in ("Code", name, file_name) if part))',
        'label = " ".join(part for part in ("Code", name, file_name) if part)',
        "tests/test_rendering.py label",
    ),
    Mutation(
        "Own pictures are found on the host of this site alone",
        "posts/rendering/images.py",
        "own_picture",
        "if match is None or site is None or match[1] != site[1]:",
        "if match is None or site is None:",
        "tests/test_written_articles.py another_host",
    ),
    Mutation(
        "Values of a record are escaped on its page",
        "posts/public/meta_box.py",
        "_leaf",
        "{escape(text)}",
        "{text}",
        "tests/test_meta_box.py",
    ),
    Mutation(
        "A cell of a CSV file runs no formula",
        "posts/export/csv.py",
        "safe_cell",
        'return f"\'{text}" if',
        "return text if",
        "tests/test_export.py",
    ),
    # Cached pages
    Mutation(
        "Somebody who is signed in gets no cached page",
        "posts/page_cache/__init__.py",
        "PageCache._address",
        'or self._session in environ.get("HTTP_COOKIE", "")',
        "",
        "tests/test_page_cache.py signed_in",
        is_short=True,
    ),
    Mutation(
        "A page that sets a cookie is not cached",
        "posts/page_cache/__init__.py",
        "_may_be_cached",
        'lower == "set-cookie" or (',
        "(",
        "tests/test_page_cache.py cookie",
    ),
    Mutation(
        "A page is cached only while the log of changes can be read",
        "posts/page_cache/freshness.py",
        "Freshness.current",
        "return self._moment if self._clock() - self._looked_at < GOOD_FOR_SECONDS else None",
        "return self._moment",
        "tests/test_page_cache.py log",
    ),
    Mutation(
        "Pages of the admin are stored nowhere",
        "alphanode/headers.py",
        "header_table",
        '"Cache-Control": "private, no-store"',
        '"Cache-Control": "private"',
        "tests/test_headers.py",
    ),
    # Imports
    Mutation(
        "An import overwrites no edit of a person",
        "posts/importing/plan.py",
        "_plan_known",
        "elif head.fingerprint == post.import_fingerprint:",
        "elif True:",
        "tests/test_importing.py never_overwritten",
        is_short=True,
    ),
    Mutation(
        "The checkpoint is the last row that was written",
        "posts/importing/pipeline.py",
        "_Run._columns_after",
        '"checkpoint_line": chunk.rows[-1].line,',
        '"checkpoint_line": chunk.rows[-1].line - 1,',
        "tests/test_importing_runs.py stopped",
    ),
    Mutation(
        "A rehearsal writes nothing",
        "posts/importing/pipeline.py",
        "_Run._write",
        "            if not self.dry_run:\n                write_plan(plan)",
        "            if True:\n                write_plan(plan)",
        "tests/test_importing.py rehearsal",
    ),
    # Jobs and what follows from posts
    Mutation(
        "A job is tried as often as it says, and not once more",
        "posts/jobs/runs.py",
        "settle_failure",
        "failures >= claim.definition.attempts",
        "failures > claim.definition.attempts",
        "tests/test_jobs.py given_up",
    ),
    Mutation(
        "A change of a post makes its related posts be found again",
        "posts/related/related_posts.py",
        "mark_stale",
        "for pk in post_ids]",
        "for pk in ()]",
        "tests/test_related_posts.py",
    ),
    Mutation(
        "Required checks prevent an approval",
        "posts/operations/review.py",
        "_text_obstacles",
        "obstacles += [finding.message for finding in found]",
        "",
        "tests/test_content_checks.py approval_is_refused",
    ),
    Mutation(
        "A claim keeps others away until it ends",
        "posts/review_queue/claims.py",
        "claimed_by_another",
        "return ClaimedByAnother(holder, until) if holder is not None else None",
        "return None",
        "tests/test_review_queue.py keeps_others_away",
    ),
    Mutation(
        "A flag is worth its full risk score",
        "posts/review_queue/weights.py",
        "",
        'Weight(FLAG, "Flagged", 50, 50,',
        'Weight(FLAG, "Flagged", 25, 25,',
        "tests/test_review_queue.py reasons_while_they_last",
    ),
    # Addresses
    Mutation(
        "An address that a post once had is given to no other",
        "posts/operations/slugs.py",
        "taken_slugs",
        'return taken | set(FormerSlug.objects.filter(slug__among=slugs).values_list("slug", flat=True))',
        "return taken",
        "tests/test_operations.py address",
    ),
    Mutation(
        "An earlier address leads to the present one",
        "posts/operations/change_slug.py",
        "change_slug",
        "FormerSlug.objects.create(slug=post.slug, post=post)",
        "",
        "tests/test_operations.py address",
    ),
    # Operations
    Mutation(
        "An operation asks for the permission itself",
        "posts/errors.py",
        "require",
        'if by is not None and not by.has_perm(f"posts.{permission}"):',
        "if False:",
        "tests/test_operations.py refuses_who_may_not",
        is_short=True,
    ),
    Mutation(
        "Nobody approves a text that they wrote alone",
        "posts/models/four_eyes.py",
        "weight_of",
        "if by.pk not in eyes.authors:",
        "if True:",
        "tests/test_four_eyes.py",
        is_short=True,
    ),
    Mutation(
        "A decision is about the text that was read",
        "posts/operations/review.py",
        "decide",
        "if change.post.head_revision.fingerprint != decision.fingerprint:",
        "if False:",
        "tests/test_operations.py decision or decide or moved or newer",
    ),
    Mutation(
        "Every item of the checklist is ticked before an approval",
        "posts/operations/review.py",
        "_text_obstacles",
        "if unticked and not is_bulk:",
        "if False:",
        "tests/test_operations.py",
    ),
    Mutation(
        "An open flag prevents a release",
        "posts/operations/release.py",
        "release_obstacles",
        "if post.review_flags.filter(cleared_at=None).exists():",
        "if False:",
        "tests/test_operations.py without_open_flags",
    ),
    Mutation(
        "A second click does not roll back twice",
        "posts/operations/release.py",
        "_check_live",
        "raise PageMoved(post)",
        "pass",
        "tests/test_releases.py second_press",
    ),
    Mutation(
        "A decision can be undone for ten minutes, not longer",
        "posts/operations/undo.py",
        "",
        "UNDO_FOR = datetime.timedelta(minutes=10)",
        "UNDO_FOR = datetime.timedelta(minutes=20)",
        "tests/test_undo.py ten_minutes",
    ),
    Mutation(
        "Only the person who decided can undo it",
        "posts/operations/undo.py",
        "undo_decision",
        "if review.reviewer_id != by.pk:",
        "if False:",
        "tests/test_undo.py only_who_decided",
    ),
    Mutation(
        "A planned release needs the permission of its planner when it is due",
        "posts/operations/schedule.py",
        "_do",
        'if not plan.made_by.has_perm(f"posts.{RIGHTS[plan.kind]}"):',
        "if False:",
        "tests/test_releases.py everything_is_checked_again",
    ),
    Mutation(
        "A claim made since the preview keeps a bulk action away",
        "posts/operations/bulk.py",
        "_carry_out_row",
        "if run.act in LEAVES_CLAIMED and entry and (standing := claimed_by_another(entry, by=run.made_by)):",
        "if False:",
        "tests/test_review_queue.py claimed_since",
    ),
    Mutation(
        "A reader can send so many reports a day, and not one more",
        "posts/operations/report.py",
        "_count",
        "count__lt=allowance",
        "count__lte=allowance",
        "tests/test_reports.py so_often_a_day",
    ),
    Mutation(
        "The audit trail names the text that an action is about",
        "posts/audit/log.py",
        "audit_entry",
        'fingerprint=revision.fingerprint if revision else "",',
        'fingerprint="",',
        "tests/test_audit.py",
    ),
    Mutation(
        "The audit trail names the text that was replaced",
        "posts/audit/log.py",
        "audit_entry",
        'fingerprint_before=before.fingerprint if before else "",',
        'fingerprint_before="",',
        "tests/test_audit.py",
    ),
    Mutation(
        "The lists follow what an operation changed",
        "posts/operations/frame.py",
        "_finish",
        "    refresh_listings(listed)\n",
        "",
        "tests/test_operations.py",
    ),
    Mutation(
        "The review queue follows what an operation changed",
        "posts/operations/frame.py",
        "is_ranked_again",
        "return self._ranks or (self._entries_rank and bool(self.changed or self._entries))",
        "return self._ranks",
        "tests/test_review_queue.py",
    ),
    Mutation(
        "What a refused operation recorded is forgotten",
        "posts/operations/frame.py",
        "joined",
        "del self._entries[count:]",
        "pass",
        "tests/test_operations_frame.py",
    ),
    Mutation(
        "A change of a post renews its pages in every cache",
        "posts/db/page_triggers.py",
        "_of_post",
        "SELECT 'post:' || {post} UNION ",
        "",
        "tests/test_change_log.py operations_on",
    ),
]
