"""What a report measures, what its page shows, and what it refuses."""

import json
import platform
import sys
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import zarr
from matplotlib import colormaps
from matplotlib.image import imread
from zarr.codecs import ZstdCodec

import anscombe_transform
from anscombe_transform import decode, describe, encode, estimate_parameters, open_movie, open_recording
from anscombe_transform.report import excerpt as excerpt_room
from anscombe_transform.report.excerpt import find_regions, read_excerpt
from anscombe_transform.report.report import BETAS, make_report
from anscombe_transform.report.result import Report
from anscombe_transform.report.tradeoff import TradeoffMeter, count_codes
from anscombe_transform.simulate import Detector, Scene, simulate_movie
from anscombe_transform.transform.parameters import Transform

Movie = npt.NDArray[np.int16]

NAME = '<b>mouse&"7'
GUIDE = "https://github.com/datajoint/anscombe-transform/blob/main/docs"
GIVEN: dict[str, Any] = {"zero_level": 80.0, "conversion_gain": 40.0}


class Recording:
    """A movie that knows more than its values, and is sliced along time only."""

    frame_rate = 30.0
    pixel_size = (1.5, 1.0)
    notes = ("Left out: frame 7 < 8 & 9",)

    def __init__(self, values: npt.NDArray[Any], name: str = NAME) -> None:
        self.values, self.shape, self.dtype, self.name = values, values.shape, values.dtype, name
        self.read: list[tuple[int, int]] = []

    def __getitem__(self, index: slice) -> npt.NDArray[Any]:
        assert isinstance(index, slice)
        assert index.step is None
        self.read.append((index.start, index.stop))
        return self.values[index]


