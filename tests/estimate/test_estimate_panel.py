"""The estimate on simulated movies of which the truth is known, of every condition in `panel`."""

from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context

import numpy as np
import pytest
from panel import CONDITIONS, Result, estimated

pytestmark = pytest.mark.slow

SEEDS = range(3)


@pytest.fixture(scope="module")
def results() -> dict[str, list[Result]]:
    names, seeds = zip(*product(CONDITIONS, SEEDS), strict=True)
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        results = list(pool.map(estimated, names, seeds))
    return {name: results[i * len(SEEDS) : (i + 1) * len(SEEDS)] for i, name in enumerate(CONDITIONS)}


@pytest.mark.parametrize("name", CONDITIONS)
def test_the_gain_is_within_3_percent_and_the_zero_level_within_0_3_photons(
    results: dict[str, list[Result]], name: str
) -> None:
    assert max(abs(result.gain) for result in results[name]) < 0.03
    assert max(abs(result.zero) for result in results[name]) < 0.3


@pytest.mark.parametrize("name", CONDITIONS)
def test_raw_movies_get_no_warning(results: dict[str, list[Result]], name: str) -> None:
    assert [(*result.warnings, result.unusable) for result in results[name]] == [(None,)] * len(SEEDS)


def test_the_standard_errors_cover_the_truth_about_as_often_as_they_claim(results: dict[str, list[Result]]) -> None:
    of_steady_scenes = [result for name in CONDITIONS if "motion" not in name for result in results[name]]
    in_errors = np.abs([(r.gain / r.gain_error, r.zero / r.zero_error) for r in of_steady_scenes])
    assert 0.55 < np.mean(in_errors < 1) < 0.85
    assert np.mean(in_errors < 2) > 0.88
