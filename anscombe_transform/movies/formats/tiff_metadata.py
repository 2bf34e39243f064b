"""Frame rate and pixel size of a TIFF file, from the metadata of OME, ImageJ, ScanImage and plain TIFF."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

from anscombe_transform.movies.units import frame_rate, pixel_size, positive

_RESOLUTION_UNITS = {2: "inch", 3: "cm", 4: "mm", 5: "um"}

_LARGEST_PIXEL = 30.0
"""In micrometers: larger pixels are those of a screen or printer, such as of 72 or 300 dpi, not of a microscope."""


def read_metadata(tif: Any, series: int, axes: str, time: str) -> tuple[float | None, tuple[float, float] | None]:
    """Return the frame rate in Hz and the size of a pixel along y and x in micrometers, each None if unknown.

    Parameters
    ----------
    tif : TiffFile
        The open file.
    series : int
        Which series of it.
    axes : str
        The letters of the axes that are longer than 1.
    time : str
        Which of them is the time.
    """
    rate, size = None, None
    if tif.is_ome:
        rate, size = _of_ome(tif.ome_metadata, series)
    elif tif.is_imagej:
        rate, size = _of_imagej(tif)
    elif tif.is_scanimage or scanimage_text(tif):
        rate, size = _of_scanimage(tif, axes)
    return (None if time in ("Z", "C") else rate), size or _of_tags(tif)


def _of_ome(xml: str, series: int) -> tuple[float | None, tuple[float, float] | None]:
    images = [image for image in ElementTree.fromstring(xml) if image.tag.endswith("}Image")]
    pixels = [element for image in images[series : series + 1] for element in image if element.tag.endswith("}Pixels")]
    if not pixels:
        return None, None
    found = pixels[0].attrib
    return (
        frame_rate(found.get("TimeIncrement"), found.get("TimeIncrementUnit", "s")),
        pixel_size(
            found.get("PhysicalSizeY"),
            found.get("PhysicalSizeX"),
            found.get("PhysicalSizeYUnit", "um"),
            found.get("PhysicalSizeXUnit", "um"),
        ),
    )


def _of_imagej(tif: Any) -> tuple[float | None, tuple[float, float] | None]:
    found = tif.imagej_metadata or {}
    rate = frame_rate(found.get("finterval"), found.get("tunit", "s")) or positive(found.get("fps"))
    unit = found.get("unit")
    y, x = _lengths(tif)
    size = pixel_size(y, x, unit, found.get("yunit", unit))
    return rate, size if str(unit).strip().lower() not in ("cm", "inch") else _plausible(size)


def _of_tags(tif: Any) -> tuple[float, float] | None:
    unit = _RESOLUTION_UNITS.get(tif.pages[0].tags.valueof(296, 2))
    return _plausible(pixel_size(*_lengths(tif), unit, unit))


def _lengths(tif: Any) -> tuple[float | None, float | None]:
    """Return the length of a pixel along y and x, whose inverse the tags give; 1/1 means that it is unknown."""
    y, x = (tif.pages[0].tags.valueof(code) for code in (283, 282))
    if not y or not x or tuple(y) == tuple(x) == (1, 1) or not all((*y, *x)):
        return None, None
    return y[1] / y[0], x[1] / x[0]


def _plausible(size: tuple[float, float] | None) -> tuple[float, float] | None:
    return size if size is not None and max(size) < _LARGEST_PIXEL else None


def scanimage_text(tif: Any) -> str:
    """Return the settings that ScanImage wrote, one on each line, or an empty text if other software wrote the file."""
    tags = tif.pages[0].tags
    texts = [text for code in (305, 270) if isinstance(text := tags.valueof(code), str)]
    settings = "\n".join(texts)
    return settings if re.search(r"^(SI\.|state\.|scanimage\.SI)", settings, re.MULTILINE) else ""


def scanimage_shape(tif: Any, pages: int) -> tuple[str, tuple[int, ...]]:
    """Return the axes before Y and X, and their lengths, of pages in the order in which ScanImage writes them.

    Within a volume, the planes of a fast stack follow each other; within a plane, the channels.
    """
    settings = scanimage_text(tif)
    saved = _setting(settings, "channelSave|channelsSave") or ""
    channels = len(re.findall(r"\d+", saved)) or len(re.findall(r"\.savingChannel\d+ *= *1", settings)) or 1
    stack = _setting(settings, r"SI\.hStackManager\.enable") or _setting(settings, r"SI\.hFastZ\.enable")
    planes = 1
    if stack in ("true", "1") and _setting(settings, r"SI\.hStackManager\.framesPerSlice") in (None, "1"):
        names = ("numFramesPerVolumeWithFlyback", "numFramesPerVolume", "actualNumSlices", "numSlices")
        found = (positive(_setting(settings, rf"SI\.(?:hStackManager|hFastZ)\.{name}")) for name in names)
        planes = int(next((number for number in found if number), 1))
    if pages % (channels * planes):
        planes = 1  # the settings are those of another acquisition, or the last volume is not whole
    if pages % channels:
        raise ValueError(f"it has {pages} pages, which are not a multiple of {channels} channels")
    return "TZC", (pages // (channels * planes), planes, channels)


def _of_scanimage(tif: Any, axes: str) -> tuple[float | None, tuple[float, float] | None]:
    settings = scanimage_text(tif)
    volumes = positive(_setting(settings, r"SI\.hRoiManager\.scanVolumeRate")) if "Z" in axes else None
    frames = positive(
        _setting(settings, r"SI\.hRoiManager\.scanFrameRate|scanimage\.SI\d?\.scanFrameRate|state\.acq\.frameRate")
    )
    averaged = positive(_setting(settings, r"SI\.hScan2D\.logAverageFactor")) or 1.0
    rate = volumes or (frames / averaged if frames and "Z" not in axes else None)
    corners = re.findall(r"[-+.\deE]+", _setting(settings, r"SI\.hRoiManager\.imagingFovUm") or "")
    if len(corners) != 8 or _setting(settings, r"SI\.hRoiManager\.mroiEnable") in ("true", "1"):
        return rate, None
    x, y = ([float(number) for number in corners[i::2]] for i in (0, 1))
    page = tif.pages[0]
    return rate, pixel_size((max(y) - min(y)) / page.imagelength, (max(x) - min(x)) / page.imagewidth, "um", "um")


def _setting(settings: str, name: str) -> str | None:
    found = re.search(rf"(?:^|\.)(?:{name}) *= *(.*?)\s*$", settings, re.MULTILINE)
    return found[1] if found else None
