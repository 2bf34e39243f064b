"""Movies whose noise is no longer that of a detector: one sentence says why, and the estimate must not be used."""

import re

import numpy as np
import processing
import pytest
from estimates import DETECTOR, Array, active_cells
from processing import Processing

from anscombe_transform import estimate_parameters

pytestmark = pytest.mark.slow

LEFT, LOWER = np.s_[:, :, :56], np.s_[:, 48:]
NO_BRIGHTNESS = "range of brightness|hardly differ|falls with intensity|some parts of the image"
ODD_ROWS, ODD_COLUMNS = np.s_[:, 1::2], np.s_[:, :, 1::2]

PROCESSED: dict[str, tuple[Processing, str]] = {
    "mean over 3 by 3 pixels": (processing.smoothed([1 / 3] * 3), "neighboring pixels is correlated, by 0.3"),
    "Gaussian filter of half a pixel": (processing.smoothed([0.11, 0.78, 0.11]), "neighboring pixels is correlated"),
    "Gaussian filter of a pixel": (processing.smoothed([0.06, 0.24, 0.4, 0.24, 0.06]), "neighboring pixels is corr"),
    "median of 3 by 3 pixels": (processing.median_filtered, "neighboring pixels is correlated"),
    "shift by half a pixel": (processing.interpolated_in_space, "neighboring pixels is correlated"),
    "twice as large": (processing.enlarged, "neighboring pixels is correlated, by 0.8"),
    "sharpened": (processing.sharpened, "neighboring pixels is correlated, by -"),
    "compressed in blocks": (processing.compressed_in_blocks, "neighboring pixels is correlated"),
    "mean of 2 frames": (processing.averaged(2), "correlate by -?0.0[0-9] instead of -0.50"),
    "mean of 3 frames": (processing.averaged(3), "correlate by -?0.0[0-9] instead of -0.50"),
    "mean of 5 frames": (processing.averaged(5), "correlate by -?0.0[0-9] instead of -0.50"),
    "exponential mean": (processing.recursively_averaged, r"correlate by -0\.[23][0-9] instead of -0\.50"),
    "twice as many frames": (processing.twice_as_many_frames, "consecutive frames is correlated"),
    "main components": (processing.components(15), "consists of a few patterns|consecutive frames is correlated"),
    "square root": (processing.square_root, "does not follow from brightness"),
    "logarithm": (processing.logarithm, "falls with intensity"),
    "dF/F": (processing.relative_change, NO_BRIGHTNESS),
    "dF/F in integers": (processing.relative_change_in_integers, NO_BRIGHTNESS),
    "dF/F of a percentile": (processing.relative_to_a_percentile, NO_BRIGHTNESS),
    "z-score": (processing.z_score, NO_BRIGHTNESS),
    "without background": (processing.without_background, NO_BRIGHTNESS),
    "two detectors side by side": (processing.two_detectors(LEFT), "left half .* (59|60).* right half (39|40)"),
    "two detectors, one above": (processing.two_detectors(LOWER), "upper half .* (40|39).* lower half (60|59|61)"),
    "sharpened with all neighbors": (processing.sharpened_with_all_neighbors, "sums over 8 by 8 pixels has 0.[23]"),
    "two thirds of the components": (processing.components(80), "fewer patterns than there are frames"),
    "corrected for bleaching": (processing.corrected_for_bleaching, "variance of the noise in some frames is 1.[5-9]"),
    "a gain that was changed": (processing.changed_gain(1.6), "variance of the noise in some frames is 1.[4-9]"),
    "two detectors in turn by rows": (processing.two_detectors(ODD_ROWS), "odd rows has 1.[45][0-9] times"),
    "two detectors in turn by columns": (processing.two_detectors(ODD_COLUMNS), "odd columns has 1.[45][0-9] times"),
    "wrapped at 8 bits": (processing.wrapped(8), "wrapped around"),
    "wrapped at 12 bits": (processing.wrapped(12), "wrapped around"),
    "wrapped at 16 bits": (processing.wrapped(16), "wrapped around"),
}


