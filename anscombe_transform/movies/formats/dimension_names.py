"""What the names that files give to their axes mean: a letter for each."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

_NAMES = {
    "T": "t time times timestamp timestamps frame frames framenumber frameindex framecount frameid nframes numframes "
    "timepoint timepoints timepointindex timeindex timestep timelapse image images imagenumber img",
    "C": "c ch channel channels channelname channelindex nchannels wavelength wavelengths lambda color colour",
    "Z": "z plane planes planeindex slice slices zslice zslices zstack zplane zplanes depth section sections focus",
    "Y": "y row rows height line lines ypixel ypixels ypix ysize ny ydim latitude lat",
    "X": "x column columns col cols width xpixel xpixels xpix xsize nx xdim longitude lon",
    "P": "p position positions pos fov fovs field fields scene scenes site sites stage stageposition tile tiles",
}
_LETTERS = {name: letter for letter, names in _NAMES.items() for name in names.split()}

_NO_NAME = re.compile(r"((phony)?dim(ension)?|axis|ax|d)\d+|unknown|none|null|other|q|")
"""What xarray, netCDF and others write where nobody gave a name."""


def letters_of(names: Sequence[object]) -> str:
    """Return a letter for each of the axes of a file by their names.

    These are T for time, C for channels, Z for planes, Y, X, and P for positions; another letter, if possible of the
    name, for what has any other name; and Q where there is none. Of images whose axes have no names, the last two are
    Y and X.
    """
    found: list[str | None] = []
    for name in names:
        text = "" if name is None else re.sub(r"[\W_]", "", str(name).lower())
        found.append("Q" if _NO_NAME.fullmatch(text) else _LETTERS.get(text))
    free = [letter for letter in string.ascii_uppercase if letter not in {*found, *"TCZYXPQ"}]
    letters = ""
    for name, letter in zip(names, found, strict=True):
        if letter is None:
            wanted = [own for own in str(name).upper() if own in free] or free or ["Q"]
            letter = wanted[0]
            free = [other for other in free if other != letter]
        letters += letter
    return letters[:-2] + "YX" if letters.endswith("QQ") and not {*"YX"} & {*letters} else letters
