from pathlib import Path

from django.template import Context, Template
from django.utils.safestring import mark_safe


def rendered(source, **context):
    return " ".join(Template("{% load posts %}" + source).render(Context(context)).split())


def test_a_table_has_its_headings_its_name_and_its_rows():
    html = rendered(
        '{% table "Post" "#Points" label="All posts" kind="wide" %}<tr><td>{{ title }}</td></tr>{% endtable %}',
        title="<b>Draining",
    )
    assert 'role="region" aria-label="All posts"' in html and '<table class="wide">' in html
    assert '<th scope="col">Post</th><th scope="col" class="number">Points</th>' in html
    assert '<tbody> <tr><td data-label="Post">&lt;b&gt;Draining</td></tr> </tbody>' in html


def test_a_table_escapes_its_headings_and_leaves_out_columns_that_are_not_there():
    source = '{% table version may|yesno:"Start," labelledby="jobs" %}{% endtable %}'
    html = rendered(source, version="<i>1.0", may=False)
    assert '<tr> <th scope="col">&lt;i&gt;1.0</th> </tr>' in html and 'aria-labelledby="jobs"' in html
    assert '<th scope="col">Start</th>' in rendered(source, version="1.0", may=True)


def test_a_table_takes_more_columns_of_numbers_groups_of_rows_and_headings_for_screen_readers_alone():
    source = (
        '{% table "Kind" numbers=names label="Kinds" is_head_hidden=True is_grouped=True %}{{ rows }}{% endtable %}'
    )
    html = rendered(source, names=["created", "<refused>"], rows=mark_safe("<tbody><tr></tr></tbody>"))
    assert '<thead class="visually-hidden">' in html and html.count("<tbody>") == 1
    assert '<th scope="col" class="number">Created</th><th scope="col" class="number">&lt;refused&gt;</th>' in html


def test_a_cell_has_the_heading_of_its_column_and_a_row_heading_has_none():
    source = '{% table "Post" version "#Points" "Why" label="All" %}{{ rows }}{% endtable %}'
    rows = (
        '<tr class="a"><th scope="row">x</th><td>1</td><td class="number">2</td><td><td-x></td></tr>'
        '<tr><td colspan="2">both</td><td>3</td></tr>'
    )
    html = rendered(source, version='1 "0"', rows=mark_safe(rows))  # noqa: S308 (of this test)
    assert '<th scope="row">x</th><td data-label="1 &quot;0&quot;">1</td>' in html
    assert '<td data-label="Points" class="number">2</td><td data-label="Why">' in html
    assert '<td colspan="2">both</td><td data-label="Points">3</td>' in html


def test_every_table_of_the_admin_is_made_by_the_one_tag():
    templates = Path(__file__).parent.parent / "templates" / "admin"
    by_hand = {path.name for path in templates.rglob("*.html") if "<table" in path.read_text()}
    # Django's own lists have their headings and cells from the ModelAdmin.
    assert by_hand == {"_table.html", "change_list_results.html"}
