"""The codecs of this package in the metadata of arrays."""

from typing import Any

CODECS = ("anscombe-v1", "photon-predict-v1")

NAMES = (*CODECS, "anscombe-transform")
"""What metadata call them: the last is an older name of the first."""


def own_codecs(codecs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return those of this package among the codecs of `zarr.json`, also those within shards."""
    found = []
    for codec in codecs:
        found += [codec] if codec["name"] in NAMES else own_codecs(codec.get("configuration", {}).get("codecs", []))
    return found
