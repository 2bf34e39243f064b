"""That the page on troubleshooting has the messages that users can meet, as the package words them."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "anscombe_transform"
PAGE = ROOT / "docs/reference/troubleshooting.md"

VARIES = "\0"
"""Stands for what an f-string fills in; on the page, it is three dots."""

MESSAGES = re.compile(r"(Error|Fault|Finding|warn)$")
"""The names of what is called with a message: classes of errors, `warnings.warn` and findings of an estimate."""

SPEAKS = ("movies", "estimate", "storage", "transform", "codecs")
"""Packages whose other long strings are parts of messages, too, such as why a frame is missing."""

FEWEST_WORDS = 3
"""The fewest words of an argument of `MESSAGES` that is looked for on the page."""

FEWEST_WORDS_OF_PARTS = 5
"""The fewest words of other strings in `SPEAKS` that are."""

INTERNAL = {
    "a movie in a file becomes an array only by a copy": "NumPy asks this of programs, which then copy",
    "a movie is indexed by": "as an index of NumPy, it says itself what is allowed",
    "is out of bounds for an axis": "as an index of NumPy, it says itself what is allowed",
    "a movie has the axes (": "as an index of NumPy, it says itself what is allowed",
    "has no attribute": "raised by Python for each module in the same words",
    "no metadata of an array": "becomes the reason in 'is not a whole Zarr array or group'",
    "is not an object": "becomes the reason in 'is not a whole Zarr array or group'",
    "zarr.json is of format": "becomes the reason in 'is not a whole Zarr array or group'",
    "its attributes must be names with values": "becomes the reason in 'is not a whole Zarr array or group'",
    "whose sizes must be whole numbers": "becomes the reason in 'is not a whole Zarr array or group'",
    "t time times timestamp": "names of axes",
    "c ch channel channels": "names of axes",
    "z plane planes": "names of axes",
    "y row rows": "names of axes",
    "x column columns": "names of axes",
    "p position positions": "names of axes",
    "byte ubyte short": "names of dtypes",
    "TIFF (.tif, .tiff; also a folder of them": "fills in the messages that list the formats",
    "of which S are colors": "fills in the message on images in color",
    ", or choose one of the others": "fills in the message on axes of other kinds",
    ", or both, such as": "fills in the warning on interleaved channels",
    "first the one that begins at": "fills in messages on missing chunks",
    "of the ... frames that were read": "fills in warnings on frames that do not count",
    "left half of the columns": "fills in the message on two halves of the image",
    "upper half of the rows": "fills in the message on two halves of the image",
    "the axes ... and the shape": "fills in messages on axes",
    "name its axes, such as axes=": "fills in the message on a key that chooses nothing",
    "are saturated, at ... ADU, and others have": "fills in the message on bins of intensity",
    "with ... to ... ADU per photon": "fills in the message on interleaved channels",
    "saturated, cut off, or few samples": "a label in a picture",
    "What is here is not finished": "written into the marker of an unfinished array",
}
"""Strings that are not on the page, and why."""


def text_of(node: ast.expr) -> str | None:
    """Return a string literal with `VARIES` in place of its fields, or None if a node is none."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or VARIES for part in node.values)
    return None


def texts_in(node: ast.AST) -> Iterator[str]:
    """Yield the outermost strings in a node; those in the fields of an f-string follow it."""
    text = text_of(node) if isinstance(node, ast.expr) else None
    if text is not None:
        yield text
    for child in ast.iter_child_nodes(node):
        if not (isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)):
            yield from texts_in(child)


def words(text: str) -> int:
    """Return how many words of letters a text has that do not vary."""
    return len(re.findall(r"(?<![^\s(])[A-Za-z'-]+(?![^\s,.:;)])", text.replace(VARIES, "#")))


def simple_statements(module: ast.Module) -> Iterator[ast.stmt]:
    """Yield all statements that hold no others, without docstrings."""
    for node in ast.walk(module):
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, ast.stmt) and not hasattr(node, "body") and not is_docstring:
            yield node


def messages_in(statement: ast.stmt, speaks: bool) -> list[str]:
    """Return the texts of a statement if one of them is a message."""
    texts = [*texts_in(statement)]
    calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
    arguments = [text for call in calls if MESSAGES.search(ast.unparse(call.func)) for text in texts_in(call)]
    longest = max(map(words, texts), default=0)
    if max(map(words, arguments), default=0) >= FEWEST_WORDS or (speaks and longest >= FEWEST_WORDS_OF_PARTS):
        return texts
    return []


@cache
def sources() -> dict[str, ast.Module]:
    """Return the modules of the package by their paths."""
    paths = sorted(PACKAGE.rglob("*.py"))
    return {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def messages() -> dict[str, list[str]]:
    """Return the texts of each statement that has a message, by module and line."""
    return {
        f"{path}:{statement.lineno}": texts
        for path, module in sources().items()
        for statement in simple_statements(module)
        if (texts := messages_in(statement, path.startswith(SPEAKS)))
    }


def entries() -> list[str]:
    """Return the messages on the page: code at the beginning of the items of its lists, up to a colon."""
    page = PAGE.read_text(encoding="utf-8")
    items = re.findall(r"^- (`[^`]+`(?:,\s+`[^`]+`)*):\s", page, re.MULTILINE)
    return [" ".join(entry.split()) for item in items for entry in re.findall(r"`([^`]+)`", item)]


def is_in(entry: str, text: str) -> bool:
    """Return whether the parts of an entry follow each other in a text, and none of them varies."""
    position = 0
    for part in entry.split("..."):
        position = text.find(part, position)
        if position < 0:
            return False
        position += len(part)
    return True


def test_each_message_is_on_the_page() -> None:
    known = [*entries(), *INTERNAL]
    missing = {
        place: texts
        for place, texts in messages().items()
        if not any(is_in(entry, text) for text in texts for entry in known)
    }
    assert not missing, f"add these to {PAGE.name}, in code at the beginning of an item"


def test_each_message_on_the_page_is_in_the_source() -> None:
    texts = {text for module in sources().values() for text in texts_in(module)}
    assert not [entry for entry in (*entries(), *INTERNAL) if not any(is_in(entry, text) for text in texts)]


def test_each_message_is_on_the_page_once_and_long_enough_to_be_found() -> None:
    assert not [entry for entry, times in Counter(entries()).items() if times > 1]
    assert not [entry for entry in entries() if words(entry) < 2]


def test_a_message_is_the_same_from_the_command_and_from_python() -> None:
    options = pytest.importorskip("anscombe_transform.cli.options")
    assert not [entry for entry in entries() if options.with_options(entry) != entry]


def test_a_new_message_would_be_missed() -> None:
    """The parts of f-strings, texts in parentheses and those of findings count, docstrings do not."""
    code = """
def check(x):
    '''Raise ValueError if this is a long text that nobody has to look up.'''
    if x:
        raise ValueError(f"{x} is quite a new message" + (", and goes on" if x > 1 else ""))
    note = "this is a long text that becomes part of one"
    yield Finding(True, f"also this is {x} one")
"""
    found = [messages_in(statement, speaks=True) for statement in simple_statements(ast.parse(code))]
    assert [[text for text in texts if words(text) > 3] for texts in found if texts] == [
        ["this is a long text that becomes part of one"],
        ["also this is \0 one"],
        ["\0 is quite a new message"],
    ]
