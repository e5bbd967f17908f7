"""Every reader and a few spoiled files. `python tools/mutate_inputs.py` is the long version."""
import json
import random
import shutil
import subprocess
import sys
import zipfile

import pytest
import torch
from conftest import root
from safetensors.torch import load_file, save_file

from catsdogs.core import CatsDogsError
from catsdogs.data.doctor import Finding, NO_PHOTOS, quarantine, undo_quarantine
from catsdogs.data.layouts import read_layout
from catsdogs.data.photos import find_photos, list_photos
from catsdogs.data.sources import recorded_competition
from catsdogs.drawing.dataset import draw_pets, read_specs
from catsdogs.evaluation.kaggle import check_submission
from catsdogs.runs.folder import shipped_run
from catsdogs.runs.predict import Predictor
from catsdogs.study.study import read_results, study_rows

sys.path.insert(0, str(root/"tools"))
import mutate_inputs

def test_every_reader(tmp_path):
    "In a process of its own: what it watches stays watched"
    done = subprocess.run(
        [sys.executable, str(root/"tools"/"mutate_inputs.py"), "--n", "12", "--record", str(tmp_path/"counts.json")],
        capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads((tmp_path/"counts.json").read_text())
    assert len(counts) > 15 and all(sum(row.values()) == 12 and "found" not in row for row in counts.values())


def test_a_crash_is_found():
    def crash(data):
        raise KeyError("oh")

    def several_lines(data):
        raise mutate_inputs.CatsDogsError("one\ntwo")
    assert "KeyError" in mutate_inputs.attempt(crash, b"")[0]
    assert "several lines" in mutate_inputs.attempt(several_lines, b"")[0]
    assert mutate_inputs.attempt(len, b"") == ("", False)


@pytest.mark.parametrize("spoil, data", [
    (mutate_inputs.spoil, b"0123456789" * 9),
    (mutate_inputs.spoil_json, b'{"a": [1, 2], "b": {"c": "d"}}'),
    (mutate_inputs.spoil_table, b"id,label\n1,0.5\n2,0.7\n")])
def test_spoiling(spoil, data):
    "Repeatable, and hardly ever without effect"
    spoiled = [spoil(data, random.Random(i)) for i in range(50)]
    assert spoiled == [spoil(data, random.Random(i)) for i in range(50)]
    assert sum(new != data for new in spoiled) > 40


@pytest.mark.parametrize("name", ["model", "ood"])
def test_numbers_that_are_none(name, tmp_path):
    "A network that would answer NaN is refused, before it answers"
    run = shutil.copytree(shipped_run().path, tmp_path/"run")
    tensors = load_file(run/f"{name}.safetensors")
    largest = max(tensors, key=lambda key: tensors[key].numel())
    tensors[largest].view(-1)[7] = torch.nan
    save_file(tensors, run/f"{name}.safetensors")
    with pytest.raises(CatsDogsError, match="NaN"):
        Predictor(run)


def test_answers_that_overflow(tmp_path):
    "Weights that are numbers, but too large"
    run = shutil.copytree(shipped_run().path, tmp_path/"run")
    tensors = load_file(run/"model.safetensors")
    save_file({k: torch.full_like(v, 6e4) if v.is_floating_point() else v for k, v in tensors.items()},
              run/"model.safetensors")
    photo = list_photos(draw_pets(tmp_path/"pets", 2, 32))[0]
    predictor = Predictor(run)
    try:
        answer = predictor(photo)
    except CatsDogsError as e:
        assert "answers NaN" in str(e)
    else:
        assert all(0 <= p <= 1 for p in answer.probabilities.values())


def refused(function, *arguments):
    "The message, which is one line"
    with pytest.raises(CatsDogsError) as caught:
        function(*arguments)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_tables(tmp_path):
    (tmp_path/"good.csv").write_text("id,label\n1,0.5\n")
    for text in (b"id,label\n,0.5\n", b"id\n\xff\n", b"number,label\n1,0.5\n", b""):
        (tmp_path/"sample.csv").write_bytes(text)
        assert "sample.csv: not a sample" in refused(check_submission, tmp_path/"good.csv", tmp_path/"sample.csv")
    for text in (b"file,species\n\xff,cat\n", b"file,nothing\na,1\n", b"species\ncat\n", b"file,head_width\na,wide\n"):
        (tmp_path/"drawings.csv").write_bytes(text)
        assert "damaged" in refused(read_specs, tmp_path)
    lost = "seed,outcome\n0,lost\n"
    for text in ("run,seed,outcome,accuracy\n0,0,finished,\n", lost, "seed,outcome,accuracy\n0,finished,1e999\n"):
        (tmp_path/"results.csv").write_text(text)
        assert "line 2" in refused(read_results, tmp_path/"results.csv")


NO_ROWS = [[], 1, dict(run=0), dict(run=0, seed=0, outcome="finished", accuracy=float("nan"))]


@pytest.mark.parametrize("row", NO_ROWS, ids=str)
def test_rows_of_a_study(row, tmp_path):
    mutate_inputs.write_study(tmp_path/"journal.log", [row])
    assert "journal.log" in refused(study_rows, tmp_path)


def test_record_of_a_download(tmp_path):
    (tmp_path/"source.json").write_text('{"name": "dogs-vs-cats", "photos": {"train": "many"}}')
    assert recorded_competition(tmp_path) is None


def test_quarantine_that_a_kill_began(tmp_path):
    "A folder that holds the mark, and no log yet, may be used again"
    pets = draw_pets(tmp_path/"pets", 4, 32)
    aside = tmp_path/"aside"
    aside.mkdir()
    (aside/NO_PHOTOS).touch()
    photo = list_photos(pets)[0]
    assert quarantine([Finding(photo, "tiny", "")], aside, pets) == [aside/"cat"/"cat.0.jpg"]
    log = (aside/"quarantine.csv").read_text()
    for old, new in ((str(photo.path), photo.name), (str(photo.path), str(tmp_path/"other.jpg"))):
        (aside/"quarantine.csv").write_text(log.replace(old, new, 1))
        assert "damaged" in refused(undo_quarantine, aside)
    (aside/"quarantine.csv").write_text(log)
    assert undo_quarantine(aside) == ([photo.path], [])


def test_layouts_and_zips(tmp_path):
    names = ["Bengal_1.jpg", "Bengal_2.jpg", "cat.1.jpg", "beagle_1.jpg", "beagle_2.jpg"]
    assert len(read_layout(names).classes) == 5
    with zipfile.ZipFile(tmp_path/"new.zip", "w") as archive:
        archive.writestr("cat.1.jpg", b"x")
    data = bytearray((tmp_path/"new.zip").read_bytes())
    data[data.rindex(b"PK\1\2") + 6] = 255
    (tmp_path/"new.zip").write_bytes(data)
    assert "not a usable zip" in refused(find_photos, tmp_path/"new.zip")
