from django.template import engines


def render(source: str, **context: object) -> str:
    return engines["django"].from_string(source).render(context)


def test_captured_text_collapses_white_space_into_a_variable():
    source = "{% capture as hint %}\n  Two lines,\n  {{ count }} words.\n{% endcapture %}[{{ hint }}]"
    assert render(source, count=3) == "[Two lines, 3 words.]"


def test_captured_text_is_escaped_exactly_once():
    source = "{% capture as hint %}{{ name }} &amp; more{% endcapture %}{{ hint }}"
    assert render(source, name="<b>") == "&lt;b&gt; &amp; more"
