"""A Markdown extension that turns formulas into MathML, so that pages need no script and no network to show them."""

import html
import re
from typing import Any

from latex2mathml.converter import convert
from markdown import Extension, Markdown
from markdown.postprocessors import Postprocessor

_FORMULAS = {
    r'<span class="arithmatex">\\\((.*?)\\\)</span>': "inline",
    r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>': "block",
    # The same in docstrings, which are reStructuredText.
    r":math:<code>(.*?)</code>": "inline",
    r"<p>\.\. math:: (.*?)</p>": "block",
}
_AFTER_RAW_HTML = 20  # the priority of the postprocessor that inserts the HTML of formulas and docstrings is 30


class _FormulasAsMathML(Postprocessor):
    def run(self, text: str) -> str:
        for pattern, display in _FORMULAS.items():

            def to_mathml(formula: re.Match[str], display: str = display) -> str:
                mathml = convert(html.unescape(formula[1]).strip(), display=display)
                return mathml if display == "inline" else f'<div class="formula">{mathml}</div>'

            text = re.sub(pattern, to_mathml, text, flags=re.DOTALL)
        return text


class MathML(Extension):
    """The extension `mathml`, which comes after `pymdownx.arithmatex` with `generic: true`."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Add the extension to a converter."""
        md.postprocessors.register(_FormulasAsMathML(md), "mathml", _AFTER_RAW_HTML)


def makeExtension(**settings: Any) -> MathML:
    """Return the extension; Python-Markdown looks for a function of this name."""
    return MathML(**settings)
