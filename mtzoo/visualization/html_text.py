"""Names and other text of the user's for HTML and SVG."""

from html import escape

from mtzoo.errors import one_line


def html_text(text: str) -> str:
    """`text` as it is shown: neither a tag nor a control character, of which HTML and XML may hold hardly any."""
    return escape(one_line(text))
