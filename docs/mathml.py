"""Turns formulas into MathML when the site is built, so that the pages need no script and no network."""

import html
import re
from typing import Any

from latex2mathml.converter import convert

_FORMULAS = {
    r'<span class="arithmatex">\\\((.*?)\\\)</span>': "inline",
    r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>': "block",
    # The same in docstrings, which are reStructuredText.
    r":math:<code>(.*?)</code>": "inline",
    r"<p>\.\. math:: (.*?)</p>": "block",
}


def on_page_content(content: str, **_: Any) -> str:
    """Replace the formulas of a page."""
    for pattern, display in _FORMULAS.items():

        def to_mathml(match: re.Match[str], display: str = display) -> str:
            return convert(html.unescape(match[1]).strip(), display=display)

        content = re.sub(pattern, to_mathml, content, flags=re.DOTALL)
    return content
