"""`catsdogs predict` with onnxruntime: no PyTorch, the same answer, and one line for what cannot be."""
import json
import os
import shutil
import subprocess
import sys

import pytest
import skimage.data
from PIL import Image

from typing_in import type_in

pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    "A folder with a photo of a cat, and an empty cache"
    folder = tmp_path_factory.mktemp("engine")
    Image.fromarray(skimage.data.cat()).save(folder/"cat.png")
    return folder


def environment(place):
    "That of a user who has chosen no device, with the cache of this place"
    return {k: v for k, v in os.environ.items() if k != "CATSDOGS_DEVICE"} | {"CATSDOGS_CACHE": str(place/"cache")}


def predict(place, *options):
    "Status, output and errors of `catsdogs predict`"
    done = type_in(["predict", *options], place, environment(place))
    return done.returncode, done.stdout.splitlines(), done.stderr


def predict_in_a_fresh_python(place, *options):
    "The same, and whether PyTorch has been imported for it"
    code = "import sys; from catsdogs.cli import main; s = main(sys.argv[1:]); print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code + "; sys.exit(s)", "predict", *map(str, options)],
        capture_output=True, text=True, env=environment(place))
    lines = done.stdout.splitlines()
    return done.returncode, lines[:-1], done.stderr, lines[-1] == "True"


def test_prepared_engine_answers_without_torch(place):
    photo = place/"cat.png"
    status, (before,), _ = predict(place, photo, "--json")
    assert status == 0 and json.loads(before)["engine"] == "torch"
    status, _, errors = predict(place, photo, "--engine", "onnxruntime")
    assert status == 0, errors
    status, (line,), errors, torch_loaded = predict_in_a_fresh_python(place, photo, "--json")
    answer = json.loads(line)
    assert status == 0 and not torch_loaded and answer.pop("engine") == "onnxruntime" and errors == ""
    expected = json.loads(before)
    assert answer["label"] == expected["label"] == "cat" and answer["neither"] == expected["neither"]
    assert answer["probabilities"] == pytest.approx(expected["probabilities"], abs=.02)     # bfloat16 on some CPUs
    _, _, errors, torch_loaded = predict_in_a_fresh_python(place, photo, "--engine", "torch")
    assert torch_loaded and errors == "catsdogs: answered by torch\n"


def test_many_photos_are_answered_by_torch(place):
    "Where both are there, since it is faster from some hundred photos on"
    many = place/"many"
    many.mkdir()
    Image.new("RGB", (32, 32)).save(many/"0.png")
    for i in range(1, 401): shutil.copy(many/"0.png", many/f"{i}.png")
    assert predict(place, many/"0.png", "--engine", "onnxruntime")[0] == 0
    for some, engine in [(400, "onnxruntime"), (401, "torch")]:
        photos = [many/f"{i}.png" for i in range(some)]
        _, lines, _ = predict(place, *photos, "--json")
        assert [json.loads(line)["engine"] for line in lines] == [engine] * some


@pytest.mark.parametrize("options, message", [
    (["--engine", "keras"], "choose auto, torch or onnxruntime"),
    (["--engine", "onnxruntime", "--device", "cuda"], "onnxruntime computes on the CPU here"),
    (["--device", "abacus"], "unknown device 'abacus'"),
])
def test_wrong_engine_is_one_line(place, options, message):
    status, lines, errors = predict(place, place/"cat.png", *options)
    assert status == 2 and not lines and errors.count("\n") == 1 and message in errors
