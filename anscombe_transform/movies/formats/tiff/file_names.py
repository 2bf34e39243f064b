"""What the names of files tell: which are channels or planes, and which follow each other in time.

Names are alike if they differ in numbers alone. A number is a channel, a plane or a position if the word before it says
so, as in ``Ch1``, ``_z002`` or ``Pos0``, and a setting if a unit follows it, as in ``920nm``. Numbers with a point are
decimal ones, such as ``0.05``, where they cannot be two numbers each. Of the other numbers only one may differ from
file to file, and is the time. Everything else may be several recordings: an error shows the groups that were seen, and
how to give one.
"""

from __future__ import annotations

import fnmatch
import glob
import math
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from anscombe_transform._formatting import listed

_Integers = npt.NDArray[np.int64]

_NUMBER = re.compile(
    r"(?P<letter>(?<![A-Za-z])[wW])(?P<wave>[0-9]+)(?:[A-Za-z][A-Za-z0-9 -]*)?(?=[_.]|$)"  # w1GFP of MetaMorph
    r"|(?<=Chan)(?P<capital>[A-D])(?![A-Za-z])"  # ChanA of ThorImage
    r"|(?P<digits>[0-9]+)"
)

_NUMBER_OR_DECIMAL = re.compile(
    r"(?<![0-9])(?<![0-9]\.)(?P<whole>[0-9]+)\.(?P<fraction>[0-9]+)(?!\.?[0-9])|" + _NUMBER.pattern
)
"""The same, but a number with one point in it is a decimal one."""

_WORDS = {
    **dict.fromkeys(("ch", "chan", "channel", "wavelength", "pmt", "cam", "camera", "detector"), "C"),
    **dict.fromkeys(("plane", "slice", "depth", "zplane", "zslice"), "Z"),
    **dict.fromkeys(
        ("pos", "position", "xy", "fov", "field", "site", "tile", "well", "region", "roi", "stage", "series"), "P"
    ),
    **dict.fromkeys(("session", "day", "week", "date", "mouse", "rat", "fish", "fly", "animal", "subject"), "P"),
    **dict.fromkeys(("cell", "dish", "plate", "sample", "layer", "view", "angle", "power", "zoom"), "P"),
}
"""What the number after a word is: a channel, a plane, or a position or another recording."""

_UNIT = re.compile(r"([ _]?([kMmu\u00b5\u03bc]?Hz|[mun\u00b5\u03bc][mWMLlg]|[mk]V|dB|degC?)|[xCVW%])(?![A-Za-z0-9])")
"""What follows the number of a setting, such as 920nm, 10mW, or 2x, which is another one in each recording."""

_LETTERS = {"c": "C", "z": "Z", "s": "P", "p": "P"}
"""The same for single letters, which have to be next to the number."""

_PROJECTION = re.compile(r"(MAX|AVG|SUM|STD|MED|MIN)_")
"""How ImageJ names a projection of a stack."""

_SUFFIX = re.compile(r"(\.ome)?\.(tiff?|btf|tf8|tf2|lsm|stk)$", re.IGNORECASE)

_FIRST = -1
"""The number of a file without a number that comes before those with one."""


@dataclass(frozen=True)
class _Number:
    value: int
    """Of a decimal number, without the point."""
    digits: int
    """How many digits it is written with, before the point."""
    word: str
    """The number with the word before it, such as Ch1."""
    role: str
    """C, Z or P, or an empty text if neither the word before it nor the unit after it tells."""
    fraction: str = ""
    """The digits after the point."""
    places: int = 0
    """How many digits of the value are after the point."""


@dataclass(frozen=True)
class _Name:
    template: str
    """The name with a zero character in the place of each number."""
    numbers: tuple[_Number, ...]


@dataclass(frozen=True, eq=False)
class Order:
    """The order in which files make a recording."""

    files: _Integers
    """The numbers of the files, along time, plane and channel; -1 for one that is not there."""
    absent: tuple[str, ...] = ()
    """The names of the files that are not there."""
    channels: tuple[str, ...] = ()
    """The names of the channels, if the names of the files tell channels."""
    left_out: tuple[int, ...] = ()
    """The numbers of files that are projections of the others."""
    notes: tuple[str, ...] = ()


