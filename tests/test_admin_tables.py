from django.template import Context, Template


def rendered(source, **context):
    return " ".join(Template("{% load posts %}" + source).render(Context(context)).split())


def test_a_table_has_its_headings_its_name_and_its_rows():
    html = rendered(
        '{% table "Post" "#Points" label="All posts" kind="wide" %}<tr><td>{{ title }}</td></tr>{% endtable %}',
        title="<b>Draining",
    )
    assert 'role="region" aria-label="All posts"' in html and '<table class="wide">' in html
    assert '<th scope="col">Post</th><th scope="col" class="number">Points</th>' in html
    assert "<tbody> <tr><td>&lt;b&gt;Draining</td></tr> </tbody>" in html


def test_a_table_escapes_its_headings_and_leaves_out_columns_that_are_not_there():
    source = '{% table version may|yesno:"Start," labelledby="jobs" %}{% endtable %}'
    html = rendered(source, version="<i>1.0", may=False)
    assert '<tr> <th scope="col">&lt;i&gt;1.0</th> </tr>' in html and 'aria-labelledby="jobs"' in html
    assert '<th scope="col">Start</th>' in rendered(source, version="1.0", may=True)
