"""Builds the documentation: `python docs/build.py`, with the extra `docs`, makes the site in `site/`.

The pages are copied to `build/docs/`, together with those that are made here: the reference of the command, the
workbook and the guide for contributors. Zensical makes the site of this copy, as `mkdocs.yml` says. Then the site is
checked.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from check_site import faults_of
from command_reference import command_reference

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
COPY = ROOT / "build" / "docs"
SITE = ROOT / "site"

_LINK = re.compile(r"(\]\()(?![a-z]+:|#)([^)#\s]+)")


def main() -> None:
    """Build the site and check it; end with what is wrong."""
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    for folder in (COPY, SITE):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DOCS, COPY, ignore=shutil.ignore_patterns("*.py", "__pycache__", "overrides"))
    (COPY / "reference" / "command.md").write_text(command_reference(), encoding="utf-8")
    for notebook in DOCS.rglob("*.ipynb"):
        write_notebook(notebook)
    shutil.copy(ROOT / "CONTRIBUTING.md", COPY / "contributing.md")
    for page in COPY.rglob("*.md"):
        lead_links_to_the_site(page, settings["repo_url"])

    environment = {**os.environ, "PYTHONPATH": str(DOCS)}  # for the extension mathml
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    built = subprocess.run(command, cwd=ROOT, env=environment)
    faults = [*differences_of_the_navigation(settings["nav"]), *faults_of(SITE)]
    if faults:
        sys.exit("\n".join([*faults, f"{len(faults)} faults in the documentation"]))
    sys.exit(built.returncode)


def write_notebook(notebook: Path) -> None:
    """Execute a notebook in an empty folder and write it as a page, with its pictures in a folder next to it."""
    folder = COPY / notebook.relative_to(DOCS).parent
    command = [sys.executable, "-m", "nbconvert", "--log-level=WARN", "--execute", "--to=markdown"]
    environment = {name: value for name, value in os.environ.items() if name != "ANSCOMBE_RECORDING"}
    with tempfile.TemporaryDirectory() as empty:
        shutil.copy(notebook, empty)
        command += [f"--output-dir={folder}", notebook.name]
        subprocess.run(command, cwd=empty, env=environment, check=True)


def lead_links_to_the_site(page: Path, repository: str) -> None:
    """Let the links of a page lead to pages of the site, and those to other files of the checkout to the repository."""
    source = ROOT / "CONTRIBUTING.md" if page == COPY / "contributing.md" else DOCS / page.relative_to(COPY)

    def lead(link: re.Match[str]) -> str:
        target = (source.parent / link[2]).resolve()
        if target == ROOT / "CONTRIBUTING.md":
            target = DOCS / "contributing.md"
        if target.is_relative_to(DOCS) and target.suffix != ".py" and not target.is_dir():
            path = os.path.relpath(COPY / target.relative_to(DOCS), page.parent)
        elif target.exists() and target.is_relative_to(ROOT):
            kind = "tree" if target.is_dir() else "blob"
            path = f"{repository}/{kind}/main/{target.relative_to(ROOT).as_posix()}"
        else:
            path = link[2]
        return link[1] + path

    page.write_text(_LINK.sub(lead, page.read_text(encoding="utf-8")), encoding="utf-8")


def differences_of_the_navigation(navigation: list[Any]) -> Iterator[str]:
    """Tell which pages the navigation lacks, and which are not there."""
    listed = set(pages_of(navigation))
    there = {page.relative_to(COPY).as_posix() for page in COPY.rglob("*.md")}
    yield from (f"{page}: not in the navigation of mkdocs.yml" for page in sorted(there - listed))
    yield from (f"{page}: in the navigation of mkdocs.yml, but not there" for page in sorted(listed - there))


def pages_of(navigation: list[Any]) -> Iterator[str]:
    """Return the pages of a navigation, with those of its sections."""
    for entry in navigation:
        value = next(iter(entry.values())) if isinstance(entry, dict) else entry
        yield from pages_of(value) if isinstance(value, list) else [value]


if __name__ == "__main__":
    main()