def order_of(
    paths: Sequence[Path], images: Callable[[int], int], *, as_given: bool = False, absent: Sequence[Path] = ()
) -> Order:
    """Return the order in which files make a recording.

    Parameters
    ----------
    paths : sequence of Path
        The files, or the first ones of sets of files.
    images : callable
        Returns how many images a file has, by its number.
    as_given : bool, default False
        The files follow each other in time as they are given, unless that is alphabetically: channels and planes are
        told by their names all the same.
    absent : sequence of Path
        Further files that belong to these, and are not there.

    Raises
    ------
    ValueError
        If they may be several recordings; it shows the groups of files, and patterns that match one of them.
    """
    absent = () if as_given else absent
    names = _names([*paths, *absent], as_given=as_given)
    groups: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        groups.setdefault(name.template, []).append(number)
    there = {template: own for template, group in groups.items() if (own := [i for i in group if i < len(paths)])}
    left_out = _projections(there, images)
    if as_given:
        _refuse_projections(paths, left_out)
        if len(groups) > 1:
            return _in_a_row(paths, names)
    for template in {names[number].template for number in left_out}:
        del groups[template]
    _join_first_parts(names, groups)
    if len(groups) > 1:
        raise several(paths, [*groups.values()], "whose names differ in words")
    (members,) = groups.values()
    alike = _Alike(paths, [path.name for path in absent], [names[member] for member in members], members)
    return alike.as_given() if as_given else alike.by_numbers(images, left_out)


def _without_folder(paths: Sequence[Path]) -> list[str]:
    """Return the names of files without their suffixes, and with the folders that are not common to all."""
    parts = [path.parts for path in paths]
    common = next((i for i, part in enumerate(zip(*parts, strict=False)) if len({*part}) > 1), len(parts[0]) - 1)
    return [_SUFFIX.sub("", "/".join(part[common:])) for part in parts]


def _names(paths: Sequence[Path], *, as_given: bool) -> list[_Name]:
    """Return the names of files with their numbers, which are decimal ones where they cannot be two numbers each."""
    texts = _without_folder(paths)
    names = [_parsed(text, _NUMBER_OR_DECIMAL) for text in texts]
    groups: dict[str, list[_Name]] = {}
    for name in names:
        groups.setdefault(name.template, []).append(name)
    columns = {
        (template, i): column
        for template, group in groups.items()
        for i, column in enumerate(zip(*(name.numbers for name in group), strict=True))
        if any(number.fraction for number in column)
    }
    decided = {place: _are_decimals(column) for place, column in columns.items()}
    unsure = [place for place, answer in decided.items() if answer is None]
    if unsure and not as_given and True not in decided.values():
        words = listed([*dict.fromkeys(number.word for number in columns[unsure[0]])], 3)
        raise ValueError(
            f"{_folder(paths)} has files whose names differ in {words}, which may be decimal numbers or two numbers "
            "each: give a list of the files in the order of time"
        )
    if not unsure and True not in decided.values():
        return [_parsed(text, _NUMBER) for text in texts]
    places = {place: max(len(number.fraction) for number in column) for place, column in columns.items()}
    return [
        replace(
            name,
            numbers=tuple(
                _to_places(number, places.get((name.template, i), 0)) for i, number in enumerate(name.numbers)
            ),
        )
        for name in names
    ]


def _to_places(number: _Number, places: int) -> _Number:
    """Return a number as one with a number of digits after the point."""
    if not places:
        return number
    whole = str(number.value)
    return replace(number, value=int(whole + number.fraction.ljust(places, "0")), places=places)


def _are_decimals(column: Sequence[_Number]) -> bool | None:
    """Return whether numbers with points are decimal ones, or two numbers each; None if that cannot be told.

    What ends with 0, as 1.10 does, is rather two numbers, and what begins with 0 after the point, as 0.05 does, one.
    """
    pairs = sorted({(number.value, number.fraction) for number in column})
    fractions = [fraction for _, fraction in pairs]
    if len({*map(len, fractions)}) == 1:
        return False  # the order is the same
    decimal = not any(len(fraction) > 1 and fraction[-1] == "0" for fraction in fractions)
    counted = not any(len(fraction) > 1 and fraction[0] == "0" for fraction in fractions)
    values = sorted((float(f"{whole}.{fraction}"), whole, int(fraction or -1)) for whole, fraction in pairs)
    steps = np.diff([value for value, _, _ in values])
    regular = len(values) > 2 and np.allclose(steps, steps[0], rtol=1e-6, atol=0)
    if decimal and (not counted or values[0][1] == 0 or regular):
        return True
    in_order = [value[1:] for value in values]
    return False if (counted and not decimal) or in_order == sorted(in_order) else None


