"""NAB's score counts as NAB counts: beside a plain reading of its rules, and with figures worked out by hand."""

import csv
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmarks.nab import __main__ as command
from benchmarks.nab import ours
from benchmarks.nab.corpus import Corpus, Floats, NoCorpus, Profile, Series, read
from benchmarks.nab.rivals import STEP, WINDOW, windowed_gaussian
from benchmarks.nab.score import best, points, score_at, sigmoid

PROFILES = {
    "standard": Profile(found=1.0, missed=1.0, false=0.11),
    "reward_low_FP_rate": Profile(found=1.0, missed=1.0, false=0.22),
    "reward_low_FN_rate": Profile(found=1.0, missed=2.0, false=0.11),
}
STANDARD = PROFILES["standard"]


def series(count: int, *windows: tuple[int, int], values: Floats | None = None) -> Series:
    times = 1_400_000_000 + 300.0 * np.arange(count)
    return Series(
        name="made/up.csv",
        stamps=tuple(str(np.datetime64(int(time), "s")).replace("T", " ") for time in times),
        times=times,
        values=np.zeros(count) if values is None else values,
        windows=windows,
    )


def alarms(of: Series, *places: int) -> Floats:
    """Scores of the judged points: 1 at some places."""
    scores = np.zeros(len(of.values))
    scores[list(places)] = 1
    return scores[of.probation :]


def plain(of: Series, scores: Floats, threshold: float, profile: Profile) -> float:
    """What the alarms of a series gain, read from the rules, point by point."""
    gained = dict.fromkeys(of.windows, -profile.missed)
    false = 0.0
    for place in range(of.probation, len(scores)):
        if scores[place] < threshold:
            continue
        around = [window for window in of.windows if window[0] <= place <= window[1]]
        before = [window for window in of.windows if window[1] < place]
        if around:
            first, last = around[0]
            position = -(last - place + 1) / (last - first + 1)
            gain = (2 / (1 + math.exp(5 * position)) - 1) / (2 / (1 + math.exp(-5)) - 1) * profile.found
            gained[around[0]] = max(gained[around[0]], gain)
        elif before:
            first, last = before[-1]
            position = (place - last) / (last - first)
            false += profile.false * (-1 if position >= 3 else 2 / (1 + math.exp(5 * position)) - 1)
        else:
            false -= profile.false
    return sum(gained.values()) + false


@pytest.mark.parametrize(
    ("position", "gain"), [(-1, 0.98661), (-0.5, 0.84828), (0, 0), (0.5, -0.84828), (1, -0.98661), (3, -1), (9, -1)]
)
def test_what_an_alarm_gains_at_a_position_is_what_the_paper_says(position: float, gain: float):
    assert sigmoid(np.array(position)) == pytest.approx(gain, abs=5e-6)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES.keys())
def test_who_alarms_at_the_first_point_of_every_window_has_100_and_who_never_does_0(profile: Profile):
    one = series(1000, (300, 349), (700, 749))

    assert best(points([one]), alarms(one, 300, 700), profile).value == pytest.approx(100)
    assert best(points([one]), alarms(one), profile).value == 0
    assert score_at(points([one]), alarms(one), profile, threshold=0.5) == 0


def test_an_alarm_in_the_middle_of_a_window_and_one_far_from_it_by_hand():
    one = series(100, (40, 59))

    scored = best(points([one]), alarms(one, 20, 50), STANDARD)

    middle = 0.84828 / 0.98661
    assert scored.value == pytest.approx(100 * (middle - 0.11 + 1) / 2, abs=1e-3)
    assert scored.threshold == 1


def test_only_the_first_alarm_of_a_window_counts():
    one = series(1000, (300, 399))

    both, first = (best(points([one]), alarms(one, *places), STANDARD) for places in ((310, 350, 390), (310,)))

    assert both.value == first.value


def test_an_alarm_just_behind_a_window_costs_little():
    one = series(1000, (300, 399))
    where = points([one])

    near, far = (score_at(where, alarms(one, 300, place), STANDARD, threshold=1) for place in (400, 950))

    assert near == pytest.approx(100, abs=0.2)
    assert far == pytest.approx(100 - 100 * 0.11 / 2)


@pytest.mark.parametrize(("count", "probation"), [(1000, 150), (1127, 169), (5000, 750), (22_695, 750)])
def test_the_first_points_are_not_judged(count: int, probation: int):
    one = series(count, (count - 100, count - 1))

    assert one.probation == probation
    assert points([one]).window.size == count - probation


def test_one_threshold_holds_for_all_series():
    loud, low = series(1000, (300, 399)), series(1000, (300, 399))
    scores = [alarms(loud, 300) * 0.9 + alarms(loud, 800, 820, 840) * 0.5, alarms(low, 300) * 0.4]

    scored = best(points([loud, low]), np.concatenate(scores), STANDARD)

    assert scored.threshold == 0.4
    assert scored.value == pytest.approx(100 - 100 * 3 * 0.11 / 4, abs=0.2)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES.keys())