def reason(movie: Array) -> str:
    """Return why an estimate must not be used, or why there is none."""
    try:
        return estimate_parameters(movie).unusable or ""
    except ValueError as error:
        return " ".join([str(error), *getattr(error, "__notes__", [])])


@pytest.mark.parametrize("name", PROCESSED)
def test_an_estimate_of_a_processed_movie_says_that_it_is_unusable(name: str) -> None:
    process, words = PROCESSED[name]
    found = reason(process(active_cells().astype(np.float64)))
    assert re.search(words, found), found


HARMLESS: dict[str, Processing] = {
    "nothing": lambda movie: movie,
    "sums of 2 by 2 pixels": lambda movie: movie.reshape(len(movie), 48, 2, 56, 2).sum(axis=(2, 4)),
    "means of 4 frames each": lambda movie: movie.reshape(30, 4, 96, 112).mean(axis=1),
    "scaled": lambda movie: 0.01 * movie - 3,
    "stretched to 8 bits": lambda movie: ((movie - movie.min()) * (255 / np.ptp(movie))).astype(np.uint8),
    "cropped and turned": lambda movie: movie[:, 10:, ::-1].transpose(0, 2, 1),
    "every third frame": lambda movie: movie[::3],
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_leaves_noise_independent_and_on_a_line_gets_no_warning(name: str) -> None:
    estimate = estimate_parameters(HARMLESS[name](active_cells().astype(np.float64)))
    assert estimate.unusable is None
    assert estimate.warnings == ()


def test_a_little_correlation_is_told_but_does_no_harm() -> None:
    """As much as slow detectors and exponential means of almost one frame make."""
    raw = active_cells().astype(np.float64)
    slow = processing.filtered(raw, [0.1, 0.9], 2)
    (sentence,) = estimate_parameters(slow).warnings
    assert sentence.startswith("the noise of neighboring pixels is correlated, by 0.1")
    mean = raw.copy()
    for frame in range(1, len(mean)):
        mean[frame] = 0.9 * mean[frame] + 0.1 * mean[frame - 1]
    (sentence,) = estimate_parameters(mean).warnings
    assert "correlate by -0.45 instead of -0.50" in sentence


TOLD: dict[str, tuple[Processing, str]] = {
    "all but a twelfth of the components": (processing.components(110), "fewer patterns than there are frames"),
    "a gain that was changed a little": (processing.changed_gain(1.2), "variance of the noise in some frames is 1.2"),
    "frames stretched one by one": (processing.stretched_frames, "variance of the noise in some frames is 1.[23]"),
}


@pytest.mark.parametrize("name", TOLD)
def test_what_changes_the_noise_a_little_is_told(name: str) -> None:
    process, words = TOLD[name]
    estimate = estimate_parameters(process(active_cells().astype(np.float64)))
    (sentence,) = estimate.warnings
    assert re.search(words, sentence), sentence
    assert estimate.unusable is None


@pytest.mark.filterwarnings("error")
def test_a_movie_without_noise_in_squares_of_4_pixels_makes_numpy_complain_of_nothing() -> None:
    assert "neighboring pixels is correlated" in reason(processing.enlarged(active_cells(frames=60).astype(np.float64)))


def test_where_the_variance_leaves_the_line_at_an_end_it_is_told() -> None:
    """A detector that becomes less sensitive towards its limit has less noise there."""
    gain, zero = DETECTOR.noise_line
    photons = (active_cells(frames=200).astype(np.float64) - zero) / gain
    bent = zero + gain * np.where(photons < 25, photons, 25 + (photons - 25) * 0.8)
    estimate = estimate_parameters(bent)
    assert any(
        re.match("the noise does not lie on one line: .* below the line (up to|from)", w) for w in estimate.warnings
    )
    assert estimate.unusable is None