def _parsed(name: str, pattern: re.Pattern[str]) -> _Name:
    template = ""
    numbers = []
    end = 0
    for match in pattern.finditer(name):
        found = match.groupdict()
        template += name[end : match.start()] + (found["letter"] or "")
        digits = found.get("whole") or found["digits"] or found["wave"] or ""
        if found["wave"]:
            numbers.append(_Number(int(digits), len(digits), match[0], "C"))
        else:
            value = int(digits) if digits else ord(found["capital"]) - ord("A") + 1
            word, role = _word(template, match[0])
            unit = "P" if digits and _UNIT.match(name, match.end()) else ""
            numbers.append(_Number(value, len(digits), word, role or unit, found.get("fraction") or ""))
        template += "\0"
        end = match.end()
    return _Name(template + name[end:], tuple(numbers))


def _word(before: str, number: str) -> tuple[str, str]:
    """Return a number with the word before it, and what the word says that it is."""
    found = re.search(r"([A-Za-z]+)([ _.-]?)$", before)
    if found is None:
        return number, ""
    word = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", found[1])[-1]
    if len(word) > 1:
        return word + found[2] + number, _WORDS.get(word.lower(), "")
    alone = not found[2] and word == found[1]
    return word + found[2] + number, _LETTERS.get(word.lower(), "") if alone else ""


def _projections(groups: dict[str, list[int]], images: Callable[[int], int]) -> tuple[int, ...]:
    """Return the files that are projections of others, by their names, and because they are single images of stacks."""
    found: list[int] = []
    for template, members in groups.items():
        if match := _PROJECTION.match(template):
            rest = template[match.end() :]
            originals = [i for other, own in groups.items() if other.startswith(rest) for i in own]
            if originals and all(images(i) == 1 for i in members) and all(images(i) > 1 for i in originals):
                found += members
    return tuple(found)


def _refuse_projections(paths: Sequence[Path], numbers: Sequence[int]) -> None:
    """Raise ValueError if files of a list are projections of others."""
    names = {path.name for path in paths}
    found = {paths[number].name for number in numbers}
    found |= {name for name in names if (match := _PROJECTION.match(name)) and name[match.end() :] in names}
    if found:
        raise ValueError(f"{listed(sorted(found))} are projections of other files, by their names: leave them out")


def _join_first_parts(names: list[_Name], groups: dict[str, list[int]]) -> None:
    """Let a file without a number, such as rec.tif, be the first one of those with a number, such as rec-001.tif."""
    parts: dict[str, list[str]] = {}
    for template in groups:
        for first in _first_parts(template):
            if first in groups:
                parts.setdefault(first, []).append(template)
    for first, longer in parts.items():
        if len(longer) == 1 and longer[0] in groups:
            for number in groups.pop(first):
                names[number] = _Name(longer[0], (*names[number].numbers, _Number(_FIRST, 0, "", "")))
                groups[longer[0]].append(number)


def _first_parts(template: str) -> set[str]:
    """Return the names that the first of several parts may have, such as rec for rec-001, rec_X2 and rec-file002."""
    found = set()
    if template.endswith("\0"):
        for letters in range(6):
            rest = template[: -1 - letters]
            if template[len(rest) : -1].isalpha() or not letters:
                found |= {rest, rest.rstrip(" _.-")}
    return found


_SORTED = "The files were sorted by the numbers in their names: 2 comes before 10"


def _natural(name: _Name) -> list[str | int]:
    """Return the key by which scan_2 is sorted before scan_10."""
    first, *pieces = name.template.split("\0")
    numbers = (number.value for number in name.numbers)
    return [first, *(part for pair in zip(numbers, pieces, strict=True) for part in pair)]


def _is_alphabetical(paths: Sequence[Path]) -> bool:
    """Return whether paths are in the order in which a shell lists them."""
    texts = [str(path) for path in paths]
    return texts == sorted(texts)


def _in_a_row(paths: Sequence[Path], names: Sequence[_Name]) -> Order:
    """Return files of different words as they were given, or by their numbers if that was alphabetically.

    Names that differ in numbers alone have to be next to each other for that: in hexadecimal numbers, 0f is before 10.
    """
    given = [*range(len(paths))]
    runs = [template for template, _ in groupby(name.template for name in names)]
    by_numbers = _is_alphabetical(paths) and len({*runs}) == len(runs)
    order = sorted(given, key=lambda i: _natural(names[i])) if by_numbers else given
    return Order(np.array(order).reshape(-1, 1, 1), notes=(_SORTED,) if order != given else ())


