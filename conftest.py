"""Runs the examples of the documentation and of the docstrings as tests."""

import contextlib
import doctest
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser

from anscombe_transform._kernels.dispatch import INSTRUCTION_SETS

pytest_plugins = ["compressed_movies", "estimates", "movie_formats"]  # in tests/helpers, with fixtures for many files

settings.register_profile("without deadlines", deadline=None)  # a machine may have much else to do
settings.load_profile("without deadlines")

pages = Sybil(
    parsers=[PythonCodeBlockParser(doctest_optionflags=doctest.NORMALIZE_WHITESPACE), SkipParser()],
    patterns=["README.md", "docs/*.md", "docs/*/*.md", "docs/*/*/*.md"],
    fixtures=["working_directory"],
)
docstrings = Sybil(
    parsers=[DocTestParser()],
    patterns=[
        "anscombe_transform/*.py",
        "anscombe_transform/*/*.py",
        "anscombe_transform/*/*/*.py",
        "anscombe_transform/*/*/*/*.py",
    ],
    fixtures=["working_directory"],
)
pytest_collect_file = (pages + docstrings).pytest()


def pytest_report_header() -> str:
    """Tell which of the instruction sets the tests can compare on this processor."""
    return f"instruction sets: {', '.join(INSTRUCTION_SETS)}"


@pytest.fixture(scope="module")
def working_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Let each page or module write its files to a temporary directory of its own."""
    directory = tmp_path_factory.mktemp("examples")
    with contextlib.chdir(directory):
        yield directory
