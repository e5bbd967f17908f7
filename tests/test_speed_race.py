"""The speed race keeps its own rules: which photos are for what, what a record is, what the table says."""
import json
import statistics
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import root
from test_benchmarks import import_script

from catsdogs.data.photos import Photo
from catsdogs.data.splits import split_photos
from catsdogs.training.recipes import Recipe

race = import_script(root/"benchmarks"/"speed_race.py")
RECORDS = [(goal, record) for goal, records in race.RECORDS.items() for record in records]


@pytest.mark.parametrize("kind", ["small", "all"])
def test_no_network_learns_from_photos_that_judge(kind):
    photos = [
        Photo(Path(f"{label}.{i}.jpg"), label=label) for label in ("cat", "dog") for i in range(2600)]
    train, valid = split_photos(photos, race.learning_set(kind))
    sides = [race.side_of(photo, kind) for photo in photos]
    assert {sides[i] for i in train} == {"train"}
    assert len(train) == sides.count("train") > 1900
    assert "test" not in {sides[i] for i in valid} or kind == "all"
    assert sides.count("test") == pytest.approx(2000 if kind == "small" else 520, rel=.1)


def test_changes_of_a_recipe():
    changed = race.changed(Recipe(), "epochs=30 lr=0.01 resize_from=64 patience=None flip_tta=True model=petnet")
    assert changed == Recipe("petnet", epochs=30, lr=.01, resize_from=64, flip_tta=True)


@pytest.mark.parametrize("text", ["flip_tta=true", "class_weights=1", "epoch=30", "augment", "epochs=many"])
def test_a_change_that_is_not_understood_is_refused(text):
    with pytest.raises(SystemExit, match=text.split("=")[0]): race.changed(Recipe(), text)


def test_a_saved_try_is_not_trained_again(monkeypatch, capsys):
    row = race.read(race.TRIES)[0]
    monkeypatch.setattr(race, "run_once", lambda *args: pytest.fail("it was trained"))
    args = SimpleNamespace(
        goal=row["goal"], why="", changes=row["changes"], network=None, seed=int(row["seed"]), save=True)
    race.try_out(args, race.GOALS[row["goal"]], race.Record(row["start"], "", Recipe()))
    assert row["why"] in capsys.readouterr().out


def test_runs_of_two_kinds_of_machine_are_not_averaged():
    goal, record = RECORDS[0]
    rows = [r for r in race.read(race.RUNS) if (r["goal"], r["record"]) == (goal, record.name)]
    with pytest.raises(SystemExit, match="differ in device"):
        race.table_line(goal, record, [*rows, rows[0] | {"precision": "bfloat16"}])
    on_gpu = race.table_line(goal, record, [r | {"device": "cuda", "seconds": "7"} for r in rows])
    assert "| 7 ± 0, by the clock of a GPU |" in on_gpu


@pytest.mark.parametrize("goal, record", RECORDS, ids=[f"{g} {r.name}" for g, r in RECORDS])
def test_a_record_reached_its_goal(goal, record):
    "Five seeds or more, none left out, judged on all test photos, and their mean is good enough"
    rows = [r for r in race.read(race.RUNS) if (r["goal"], r["record"]) == (goal, record.name)]
    assert [int(r["seed"]) for r in rows] == list(range(len(rows)))
    if race.GOALS[goal].photos == "small": assert {r["photos"] for r in rows} <= {"2000"}
    if len(rows) < race.FEWEST:
        assert "not" in race.table_line(goal, record, rows).split("|")[2]      # and the table says so
    else: assert statistics.mean(float(r["accuracy"]) for r in rows) >= race.GOALS[goal].accuracy


def test_each_record_is_faster_than_the_one_before():
    for goal, records in race.RECORDS.items():
        means = []
        for record in records:
            rows = [r for r in race.read(race.RUNS) if (r["goal"], r["record"]) == (goal, record.name)]
            if len(rows) >= race.FEWEST: means.append(statistics.mean(float(r["cpu_seconds"]) for r in rows))
        assert means == sorted(means, reverse=True), goal


def test_the_table_in_the_readme_is_the_recorded_one():
    text = (root/"benchmarks"/"README.md").read_text(encoding="utf8")
    assert text.split(race.START)[1].split(race.END, 1)[0].strip() == race.table()


def test_the_peers_in_the_readme_are_the_recorded_ones():
    peers = import_script(root/"benchmarks"/"peers.py")
    text = (root/"benchmarks"/"README.md").read_text(encoding="utf8")
    found = json.loads((root/"benchmarks"/"results"/"peers.json").read_text())
    assert text.split(peers.START)[1].split(peers.END, 1)[0].strip() == peers.table(found["best"])
    assert found["best"] == peers.summary(found["turns"])
    assert {turn["name"] for turn in found["turns"]} == {"catsdogs", "keras", "fastai", "generator"}