_GAPS = "The numbers in the names of the files do not follow each other: some may be missing"


class _Alike:
    """Files whose names differ in numbers alone."""

    def __init__(self, paths: Sequence[Path], absent: list[str], names: list[_Name], members: list[int]) -> None:
        self._paths = paths
        self._absent = absent
        self._names = names
        self._members = members
        self._model = max(names, key=lambda name: [number.value for number in name.numbers][-1:])
        self._columns = [[name.numbers[i].value for name in names] for i in range(len(self._model.numbers))]
        varying = [i for i, column in enumerate(self._columns) if len({*column}) > 1]
        roles = [number.role for number in self._model.numbers]
        self._channels, self._planes, self._others = ([i for i in varying if roles[i] == role] for role in "CZP")
        self._times = [i for i in varying if not roles[i]]

    def by_numbers(self, images: Callable[[int], int], left_out: tuple[int, ...]) -> Order:
        """Return the order that the numbers in the names tell."""
        single = all(images(member) == 1 for member in self._members if member < len(self._paths))
        stamps = [i for i in self._stamps() if i in self._times]
        if self._others:
            raise self._several(self._others, "whose names differ in positions or recordings")
        self._check_axes()
        if stamps and not single:
            raise self._several(stamps, "whose names differ in dates or times")
        if first := self._single_first(images):
            raise several(self._paths, first, "of which one is a single image and has a name without a number")
        if len(self._times) > 1 and not (single and self._rise_together()):
            raise self._several(self._times[:-1], "whose names differ in several numbers")
        keys = self._keys(self._times)
        slots = sorted({*keys})
        notes = []
        if len(self._times) == 1 and not stamps:
            missing = self._gaps()
            if len(missing) <= len(slots):
                slots = sorted([*slots, *((number,) for number in missing)])
            else:
                notes.append(_GAPS)
        if left_out:
            names = listed([self._paths[number].name for number in left_out])
            notes.append(f"Left out: {names}, by their names projections of the other files")
        return self._grid(keys, slots, self._times, left_out, tuple(notes))

    def as_given(self) -> Order:
        """Return the order in which the files were given, apart for each channel and plane.

        If it is alphabetical, as that of a shell is, the numbers tell the order: scan_2 comes before scan_10.
        """
        self._check_axes()
        images = self._keys([*self._channels, *self._planes])
        given = sorted(range(len(images)), key=images.__getitem__)
        order = sorted(given, key=lambda i: (images[i], _natural(self._names[i])))
        notes = []
        if order != given:
            if _is_alphabetical(self._paths):
                notes.append(_SORTED)
                self._names[:] = [self._names[i] for i in order]
                self._members[:] = [self._members[i] for i in order]
                self._columns[:] = [[column[i] for i in order] for column in self._columns]
            else:
                notes.append("The files follow each other as they were given, not by the numbers in their names")
        if len(self._times) == 1 and not self._stamps() and self._gaps():
            notes.append(_GAPS)
        counts: dict[tuple[int, ...], int] = {}
        keys: list[tuple[int, ...]] = []
        for key in self._keys([*self._planes, *self._channels]):
            keys.append((counts.setdefault(key, 0),))
            counts[key] += 1
        return self._grid(keys, [(i,) for i in range(max(counts.values()))], [], (), tuple(notes))

    def _gaps(self) -> list[int]:
        """Return the numbers that are missing between those of the files, of which one counts the files."""
        (column,) = self._times
        numbers = sorted({*self._columns[column]})
        return _missing(numbers, padded=self._width(column) > 1)

    def _width(self, column: int) -> int:
        """Return with how many digits the smallest numbers in a column are written; none are if these are letters."""
        return min((name.numbers[column].digits for name in self._names if name.numbers[column].value >= 0), default=0)

    def _keys(self, columns: list[int]) -> list[tuple[int, ...]]:
        """Return some of the numbers of each file."""
        return [*zip(*(self._columns[i] for i in columns), strict=True)] if columns else [()] * len(self._names)

    def _check_axes(self) -> None:
        """Raise ValueError if several numbers are channels, or planes: which of them is, is not known."""
        if len(self._channels) > 1 or len(self._planes) > 1:
            why = "whose names differ in several channels or planes"
            raise self._several([*self._channels, *self._planes], why, can_be_joined=False)

    def _several(self, columns: list[int], why: str, *, can_be_joined: bool = True) -> ValueError:
        groups: dict[tuple[int, ...], list[int]] = {}
        for member, key in zip(self._members, self._keys(columns), strict=True):
            groups.setdefault(key, []).append(member)
        return several(self._paths, [*groups.values()], why, can_be_joined=can_be_joined)

    def _single_first(self, images: Callable[[int], int]) -> list[list[int]]:
        """Return a file without a number and the others, if it is a single image and they are stacks."""
        numbers = [name.numbers[-1].value if name.numbers else 0 for name in self._names]
        first = [member for member, number in zip(self._members, numbers, strict=True) if number == _FIRST]
        others = [member for member in self._members if member not in first and member < len(self._paths)]
        odd = first and all(images(i) == 1 for i in first) and all(images(i) > 1 for i in others)
        return [first, others] if odd else []

    def _rise_together(self) -> bool:
        """Return whether the numbers rise together, as a counter and a time do."""
        rows = sorted({*self._keys(self._times)})
        return all(one < other for before, after in pairwise(rows) for one, other in zip(before, after, strict=True))

    def _stamps(self) -> list[int]:
        """Return which numbers are dates, or times of a day."""
        digits = [0 if number.places else number.digits for number in self._model.numbers]
        found: list[int] = []
        for i in range(len(digits)):
            own, three = {*self._columns[i]}, digits[i : i + 3]
            if i in found:
                continue
            if digits[i] == 8 and _are(own, 8, "%Y%m%d"):
                found.append(i)
            elif three == [4, 2, 2] or (three == [2, 2, 2] and i - 1 in found):
                together = {(a * 100 + b) * 100 + c for a, b, c in self._keys([i, i + 1, i + 2])}
                if _are(together, sum(three), "%Y%m%d" if three[0] == 4 else "%H%M%S"):
                    found += [i, i + 1, i + 2]
            elif digits[i] == 6 and min(own) > 1000 + len(own) and any(_are(own, 6, form) for form in _SIX_DIGITS):
                found.append(i)
        return found

    def _grid(
        self,
        times: list[tuple[int, ...]],
        slots: list[tuple[int, ...]],
        columns: list[int],
        left_out: tuple[int, ...],
        notes: tuple[str, ...],
    ) -> Order:
        """Return the order of files, whose times are among `slots`, which are the numbers in some columns."""
        planes, channels = self._keys(self._planes), self._keys(self._channels)
        axes = [slots, sorted({*planes}), sorted({*channels})]
        number_of = [{key: number for number, key in enumerate(axis)} for axis in axes]
        files = np.full([len(axis) for axis in axes], -1)
        for member, *own in zip(self._members, times, planes, channels, strict=True):
            place = tuple(numbers[key] for numbers, key in zip(number_of, own, strict=True))
            if files[place] >= 0:
                names = " and ".join(self._paths[i].name for i in (files[place], member))
                raise ValueError(f"{names} have the same number in their names: give one of them")
            files[place] = member
        absent = []
        for place in map(tuple, np.argwhere((files < 0) | (files >= len(self._paths))).tolist()):
            member = int(files[place])
            if member >= 0:
                absent.append(self._absent[member - len(self._paths)])
                continue
            keys = [axis[number] for axis, number in zip(axes, place, strict=True)]
            values = dict(zip([*self._planes, *self._channels], [*keys[1], *keys[2]], strict=True))
            absent.append(self._written(values | dict(zip(columns, keys[0], strict=False))))
        words = {}
        for i in self._channels:
            words = {name.numbers[i].value: name.numbers[i].word for name in self._names}
        return Order(
            np.where(files < len(self._paths), files, -1),
            tuple(absent),
            tuple(words[key] for key in sorted(words)),
            left_out,
            notes,
        )

    def _written(self, values: dict[int, int]) -> str:
        """Return the name of the file that has these numbers."""
        first, *pieces = self._model.template.split("\0")
        text = first
        for i, (number, piece) in enumerate(zip(self._model.numbers, pieces, strict=True)):
            value = values.get(i, number.value)
            if number.places:
                text += f"{Decimal(value).scaleb(-number.places).normalize():f}" + piece
            else:
                width = self._width(i)
                text += (f"{value:0{width}d}" if width else chr(ord("A") + value - 1)) + piece
        name = self._paths[self._members[0]].name
        return text.rpartition("/")[2] + name[len(_SUFFIX.sub("", name)) :]


