"""That code runs as a page shows it, and that tables have the figures that were measured."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from processes import TIMEOUT

ROOT = Path(__file__).parents[1]

PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]


def shown(page: str) -> str:
    """Return the Python code that readers of a page see, in one piece."""
    lines: list[str] = []
    for block in re.findall(r"^```python\n(.*?)^```", re.sub(r"<!--.*?-->", "", page, flags=re.DOTALL), re.M | re.S):
        prompted = re.findall(r"^(?:>>>|\.\.\.) ?(.*)$", block, re.MULTILINE)
        lines += prompted if ">>>" in block else block.splitlines()
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_name_that_a_page_uses_comes_from_code_that_it_shows(page: Path) -> None:
    pytest.importorskip("ruff")
    checker = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--select",
        "E9,F821",
        "--output-format=concise",
        "-",
    ]
    code = shown(page.read_text(encoding="utf-8"))
    checked = subprocess.run(checker, input=code, capture_output=True, encoding="utf-8", timeout=TIMEOUT)
    assert checked.returncode == 0, checked.stdout


def test_the_page_on_speed_has_the_figures_of_all_processors() -> None:
    pages = runpy.run_path(str(ROOT / "benchmarks/columns.py"))["PAGES"]
    for page, table in pages.items():
        assert table() in (ROOT / "docs" / page).read_text(encoding="utf-8"), page
