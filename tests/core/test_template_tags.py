from django.template import engines


def render(source: str, **context: object) -> str:
    return engines["django"].from_string(source).render(context)


def test_captured_text_collapses_white_space_into_a_variable():
    source = "{% capture as hint %}\n  Two lines,\n  {{ count }} words.\n{% endcapture %}[{{ hint }}]"
    assert render(source, count=3) == "[Two lines, 3 words.]"


def test_captured_text_is_escaped_exactly_once():
    source = "{% capture as hint %}{{ name }} &amp; more{% endcapture %}{{ hint }}"
    assert render(source, name="<b>") == "&lt;b&gt; &amp; more"


def test_table_tag_renders_headings_and_omits_empty_ones():
    source = '{% table "Name" "p95>" "(Actions)" none label="Services" %}<tr><td>{{ name }}</td></tr>{% endtable %}'
    html = " ".join(render(source, name="<iris>", none="").split())
    assert html.count("<th ") == 3
    assert '<th scope="col" data-align="end"> <span>p95</span>' in html
    assert '<span class="visually-hidden">Actions</span>' in html
    assert 'role="region" aria-label="Services"' in html
    assert "<td>&lt;iris&gt;</td>" in html
