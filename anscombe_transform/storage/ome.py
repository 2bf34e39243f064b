"""What makes images of OME-NGFF 0.5 of the arrays of a recording."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

import numpy as np

from anscombe_transform._optional import require_extra
from anscombe_transform.storage.layout import axis_steps, dimension_names

METADATA_XML = "OME/METADATA.ome.xml"
"""Where bioformats2raw puts the OME-XML of several images."""

_TYPES = {"float32": "float", "float64": "double"} | {
    name: name for name in ("int8", "int16", "int32", "uint8", "uint16", "uint32")
}
"""What OME-XML calls the dtypes that it has."""


def ome_image(
    name: str,
    ndim: int,
    frame_rate: float | None,
    pixel_size: tuple[float, float] | None,
    z_step: float | None,
) -> dict[str, Any]:
    """Return the attributes of a group whose array ``0`` is an OME-NGFF 0.5 image; needs ome-zarr-models.

    Parameters
    ----------
    name : str
        Name of the image.
    ndim : int
        Number of axes: 3, or 4 with planes.
    frame_rate : float or None
        In Hz.
    pixel_size : tuple of float or None
        Height and width of a pixel, in micrometers.
    z_step : float or None
        From plane to plane, in micrometers.

    References
    ----------
    Next-generation file formats (NGFF), version 0.5: https://ngff.openmicroscopy.org/0.5/
    """
    with require_extra("OME-NGFF metadata need ome-zarr-models"):
        from ome_zarr_models.v05.axes import Axis
        from ome_zarr_models.v05.image import ImageAttrs
        from ome_zarr_models.v05.multiscales import Dataset, Multiscale
    steps = axis_steps(frame_rate, pixel_size, z_step)
    units = {"t": "second"} | dict.fromkeys("zyx", "micrometer")
    names = dimension_names(ndim)
    axes = tuple(
        Axis(name=axis, type="time" if axis == "t" else "space", unit=units[axis] if axis in steps else None)
        for axis in names
    )
    scale = [steps.get(axis, 1.0) for axis in names]
    image = Multiscale(axes=axes, datasets=(Dataset.build(path="0", scale=scale, translation=None),), name=name)
    return {"ome": ImageAttrs(multiscales=[image], version="0.5").model_dump(mode="json", exclude_none=True)}


def ome_series(count: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the attributes of a group of several OME-NGFF images, and of the group ``OME`` in it that lists them.

    References
    ----------
    NGFF 0.5, section "bioformats2raw.layout" (transitional): https://ngff.openmicroscopy.org/0.5/
    """
    layout = {"ome": {"version": "0.5", "bioformats2raw.layout": 3}}
    return layout, {"ome": {"version": "0.5", "series": [str(number) for number in range(count)]}}


def ome_xml(
    names: Sequence[str],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    frame_rate: float | None,
    pixel_size: tuple[float, float] | None,
    z_step: float | None,
) -> str | None:
    """Return the OME-XML of several images of one channel each, by which some readers find them.

    Parameters
    ----------
    names : sequence of str
        The name of each image.
    shape : tuple of int
        Of each: frames, height and width; or frames, planes, height and width.
    dtype : dtype
        Of each.
    frame_rate : float or None
        In Hz.
    pixel_size : tuple of float or None
        Height and width of a pixel, in micrometers.
    z_step : float or None
        From plane to plane, in micrometers.

    Returns
    -------
    str or None
        The document; None if OME-XML does not have the dtype.

    References
    ----------
    OME data model, schema of June 2016: http://www.openmicroscopy.org/Schemas/OME/2016-06
    """
    if dtype.name not in _TYPES:
        return None
    sizes = dict(zip(dimension_names(len(shape)), shape, strict=True))
    steps = axis_steps(frame_rate, pixel_size, z_step)
    pixels = {"DimensionOrder": "XYZCT", "Type": _TYPES[dtype.name]}
    pixels |= {f"Size{axis.upper()}": str(sizes.get(axis, 1)) for axis in "xyzct"}
    pixels |= {f"PhysicalSize{axis.upper()}": repr(steps[axis]) for axis in "xyz" if axis in steps}
    if "t" in steps:
        pixels["TimeIncrement"] = repr(steps["t"])
    root = ElementTree.Element("OME", {"xmlns": "http://www.openmicroscopy.org/Schemas/OME/2016-06"})
    for number, name in enumerate(names):
        image = ElementTree.SubElement(root, "Image", {"ID": f"Image:{number}", "Name": name})
        element = ElementTree.SubElement(image, "Pixels", {"ID": f"Pixels:{number}"} | pixels)
        ElementTree.SubElement(element, "Channel", {"ID": f"Channel:{number}:0", "Name": name, "SamplesPerPixel": "1"})
        ElementTree.SubElement(element, "MetadataOnly")
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False)