_SIX_DIGITS = ("%y%m%d", "%d%m%y", "%m%d%y", "%H%M%S")


def _are(values: set[int], digits: int, form: str) -> bool:
    """Return whether all numbers can be dates or times of a form."""
    try:
        return all(datetime.strptime(f"{value:0{digits}d}", form).year >= 1900 for value in values)
    except ValueError:
        return False


def _missing(numbers: list[int], *, padded: bool) -> list[int]:
    """Return which of the numbers from the first to the last are not among these, which ascend.

    None is missing where they are so far apart that they do not count files, but are times, for example.
    """
    counted = numbers[1:] if numbers[0] == _FIRST else numbers
    steps = [after - before for before, after in pairwise(counted)]
    step = math.gcd(*steps) if len(steps) > 1 else 1
    start = counted[0]
    if len(counted) < len(numbers) and start > (1 if padded else 2):
        start = 1
    if (counted[-1] - start) // step > 10 * len(counted) + 100:
        return []
    return sorted({*range(start, counted[0]), *range(counted[0], counted[-1], step)} - {*counted})


def several(
    paths: Sequence[Path], groups: Sequence[Sequence[int]], why: str, *, can_be_joined: bool = True
) -> ValueError:
    """Return the error that shows groups of files, which may be several recordings, and patterns that match them.

    Parameters
    ----------
    paths : sequence of Path
        All files.
    groups : sequence of sequence of int
        The numbers of the files of each group.
    why : str
        In what the groups differ.
    can_be_joined : bool, default True
        Whether a list of all files would be accepted.
    """
    groups = [there for group in groups if (there := [i for i in group if i < len(paths)])]
    folder = _folder(paths)
    names = [path.name if path.parent == folder else path.absolute().relative_to(folder).as_posix() for path in paths]
    patterns = [_pattern(names, [names[i] for i in group]) for group in groups[:10]]
    shown = [
        f"{pattern or f'{names[group[0]]} and others'} ({len(group)} {'file' if len(group) == 1 else 'files'})"
        for pattern, group in zip(patterns, groups, strict=False)
    ]
    if len(groups) > 10:
        shown.append(f"{len(groups) - 10} more")
    largest = max(range(len(patterns)), key=lambda i: (bool(patterns[i]), len(groups[i])))
    such_as = f", such as {str(folder / patterns[largest])!r}" if patterns[largest] else ""
    return ValueError(
        f"{folder} has files {why}, which may be several recordings: give those of one{such_as}"
        + (", or a list of all that follow each other in time" if can_be_joined else "")
        + f". There are {', '.join(shown)}"
    )


