"""A description in Markdown as HTML that is safe to show. Pure."""

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

_READER = MarkdownIt("gfm-like", {"html": False, "linkify": True})
_TAGS = {
    *("a", "blockquote", "br", "code", "del", "em", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s"),
    *("strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}


def as_html(text: str) -> SafeString:
    """HTML of a few harmless elements; images and foreign HTML become text, links are marked as foreign.

    Headings start below the page's own: `#` becomes <h3>.
    """
    tokens = _READER.parse(text)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
    html = _READER.renderer.render(tokens, _READER.options, {})
    safe = nh3.clean(html, tags=_TAGS, attributes={"a": {"href", "title"}}, link_rel="noopener noreferrer nofollow")
    return mark_safe(safe)  # noqa: S308 - nh3 has just cleaned it
