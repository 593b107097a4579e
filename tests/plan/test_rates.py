"""Times of a plan: from given rates by arithmetic, from this machine by measurement, and kept between plans."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from scatflow.errors import StoreError
from scatflow.pipeline import Pipeline
from scatflow.plan import Plan, Rates
from scatflow.plan import plan as make_plan
from scatflow.plan.plan import Limits
from scatflow.plan.rates import ANY, GUESSED, MEASURED, hours, key_of
from scatflow.plan.table import span
from scatflow.registry import Registry, using
from scatflow.run import load_rates
from scatflow.run.calibrate import machine, rates_file
from three_stages import DOCUMENT, REGION


@pytest.fixture(autouse=True)
def toys() -> Iterator[Registry]:
    with using(Registry([EntryPoint("toys", "toy_plugin", "scatflow")])) as book:
        yield book


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCATFLOW_CACHE", str(tmp_path))
    return tmp_path


def planned(rates: Rates | None = None, **limits: int) -> Plan:
    return make_plan(Pipeline(DOCUMENT).check(), Limits(region=REGION, **limits), rates)


def test_times_follow_from_rates() -> None:
    key = key_of(planned().stages[0])
    operators, octave = key.split("@")
    assert operators == "toy_smooth"
    rates = Rates("m", {ANY: 1e6, key: 1e3}, read=1e9, written=1e9, task=0.5)
    smooth, mean, _ = planned(rates).stages
    cost = hours(smooth, rates, workers=2, threads=1)
    assert cost.core == pytest.approx(70 * smooth.projection.flops / 1e3 + 70 * 0.5)
    assert cost.low == pytest.approx(MEASURED[0] * cost.core / 2) and cost.high == pytest.approx(MEASURED[1] * cost.core / 2)
    other = hours(mean, rates, workers=1, threads=1)
    assert other.low == pytest.approx(GUESSED[0] * other.core)
    larger = Rates("m", {ANY: 1e6, f"toy_smooth@{int(octave) + 4}": 1e3, "toy_smooth@99": 7.0}, read=1e9, written=1e9, task=0.5)
    guess = hours(smooth, larger, workers=2, threads=1)
    assert guess.core == cost.core and guess.low == pytest.approx(GUESSED[0] * cost.core / 2)
    odd = hours(smooth, rates, workers=4, threads=1)  # 70 regions on 4 lanes: 18 rounds
    assert odd.low == pytest.approx(MEASURED[0] * cost.core / 70 * 18)


def test_a_stage_without_operators_has_a_time_too() -> None:
    copied = make_plan(Pipeline.from_source("toy_noise", items=8).check(), Limits(), Rates("m", {ANY: 1e9}, 1e9, 1e9, 0.5))
    assert copied.time is not None and copied.time.core == 0.5 * copied.tasks


def test_the_disk_bounds_the_wall_time() -> None:
    rates = Rates("m", {ANY: 1e15}, read=1e3, written=1e3, task=0.0)
    whole = planned(rates, workers=64).time
    assert whole is not None and whole.low == whole.high == pytest.approx(whole.io)


def test_without_rates_the_plan_says_how_to_get_them() -> None:
    made = planned()
    assert made.time is None and "--calibrate" in str(made) and "core time" not in str(made)
    timed = planned(Rates("m", {ANY: 1e9}, 1e9, 1e9, 0.01))
    assert "core time" in str(timed) and timed.hash == made.hash


def test_measured_rates_are_kept_and_predict_the_job(tmp_path: Path) -> None:
    assert load_rates() is None
    job = Pipeline(DOCUMENT)
    made = job.plan(region=REGION, measure=True)
    kept = load_rates()
    assert kept is not None and kept == made.rates and kept.machine == machine()
    assert {ANY, *(key_of(stage) for stage in made.stages)} == set(kept.flops)
    assert [path.name for path in Path.cwd().glob("scatflow-calibrate-*")] == []
    again = job.plan(region=REGION)
    assert again.time == made.time and again.time is not None
    began = time.process_time()
    job.run(tmp_path / "out.zarr", region=REGION)
    spent = time.process_time() - began
    # The factor tells a rate from an accident; these regions are tiny, so that the cost of opening stores dominates.
    assert again.time.core / 8 < spent < again.time.core * 8


def test_a_damaged_or_newer_file_is_named(cache: Path) -> None:
    rates_file().write_text("{")
    with pytest.raises(StoreError, match=r"rates\.json.*\n?.*measured rates"):
        load_rates()
    rates_file().write_text(json.dumps({"schema": 99, "machines": {}}))
    with pytest.raises(StoreError, match="newer scatflow"):
        load_rates()


@pytest.mark.parametrize(("seconds", "words"), [(0.5, "0.5 s"), (30, "30 s"), (600, "10 min"), (8000, "2.2 h"), (1e6, "278 h")])
def test_durations_read_well(seconds: float, words: str) -> None:
    assert span(seconds) == words