def _folder(paths: Sequence[Path]) -> Path:
    """Return the innermost folder that all files are in."""
    parents = {path.parent for path in paths}
    return parents.pop() if len(parents) == 1 else Path(os.path.commonpath({path.absolute() for path in parents}))


def _pattern(names: Sequence[str], wanted: Sequence[str]) -> str:
    """Return a pattern that matches these names and no others, or an empty text if there is none."""
    if len(wanted) == 1:
        return wanted[0]
    split = [re.split(r"([0-9]+)", name) for name in wanted]
    parts = [*zip(*split, strict=True)] if len({len(own) for own in split}) == 1 else []
    candidates = [
        "".join(glob.escape(part[0]) if len({*part}) == 1 else for_numbers or "[0-9]" * len(part[0]) for part in parts)
        for for_numbers in ("*", "[0-9]*", "")
    ]
    if len({*map(len, wanted)}) == 1:
        places = ["".join(sorted({*place})) for place in zip(*wanted, strict=True)]
        candidates.append("".join(glob.escape(place) if len(place) == 1 else f"[{place}]" for place in places))
    start = _common(wanted)
    end = _common([name[len(start) :][::-1] for name in wanted])[::-1]
    for candidate in (*candidates, f"{glob.escape(start)}*{glob.escape(end)}"):
        matches = re.compile(fnmatch.translate(candidate)).match
        if sum(matches(name) is not None for name in names) == len(wanted) and all(map(matches, wanted)):
            return candidate
    return ""


def _common(names: Sequence[str]) -> str:
    """Return the beginning that all names have."""
    low, high = min(names), max(names)
    return low[: next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))]
