"""Looks at the pages of the built site for what readers would find broken."""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag

_ADDRESSES = {"a": "href", "img": "src", "script": "src", "link": "href", "source": "src", "iframe": "src"}


def faults_of(site: Path) -> list[str]:
    """Return a sentence for each broken link, missing anchor or picture, foreign resource and empty entry."""
    pages = {path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in site.rglob("*.html")}
    anchors = {path: {str(tag["id"]) for tag in page.find_all(id=True)} for path, page in pages.items()}
    faults = []
    for path, page in sorted(pages.items()):
        if path.name == "404.html":  # its links start at the root of the server
            continue
        found = [*_broken_addresses(site, path, page, anchors), *_foreign_resources(page), *_empty(page)]
        faults += [f"{path.relative_to(site)}: {fault}" for fault in dict.fromkeys(found)]
    for sheet in sorted(site.rglob("*.css")):
        if re.search(r"url\([\"']?(https?:)?//|@import", sheet.read_text(encoding="utf-8")):
            faults.append(f"{sheet.relative_to(site)}: loads something from elsewhere")
    return faults


def _broken_addresses(site: Path, path: Path, page: BeautifulSoup, anchors: dict[Path, set[str]]) -> Iterator[str]:
    for tag, address in _addresses(page):
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            continue
        folder = path.parent.relative_to(site).as_posix()
        target = site / posixpath.normpath(posixpath.join(folder, unquote(parts.path))) if parts.path else path
        if target.is_dir():
            target /= "index.html"
        if not target.is_file():
            yield f"{tag.name} leads to {address}, which is not there"
        elif parts.fragment and target in anchors and unquote(parts.fragment) not in anchors[target]:
            yield f"{tag.name} leads to {address}, but the page has no such anchor"


def _foreign_resources(page: BeautifulSoup) -> Iterator[str]:
    for tag, address in _addresses(page):
        if tag.name != "a" and "canonical" not in tag.get_attribute_list("rel") and urlsplit(address).netloc:
            yield f"{tag.name} loads {address} from elsewhere"
    if page.select(".mermaid"):
        yield "a Mermaid diagram, whose script would be loaded from elsewhere"


def _empty(page: BeautifulSoup) -> Iterator[str]:
    for entry in page.select(".doc-object"):
        heading, contents = entry.select_one(".doc-heading"), entry.select_one(":scope > .doc-contents")
        if contents is None or not contents.select_one(":scope > p"):
            yield f"the entry {heading.get_text(' ', strip=True) if heading else '?'} has no docstring"
    article = page.select_one("article")
    if article is None or len(article.get_text(strip=True)) < 80:
        yield "the page is empty"


def _addresses(page: BeautifulSoup) -> Iterator[tuple[Tag, str]]:
    for tag in page.find_all(list(_ADDRESSES)):
        address = tag.get(_ADDRESSES[tag.name])
        if isinstance(address, str):
            yield tag, address