class Page(HTMLParser):
    """What a browser makes of a page, as far as the tests ask."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.images: list[dict[str, str | None]] = []
        self.addresses: list[str | None] = []
        self.links: list[str | None] = []
        self.tags: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "img":
            self.images.append(dict(attrs))
        if tag == "a":
            self.links += [value for name, value in attrs if name == "href"]
        else:
            self.addresses += [value for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]

    def handle_data(self, data: str) -> None:
        self.text += data

    def image(self, alt: str) -> npt.NDArray[Any]:
        """Return the pixels of the image whose description starts with `alt`."""
        (source,) = (str(image["src"]) for image in self.images if str(image["alt"]).startswith(alt))
        pixels: npt.NDArray[Any] = imread(BytesIO(b64decode(source.removeprefix("data:image/png;base64,"))))
        return pixels


def text_of(path: Path) -> str:
    """Return what a page says, on one line."""
    return " ".join(Page(path.read_text(encoding="utf-8")).text.split())


@pytest.fixture(scope="module")
def movie() -> Movie:
    movie: Movie = simulate_movie((150, 64, 80), Scene(background=(3, 15), cells=(10, 60)), Detector(read_noise=30))
    return movie


@pytest.fixture(scope="module")
def made(movie: Movie, tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, str]:
    output = tmp_path_factory.mktemp("report") / "report.html"
    report = make_report(Recording(movie), output)
    assert [path.name for path in output.parent.iterdir()] == ["report.html"]
    return report, output.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def report(made: tuple[Report, str]) -> Report:
    return made[0]


@pytest.fixture(scope="module")
def html(made: tuple[Report, str]) -> str:
    return made[1]


def decoded(movie: Movie, report: Report, beta: float) -> npt.NDArray[np.float64]:
    parameters: dict[str, Any] = {
        "zero_level": report.zero_level,
        "conversion_gain": report.conversion_gain,
        "beta": beta,
    }
    codes = encode(movie, **parameters, encoded_dtype="int16")
    return decode(codes, **parameters, decoded_dtype="int16").astype(np.float64)


def noise_of(intensity: npt.NDArray[Any], report: Report) -> npt.NDArray[np.float64]:
    photons = np.maximum(0, (intensity - report.zero_level) / report.conversion_gain)
    noise: npt.NDArray[np.float64] = report.conversion_gain * np.sqrt(photons + 3 / 8)
    return noise


def test_it_uses_the_estimate_and_says_so(movie: Movie, report: Report, html: str) -> None:
    estimate = estimate_parameters(movie)
    assert (report.conversion_gain, report.zero_level) == (estimate.conversion_gain, estimate.zero_level)
    assert report.conversion_gain_error == estimate.conversion_gain_error
    assert [t.beta for t in report.tradeoffs] == list(BETAS)
    assert [t.encoded_dtype for t in report.tradeoffs] == [estimate.codec(beta=beta).encoded_dtype for beta in BETAS]
    for _, value in estimate.table()[:2]:
        assert value in Page(html).text


def test_sizes_are_those_of_arrays_written_by_hand(movie: Movie, report: Report, tmp_path: Path) -> None:
    def size(name: str, filters: list[Any]) -> int:
        array = zarr.create_array(
            tmp_path / name,
            shape=movie.shape,
            chunks=movie.shape,
            dtype=movie.dtype,
            filters=filters,
            compressors=ZstdCodec(level=1),
        )
        array[...] = movie
        return sum(path.stat().st_size for path in (tmp_path / name).rglob("*") if path.is_file())

    assert report.raw_size == movie.nbytes
    assert report.size_without_codec == size("without", [])
    for t in report.tradeoffs:
        assert t.size == size(f"{t.beta}", [estimate_parameters(movie).codec(beta=t.beta)])
        assert t.ratio == pytest.approx(movie.nbytes / t.size)


@pytest.mark.parametrize("i", range(len(BETAS)))
def test_errors_are_those_of_encoding_and_decoding(movie: Movie, report: Report, i: int) -> None:
    t = report.tradeoffs[i]
    error = decoded(movie, report, t.beta) - movie
    relative = error / noise_of(movie, report)
    assert t.noise_added == pytest.approx(relative.var(axis=0, ddof=1).mean())
    assert t.noise_added == pytest.approx(t.beta**2 / 12, rel=0.04)
    assert t.noise_added_in_theory == pytest.approx(t.beta**2 / 12)
    assert t.largest_error == pytest.approx(np.abs(relative).max())
    assert t.offset == pytest.approx(error.mean() / report.conversion_gain)
    assert t.offset == pytest.approx(t.beta**2 / 12, abs=0.01)
    photons = noise_of(np.array(report.intensity), report) / report.conversion_gain
    np.testing.assert_allclose(t.mean_error, t.beta**2 / 12 / photons, atol=0.02)
    np.testing.assert_allclose(t.rms_error, np.hypot(t.beta**2 / 12 / photons, t.beta / np.sqrt(12)), rtol=0.05)


@pytest.mark.parametrize("i", range(len(BETAS)))
def test_correlations_are_those_of_the_traces_with_the_decoded_ones(movie: Movie, report: Report, i: int) -> None:
    t = report.tradeoffs[i]
    back = decoded(movie, report, t.beta)

    def median_and_worst(original: npt.NDArray[Any], decoded: npt.NDArray[Any]) -> npt.NDArray[Any]:
        of_traces = [np.corrcoef(x, y)[0, 1] for x, y in zip(original.T, decoded.T, strict=True)]
        return np.asarray(np.quantile(of_traces, [0.5, 0.05]))

    pixels = median_and_worst(movie.reshape(150, -1), back.reshape(150, -1))
    np.testing.assert_allclose(t.pixel_correlation, pixels, rtol=1e-9)
    regions = find_regions(read_excerpt(movie))
    assert (report.regions, report.region_side) == (len(regions.top), 8) == (20, 8)
    parts = [np.s_[:, y : y + 8, x : x + 8] for y, x in zip(regions.top, regions.left, strict=True)]
    original, after = (np.stack([m[part].mean(axis=(1, 2)) for part in parts], axis=1) for m in (movie, back))
    np.testing.assert_allclose(regions.traces, original)
    np.testing.assert_allclose(t.region_correlation, median_and_worst(original, after), rtol=1e-9)


def test_histogram_counts_each_code(movie: Movie, report: Report) -> None:
    encoded = encode(
        movie, zero_level=report.zero_level, conversion_gain=report.conversion_gain, encoded_dtype="int16", beta=0.5
    )
    codes, count = np.unique(encoded, return_counts=True)
    assert (report.codes.beta, report.codes.width) == (0.5, 1)
    histogram = np.array(report.codes.count)
    np.testing.assert_array_equal(np.flatnonzero(histogram) + report.codes.first, codes)
    np.testing.assert_array_equal(histogram[histogram > 0], count)


def test_many_codes_are_counted_in_groups() -> None:
    excerpt = read_excerpt(np.arange(0, 60_000, 100, dtype=np.uint16).reshape(6, 10, 10))
    histogram = count_codes(excerpt, Transform(0, 1))
    assert histogram.width >= 2
    assert len(histogram.count) <= 128
    assert sum(histogram.count) == 600


def test_the_page_needs_nothing_else(html: str) -> None:
    page = Page(html)
    assert page.images
    assert all(str(address).startswith("data:image/") for address in page.addresses)
    assert all(image["alt"] for image in page.images)
    assert not page.tags & {"script", "link", "iframe", "object"}
    for reference in ("url(", "@import", "http:", "file:", "<svg"):
        assert reference not in html
    assert html.count("https:") == sum(str(link).startswith("https:") for link in page.links) > 0
    assert set(page.links) <= {"#parameters", *(f"{GUIDE}/{name}" for name in ("how-to/beta.md",))}
    assert '<html lang="en">' in html
    assert len(html) < 2_000_000


def test_the_name_is_text_whatever_it_is(html: str) -> None:
    assert NAME not in html
    assert f"Compression report: {NAME}" in Page(html).text


def test_the_page_shows_the_figures(report: Report, html: str) -> None:
    text = " ".join(Page(html).text.split())
    assert "150 frames of 64 \N{MULTIPLICATION SIGN} 80 pixels, int16" in text
    assert "30 Hz" in text
    assert "1.5 \N{MULTIPLICATION SIGN} 1 µm" in text
    assert "all 150 frames" in text
    assert "Note Left out: frame 7 < 8 & 9" in text
    assert report.notes == Recording.notes
    for t in report.tradeoffs:
        assert f"{t.ratio:.2f}" in text
        assert f"{int(t.region_correlation[0] * 1e4) / 1e4:.4f}" in text
    assert "2.1 %" in text


def test_parameters_that_fit_are_said_to_fit_with_figures(movie: Movie, report: Report, html: str) -> None:
    assert report.verdict.fits == "yes"
    usual, saturated, stabilized = report.verdict.sentences
    curve = estimate_parameters(movie).photon_transfer_curve
    promised = report.conversion_gain * (curve.intensity - report.zero_level)
    within = float(usual.removesuffix(" % of the line.").rpartition(" ")[2]) / 100
    assert np.average(np.abs(curve.variance / promised - 1) <= within + 0.0005, weights=curve.count) >= 0.95
    assert saturated == "Nothing shows that values are saturated."
    assert stabilized.startswith("After the transform, the noise is 0.99 to 1.0")
    assert report.verdict.summary == (
        "Fit for compression: the variance of the noise is proportional to the light, as for photons (within "
        f"{100 * within:.1f} % for 95 % of the samples), and nothing shows that values are saturated."
    )
    text = " ".join(Page(html).text.split())
    assert report.verdict.summary in text
    assert "Do the parameters fit? Yes. " + " ".join(report.verdict.sentences) in text


def test_where_the_curve_leaves_the_line_and_values_are_saturated_the_page_says_so(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    light = np.broadcast_to(np.linspace(3, 60, 96), (150, 64, 96))
    photons = random.poisson(light)
    signal = 40 * photons * (1 + np.maximum(0, photons - 50) / 500) + random.normal(100, 20, photons.shape)
    movie = np.minimum(signal, 3000).round()
    report = make_report(movie.astype(np.int16), tmp_path / "r.html")
    assert report.verdict.fits == "mostly"
    said = " ".join(report.verdict.sentences)
    values, pixels = int((movie == 3000).sum()), int((movie == 3000).any(axis=0).sum())
    assert f"{values:,} values in {pixels:,} pixels are saturated, at 3,000 ADU." in said
    assert " % above the line from " in said
    page = text_of(tmp_path / "r.html")
    assert f"Do the parameters fit? For the most part. {said}" in page
    assert report.verdict.summary.startswith("Fit for compression, with reservations: the noise is off the line of ")
    assert f", and {values:,} values in {pixels:,} pixels are saturated" in report.verdict.summary
    assert report.verdict.summary in page
    assert (report.saturation.highest, report.saturation.values, report.saturation.pixels) == (3000, values, pixels)
    assert f"The highest value is 3,000 ADU: {values:,} values in {pixels:,} pixels. Values are cut off there" in page


def test_a_processed_movie_gets_the_verdict_that_they_do_not_fit(movie: Movie, tmp_path: Path) -> None:
    report = make_report((movie[1:].astype(np.float32) + movie[:-1]) / 2, tmp_path / "r.html")
    assert report.verdict.fits == "no"
    assert any("consecutive frames is correlated" in sentence for sentence in report.verdict.sentences)
    assert report.verdict.summary.startswith(
        "Not fit for compression with these parameters: the noise of consecutive frames is correlated"
    )
    page = text_of(tmp_path / "r.html")
    assert report.verdict.summary in page
    assert "Compress the raw movie, as the detector recorded it" in page
    assert "Do the parameters fit? No." in page


def test_a_movie_that_is_not_fit_for_it_gets_no_command(movie: Movie, tmp_path: Path) -> None:
    processed = (movie[1:].astype(np.float32) + movie[:-1]) / 2
    assert make_report(processed, tmp_path / "r.html", max_frames=60).command is None
    page = text_of(tmp_path / "r.html")
    assert "There is no command here, because these parameters do not fit this movie." in page
    assert "compress(movie" not in page


def test_given_parameters_that_are_far_off_are_said_not_to_fit(tmp_path: Path) -> None:
    """The command is there, with a warning: whoever gave them may know better."""
    flat = 100 + 40 * np.random.default_rng(0).poisson(50, (20, 40, 40)).astype(np.float32)
    report = make_report(flat, tmp_path / "r.html", zero_level=100, conversion_gain=10)
    assert report.verdict.fits == "no"
    assert "and should be 1: the parameters do not fit, or the scene moves" in report.verdict.summary
    assert report.command is not None
    page = text_of(tmp_path / "r.html")
    assert "Use them only if you know that they are those of the detector" in page
    assert "Check the parameters that were given" in page


def test_the_frames_before_and_after_are_the_movie_and_what_comes_back(movie: Movie, report: Report, html: str) -> None:
    """The difference has the colors of the scale that goes from -2 to 2 noise standard deviations."""
    page = Page(html)
    regions = find_regions(read_excerpt(movie))
    frame = int(np.argmax(regions.traces[:, 0]))
    assert f"Before: frame {frame}." in " ".join(page.text.split())
    after = decoded(movie, report, 0.5)[frame]
    difference = (after - movie[frame]) / noise_of(movie[frame], report)
    expected = colormaps["RdBu_r"]((difference + 2) / 4)
    np.testing.assert_allclose(page.image("The difference of the two"), expected, atol=1 / 255)
    low, high = np.quantile(movie[frame], [0.005, 0.995])
    for alt, image in (("Frame", movie[frame]), ("The same frame", after)):
        gray = np.clip((image - low) / (high - low), 0, 1)
        np.testing.assert_allclose(page.image(alt)[..., 0], gray, atol=0.01)
    assert f"after \N{MINUS SIGN} before (RMS {np.sqrt((difference**2).mean()):.2f})" in page.text


def test_of_a_large_frame_what_surrounds_the_most_active_region_is_shown(tmp_path: Path) -> None:
    scene = np.broadcast_to(np.linspace(2, 40, 300), (30, 20, 300)).copy()
    scene[10:20, 8:16, 280:288] += 50
    movie = (100 + 40 * np.random.default_rng(0).poisson(scene)).astype(np.int16)
    make_report(movie, tmp_path / "r.html", zero_level=100, conversion_gain=40)
    page = Page((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert page.image("The difference of the two").shape == (20, 256, 4)
    assert "around region 1" in page.text


def test_the_codes_that_the_page_names_hold_what_it_says(movie: Movie, report: Report, html: str) -> None:
    codec: Any = {"zero_level": report.zero_level, "conversion_gain": report.conversion_gain, "encoded_dtype": "uint8"}
    assert report.tradeoffs[1].encoded_dtype == "uint8"
    lowest, highest = report.held
    encode(np.array(report.held), **codec)
    for outside in (np.nextafter(lowest, -np.inf), np.nextafter(highest, np.inf)):
        with pytest.raises(ValueError, match="uint8"):
            encode(np.array([outside]), **codec)
    top = report.saturation
    assert (top.highest, top.values, top.is_cut_off) == (float(movie.max()), int((movie == movie.max()).sum()), False)
    text = " ".join(Page(html).text.split())
    assert f"The highest value is {top.highest:,.0f} ADU: 1 value in 1 pixel. Nothing shows that values are" in text
    assert f"codes of uint8 hold {lowest:.3g} to {highest:,.0f} ADU".replace("-", "\N{MINUS SIGN}") in text


def test_the_lines_of_python_compress_the_movie(
    movie: Movie, report: Report, html: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = make_report(Recording(movie, "mouse 7's.ome.tif"), "r.html").command
    assert command is not None
    exec(command, {"movie": movie})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mouse 7's.zarr", "r.html"]
    array = describe("mouse 7's.zarr")
    found, expected = (
        (x.zero_level, x.conversion_gain, x.beta) for x in (array, estimate_parameters(movie).codec(beta=0.5))
    )
    assert found == pytest.approx(expected, rel=1e-5)
    assert str(report.command) in Page(html).text


def test_the_page_says_when_and_with_what_it_was_made(report: Report, html: str) -> None:
    date = datetime.fromisoformat(report.date)
    assert timedelta(0) <= datetime.now(UTC) - date < timedelta(hours=1)
    assert report.versions == {
        "anscombe-transform": anscombe_transform.__version__,
        "zarr": zarr.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
    text = " ".join(Page(html).text.split())
    assert (
        f"Made on {date:%Y-%m-%d at %H:%M UTC} with anscombe-transform {report.versions['anscombe-transform']}, Zarr "
        in text
    )
    assert f"{GUIDE}/how-to/beta.md" in Page(html).links


def test_the_page_is_light_or_dark_as_the_reader_likes(html: str) -> None:
    """Curves are drawn on nothing and inverted in the dark; frames keep their colors."""
    assert "@media screen and (prefers-color-scheme: dark)" in html
    page = Page(html)
    curves = [image for image in page.images if image["class"] == "plot"]
    assert all(str(image["src"]).startswith("data:image/svg") for image in curves)
    assert len(curves) == 7
    assert ".plot { filter: invert(1)" in html
    assert "prefers-color-scheme" not in html.partition("@media print")[2]


@pytest.mark.slow
def test_edges_without_values_are_left_out_of_the_excerpt(movie: Movie, tmp_path: Path) -> None:
    whole = movie.astype(np.float32)
    shifted = whole.copy()
    shifted[:, :3] = shifted[20:25, :, -4:] = np.nan
    report = make_report(shifted, tmp_path / "r.html")
    assert (report.rows, report.columns) == (61, 76)
    excerpt = read_excerpt(shifted)
    np.testing.assert_array_equal(excerpt.values, whole[:, 3:, :-4])
    assert (excerpt.top, excerpt.left) == (3, 0)
    assert np.isfinite(excerpt.mean).all()
    assert "61 \N{MULTIPLICATION SIGN} 76 pixels of each" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_figures_are_json(report: Report) -> None:
    figures = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert figures["tradeoffs"][1]["beta"] == 0.5
    assert figures["shape"] == [150, 64, 80]


def test_given_parameters_are_used_and_doubted_where_they_do_not_fit(movie: Movie, tmp_path: Path) -> None:
    stages = []
    dim = movie - np.int16(100)
    assert dim.min() < 0
    report = make_report(
        dim,
        tmp_path / "r.html",
        zero_level=0,
        conversion_gain=60,
        encoded_dtype="uint16",
        max_frames=50,
        progress=lambda stage, done, total: stages.append((stage, done, total)),
    )
    assert (report.zero_level, report.conversion_gain, report.zero_level_error) == (0, 60, None)
    assert report.tradeoffs[0].encoded_dtype == "int8"
    assert (report.first_frame, report.frames, report.name) == (50, 50, None)
    assert stages[-1] == ("Compressing with beta 2", 50, 50)
    text = " ".join(Page((tmp_path / "r.html").read_text(encoding="utf-8")).text.split())
    assert "60 ADU per photon, given" in text
    assert "50 of 150 frames, from number 50 on" in text
    assert report.verdict.fits == "no"
    assert report.verdict.summary in text


@pytest.mark.slow
def test_a_dtype_that_holds_the_movie_is_used_for_all_betas(movie: Movie, tmp_path: Path) -> None:
    report = make_report(np.maximum(movie, 0), tmp_path / "r.html", **GIVEN, encoded_dtype="uint16", max_frames=20)
    assert {t.encoded_dtype for t in report.tradeoffs} == {"uint16"}


def test_where_the_curve_cannot_be_measured_the_page_says_why(tmp_path: Path) -> None:
    flat = 100 + 40 * np.random.default_rng(0).poisson(50, (20, 40, 40)).astype(np.float32)
    with pytest.raises(ValueError, match="too little range of brightness"):
        make_report(flat, tmp_path / "r.html")
    assert list(tmp_path.iterdir()) == []
    make_report(flat, tmp_path / "r.html", zero_level=100, conversion_gain=40)
    assert "It could not be measured: movie has too little range" in (tmp_path / "r.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_codes_of_16_bits_in_a_movie_of_8_are_measured_in_a_wider_array(tmp_path: Path) -> None:
    movie = np.random.default_rng(0).poisson(np.linspace(10, 200, 32), (40, 32, 32)).astype(np.uint8)
    report = make_report(movie, tmp_path / "r.html", zero_level=0, conversion_gain=0.2)
    assert [t.array_dtype for t in report.tradeoffs] == ["int16", "uint8", "uint8", "uint8"]
    assert report.tradeoffs[0].ratio == movie.nbytes / report.tradeoffs[0].size
    assert "the codes need an array of int16" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_leaves_the_old_one(
    movie: Movie, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Path, target: Path) -> None:
        raise OSError("disk full")

    output = tmp_path / "r.html"
    output.write_text("old")
    with pytest.raises(ValueError, match=r"r\.html exists already: overwrite=True replaces it"):
        make_report(movie, output, **GIVEN, max_frames=5)
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        make_report(movie, output, **GIVEN, max_frames=5, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]
    assert output.read_text() == "old"


@pytest.mark.parametrize("module", ["jinja2", "matplotlib"])
def test_a_missing_package_is_named_before_anything_is_read(
    movie: Movie, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    recording = Recording(movie)
    with pytest.raises(ModuleNotFoundError, match="pip install 'anscombe-transform"):
        make_report(recording, tmp_path / "r.html")
    assert recording.read == []


@pytest.mark.parametrize(
    ("output", "options", "message"),
    [
        ("absent/r.html", {}, "there is no folder"),
        (".", {}, "is a folder"),
        ("r.html", {"zero_level": 0}, "must be given together"),
        ("r.html", {"zero_level": 0, "conversion_gain": -1}, "conversion_gain must be above 0"),
        ("r.html", {"encoded_dtype": "int64"}, "encoded_dtype must be one of"),
        ("r.html", {"max_frames": 2}, "max_frames must be at least 3"),
    ],
)
def test_wrong_arguments_are_named_before_anything_is_read(
    movie: Movie, tmp_path: Path, output: str, options: dict[str, Any], message: str
) -> None:
    recording = Recording(movie)
    with pytest.raises(ValueError, match=message):
        make_report(recording, tmp_path / output, **options)
    assert recording.read == []


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (np.zeros((10, 8)), {}, "three axes, \\(time, y, x\\)"),
        (np.zeros((2, 8, 8)), {}, "2 frames, but a report needs at least 3"),
        (np.zeros((10, 8, 8)), {}, "movie has no noise"),
        (np.zeros((10, 8, 8)), GIVEN, "does not change in frames 0 to 9"),
        (np.full((10, 8, 8), np.nan), {}, "NaN"),
        (np.full((10, 8, 8), np.nan), GIVEN, "NaN"),
    ],
)
def test_unusable_movies_are_errors(
    tmp_path: Path, values: npt.NDArray[Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make_report(values, tmp_path / "r.html", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_recording_of_one_channel_is_a_movie_and_of_several_it_is_an_error(movie: Movie, tmp_path: Path) -> None:
    """Planes are shown below each other, as in the movie of the channel."""
    planes = movie[:, :40].reshape(150, 2, 20, 80)
    for name, values in (("TYX", movie), ("TZYX", planes)):
        np.save(tmp_path / f"{name}.npy", values)
        recording = open_recording(tmp_path / f"{name}.npy", axes=name)
        assert estimate_parameters(recording).to_dict() == estimate_parameters(recording[0]).to_dict()
    recording = open_recording(tmp_path / "TZYX.npy", axes="TZYX")
    found, expected = (
        make_report(one, tmp_path / "r.html", max_frames=20, overwrite=True) for one in (recording, recording[0])
    )
    assert found == expected
    np.save(tmp_path / "two.npy", planes)
    several = open_recording(tmp_path / "two.npy", axes="TCYX")
    for of in (estimate_parameters, lambda one: make_report(one, tmp_path / "two.html")):
        with pytest.raises(ValueError, match=r"^two\.npy has 2 channels, .*: give one, such as recording\[0\]$"):
            of(several)


def test_a_path_is_an_error_that_says_how_to_open_it(movie: Movie, tmp_path: Path) -> None:
    path = tmp_path / "movie.npy"
    np.save(path, movie)
    given: Any
    for given in (path, str(path)):
        with pytest.raises(TypeError, match=f"^movie is a {type(given).__name__}: open it with open_recording or open"):
            make_report(given, tmp_path / "r.html")
    make_report(open_movie(path), tmp_path / "r.html", max_frames=5, **GIVEN)


def test_notes_of_another_kind_are_not_shown(movie: Movie, tmp_path: Path) -> None:
    recording = Recording(movie)
    recording.notes = "by somebody"  # type: ignore[assignment]
    assert make_report(recording, tmp_path / "r.html", max_frames=5, **GIVEN).notes == ()


def test_pixels_that_never_change_do_not_count(movie: Movie, tmp_path: Path) -> None:
    margin = np.zeros_like(movie)
    dark = make_report(np.concatenate([movie, margin], axis=2), tmp_path / "dark.html", **GIVEN, max_frames=30)
    alone = make_report(movie, tmp_path / "r.html", **GIVEN, max_frames=30)
    for with_margin, without in zip(dark.tradeoffs, alone.tradeoffs, strict=True):
        assert with_margin.noise_added == pytest.approx(without.noise_added)
        assert with_margin.pixel_correlation == pytest.approx(without.pixel_correlation)


def test_a_trace_that_decoding_makes_constant_has_no_correlation(movie: Movie) -> None:
    excerpt = read_excerpt(movie)
    meter = TradeoffMeter(excerpt, find_regions(excerpt), Transform(0, 1e6))
    codec = replace(estimate_parameters(movie).codec(), zero_level=0, conversion_gain=1e6, encoded_dtype="int8")
    assert meter.measure(codec)[0].pixel_correlation == (0, 0)


def test_the_most_active_regions_are_found_where_something_happens() -> None:
    movie = np.random.default_rng(0).poisson(20, (200, 64, 64)).astype(np.float64)
    flash = 30 * (np.arange(200) % 50 < 20)[:, None, None]
    for top, left in ((16, 40), (48, 0), (48, 8)):
        movie[:, top : top + 8, left : left + 8] += flash
    movie[:, :8, :8] *= 10  # bright and noisy, but nothing happens
    regions = find_regions(read_excerpt(movie))
    assert set(zip(regions.top[:3].tolist(), regions.left[:3].tolist(), strict=True)) == {(16, 40), (48, 0), (48, 8)}
    first, second = ((int(regions.top[i]), int(regions.left[i])) for i in regions.apart(2))
    assert {first, second} in ({(16, 40), (48, 0)}, {(16, 40), (48, 8)})


def test_an_excerpt_of_large_frames_is_their_middle_and_reads_only_its_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excerpt_room, "_LARGEST_EXCERPT", 256 * 10 * 12)
    monkeypatch.setattr(excerpt_room, "_READ", 3 * 20 * 24 * 2)
    values = np.random.default_rng(0).integers(0, 1 << 16, (300, 20, 24), dtype=np.uint16)
    recording = Recording(values)
    progress = []
    excerpt = read_excerpt(recording, progress=lambda done, total: progress.append((done, total)))
    np.testing.assert_array_equal(excerpt.values, values[22:278, 5:15, 6:18])
    assert (excerpt.first, excerpt.top, excerpt.left) == (22, 5, 6)
    np.testing.assert_allclose(excerpt.mean_image, values[22:278].mean(axis=0))
    np.testing.assert_allclose(excerpt.mean, excerpt.values.mean(axis=0))
    assert recording.read == list(pairwise([22, *range(24, 278, 3), 278]))
    assert progress == [(stop - 22, 256) for _, stop in recording.read]


def test_an_excerpt_is_read_in_whole_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excerpt_room, "_READ", 4 * 4 * 4 * 2)
    recording = Recording(np.zeros((30, 4, 4), np.int16))
    recording.chunks = (10, 4, 4)  # type: ignore[attr-defined]
    assert len(read_excerpt(recording, max_frames=20).values) == 20
    assert recording.read == [(5, 10), (10, 20), (20, 25)]