@pytest.mark.parametrize("seed", range(4))
def test_the_score_is_that_of_a_plain_reading_of_the_rules(seed: int, profile: Profile):
    random = np.random.default_rng(seed)
    many = [series(400, (100, 139), (200, 219), (230, 300)), series(300), series(200, (20, 60), (150, 199))]
    scores = [random.integers(0, 40, len(one.values)) / 40 for one in many]
    windows = sum(len(one.windows) for one in many)

    def by_hand(threshold: float) -> float:
        gained = sum(plain(one, told, threshold, profile) for one, told in zip(many, scores, strict=True))
        return 100 * (gained + profile.missed * windows) / (windows * (profile.found + profile.missed))

    judged = np.concatenate([told[one.probation :] for one, told in zip(many, scores, strict=True)])
    scored = best(points(many), judged, profile)
    every = [by_hand(threshold) for threshold in np.unique(judged)]
    assert scored.value == pytest.approx(max(0, *every))
    assert [score_at(points(many), judged, profile, one) for one in np.unique(judged)] == pytest.approx(every)


def test_windowed_gaussian_is_the_tail_of_the_window_before():
    values = np.random.default_rng(3).normal(size=WINDOW + 3 * STEP)
    values[WINDOW + 150] = 30

    scores = windowed_gaussian(values)

    def tail(place: int, window: Floats) -> float:
        return 1 - 0.5 * math.erfc(abs(values[place] - window.mean()) / window.std() / math.sqrt(2))

    assert scores[0] == 0
    assert scores[500] == pytest.approx(tail(500, values[:500]))
    assert scores[WINDOW + 99] == pytest.approx(tail(WINDOW + 99, values[:WINDOW]))
    assert scores[WINDOW + 199] == pytest.approx(tail(WINDOW + 199, values[STEP : WINDOW + STEP]))
    assert scores[WINDOW + 150] == 1
    assert windowed_gaussian(np.full(9, 45.1)).tolist() == [0, *[0.5] * 8]


def corpus_in(folder: Path, many: Sequence[tuple[str, Series]], published: dict[str, float]) -> Path:
    """A made-up NAB on the disk."""
    windows = {}
    for name, one in many:
        path = folder / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("timestamp", "value"), *zip(one.stamps, one.values.tolist(), strict=True)])
        windows[name] = [[f"{one.stamps[first]}.000000", f"{one.stamps[last]}.000000"] for first, last in one.windows]
    weights = {
        name: {"CostMatrix": {"tpWeight": one.found, "fnWeight": one.missed, "fpWeight": one.false, "tnWeight": 1.0}}
        for name, one in PROFILES.items()
    }
    for name, told in (
        ("labels/combined_windows.json", windows),
        ("config/profiles.json", weights),
        ("published/final_results.json", {"windowedGaussian": published}),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(told), encoding="utf-8")
    return folder


def spiky() -> Iterator[tuple[str, Series]]:
    for seed, name in enumerate(("realTweets/one.csv", "realTraffic/two.csv")):
        values = np.random.default_rng(seed).normal(size=2000)
        values[1050] += 40
        yield name, series(2000, (1000, 1100), values=values)


def rivals(corpus: Corpus) -> dict[str, float]:
    judged = [windowed_gaussian(one.values)[one.probation :] for one in corpus.series]
    where = points(corpus.series)
    return {name: best(where, np.concatenate(judged), profile).value for name, profile in PROFILES.items()}


def run(monkeypatch: pytest.MonkeyPatch, *args: str) -> int:
    monkeypatch.setattr("sys.argv", ["benchmarks.nab", *args])
    monkeypatch.setattr(ours, "MANY", 100)  # how long many take is not what is tested
    return command.main()


def test_a_corpus_is_read_as_it_was_written(tmp_path: Path):
    many = list(spiky())

    corpus = read(corpus_in(tmp_path, many, {}))

    assert [one.name for one in corpus.series] == sorted(name for name, _ in many)
    assert corpus.profiles == PROFILES
    for one, (_, written) in zip(corpus.series, sorted(many), strict=True):
        assert one.windows == written.windows
        assert np.array_equal(one.values, written.values)
        assert np.array_equal(one.times, written.times)


def test_the_command_writes_scores_and_is_content_where_the_published_figures_come_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    folder = corpus_in(tmp_path / "nab", list(spiky()), {})
    corpus_in(tmp_path / "nab", list(spiky()), rivals(read(folder)))

    code = run(monkeypatch, "--data", str(folder), "--scores-out", str(tmp_path / "out"))

    assert code == 0
    assert "windowedGaussian, published" in capsys.readouterr().out
    with (tmp_path / "out/realTweets/one.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["timestamp"] for row in rows] == list(dict(spiky())["realTweets/one.csv"].stamps)
    assert float(rows[1050]["anomaly_score"]) > 0.6


def test_the_command_fails_where_the_published_figures_do_not_come_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    folder = corpus_in(tmp_path, list(spiky()), {})
    wrong = {name: value - 0.2 for name, value in rivals(read(folder)).items()}
    corpus_in(tmp_path, list(spiky()), wrong)

    assert run(monkeypatch, "--data", str(folder)) == 1
    assert "the scorer is wrong" in capsys.readouterr().err


def test_the_command_says_what_to_do_without_nab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert run(monkeypatch, "--data", str(tmp_path)) == 2
    assert "--data DIR" in capsys.readouterr().err
    with pytest.raises(NoCorpus, match="numenta/NAB"):
        read(tmp_path)
