"""What the predicting codecs of both Zarr formats share: the fields of their metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from anscombe_transform.codecs.configuration import check_fields
from anscombe_transform.transform.prediction import Predictor

PREDICTING_CODEC_NAME = "photon-predict-v1"
"""The name of the codec in the metadata of arrays."""

FIELDS = frozenset(field.name for field in fields(Predictor))
"""The fields of the metadata that make a predictor."""


def configuration_of(predictor: Predictor) -> dict[str, Any]:
    """Return the fields of a predictor, ready for JSON."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(predictor).items()}


def predictor_of(configuration: Mapping[str, Any], others: frozenset[str] = frozenset()) -> Predictor:
    """Make the predictor that fields of metadata describe, beside these others, or raise TypeError or ValueError."""
    fields_of_all = FIELDS | others
    check_fields(PREDICTING_CODEC_NAME, configuration, needed=fields_of_all, known=fields_of_all)
    return Predictor(**{name: configuration[name] for name in FIELDS})
