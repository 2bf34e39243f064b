"""What the predicting codecs of both Zarr formats share: the fields of their metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from anscombe_transform.transform.parameters import shown
from anscombe_transform.transform.prediction import PREDICTED_DTYPES, Predictor

PREDICTING_CODEC_NAME = "photon-predict-v1"
"""The name of the codec in the metadata of arrays."""

FIELDS = frozenset(field.name for field in fields(Predictor))
"""The fields of the metadata that make a predictor."""


def configuration_of(predictor: Predictor) -> dict[str, Any]:
    """Return the fields of a predictor, ready for JSON."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(predictor).items()}


def check_fields(configuration: Mapping[str, Any], needed: frozenset[str]) -> None:
    """Raise ValueError if a field of the metadata is missing or unknown."""
    if missing := needed - configuration.keys():
        raise ValueError(
            f"{PREDICTING_CODEC_NAME} metadata lack {' and '.join(sorted(missing))}: {shown(dict(configuration))}"
        )
    if unknown := configuration.keys() - needed:
        raise ValueError(
            f"{PREDICTING_CODEC_NAME} metadata have an unknown field, {min(map(shown, unknown))}: "
            "a newer version of anscombe-transform may have written them"
        )


def predictor_of(configuration: Mapping[str, Any]) -> Predictor:
    """Make the predictor that fields of metadata describe, or raise TypeError or ValueError."""
    return Predictor(**{name: configuration[name] for name in FIELDS})


def check_dtype(name: str) -> None:
    """Raise ValueError if codes of a dtype cannot be predicted."""
    if name not in PREDICTED_DTYPES:
        raise ValueError(
            f"codes of dtype {shown(name)} cannot be predicted, only those of {', '.join(PREDICTED_DTYPES)}: "
            "choose one of these as encoded_dtype, or leave the prediction out"
        )
