"""What people have tried with the product since, a few cases of each kind."""
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from safetensors.torch import load_file, save_file
from test_layouts import build, picture
from torch import nn

from catsdogs.cli import main
from catsdogs.core import CatsDogsError, atomic_path, is_pipe, write_atomic
from catsdogs.data import photos as photos_module
from catsdogs.data.doctor import Finding, quarantine, undo_quarantine
from catsdogs.data.photos import list_photos, open_photo, open_square, Photo, upright_rgb
from catsdogs.data.sources import fetch_photos
from catsdogs.evaluation.evaluate import evaluate_run
from catsdogs.evaluation.kaggle import check_sample
from catsdogs.evaluation.report import write_evaluation
from catsdogs.interpret.attribution import attribute
from catsdogs.models.pretrained import load_backbone
from catsdogs.models.zoo import build_model
from catsdogs.training import train as train_module
from catsdogs.training.recipes import find_recipe
from catsdogs.training.train import RunSettings, train_run

# `getrusage` would begin with the memory of the process that has started this one
PEAK = r"""
import re, sys
from catsdogs.data.photos import open_square
open_square(sys.argv[1], 32)
print(int(re.search(r"VmHWM:\s*(\d+)", open("/proc/self/status").read())[1]) / 1e6)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="only Linux tells the peak of its memory so")
def test_memory_of_a_large_picture(tmp_path):
    "16 bits, 9,000×9,000, turned: the picture itself, its eight bits in three colours, and little more"
    rows, exif = np.arange(9000, dtype=np.uint16)[:, None] * 7, Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.broadcast_to(rows, (9000, 9000)).copy()).save(tmp_path/"a.png", compress_level=1, exif=exif)
    # `make test` tells the allocator to keep freed memory
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(tmp_path/"a.png")], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1                       # GB; 2 before


def test_large_pictures_wait_for_each_other(tmp_path, monkeypatch):
    "Whatever the number of threads, only so many pixels are in memory; small ones need not wait"
    monkeypatch.setattr(photos_module, "_PIXELS", photos_module._Room(400))
    at_work, most = [0], {}
    lock = threading.Lock()

    def then(img):
        with lock:
            at_work[0] += 1
            most[img.width] = max(most.get(img.width, 0), at_work[0])
        time.sleep(.05)
        with lock:
            at_work[0] -= 1
        return img
    for side in (30, 15, 8):
        Image.new("RGB", (side, side)).save(tmp_path/f"{side}.png")
        threads = [threading.Thread(target=open_photo, args=(tmp_path/f"{side}.png", None, then)) for _ in range(6)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
    assert most[30] == 1 and most[15] == 1 and most[8] > 1, most


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "I;16", "F", "I", "CMYK", "1", "L"])
def test_strips_change_nothing(mode, monkeypatch):
    "A large picture is converted in strips, with the same result"
    dice = np.random.default_rng(3)
    if mode == "I;16": img = Image.fromarray(dice.integers(0, 2**16, (40, 30), np.uint16))
    elif mode == "F": img = Image.fromarray(dice.random((40, 30), np.float32))
    elif mode == "I": img = Image.fromarray(dice.integers(0, 2**16, (40, 30), np.int32))
    else: img = Image.fromarray(dice.integers(0, 255, (40, 30, 4), np.uint8), "RGBA").convert(mode)
    # as it is, and as each orientation of EXIF turns it
    turned = [np.asarray(upright_rgb(oriented(img, turn))) for turn in range(1, 9)]
    monkeypatch.setattr(photos_module, "_STRIP", 100)
    for turn, whole in enumerate(turned, 1):
        assert (np.asarray(upright_rgb(oriented(img, turn))) == whole).all(), turn
        as_pillow = ImageOps.exif_transpose(oriented(Image.fromarray(turned[0]), turn))
        assert (np.asarray(as_pillow) == whole).all(), turn


def oriented(img, turn):
    "A copy with an orientation of EXIF"
    copy = img.copy()
    copy.getexif()[0x0112] = turn
    return copy


def test_turned_once():
    "What has been opened is upright, and stays so when it is given again"
    exif = Image.Exif()
    exif[0x0112] = 6
    for format in ("JPEG", "PNG", "WEBP"):
        buffer = io.BytesIO()
        Image.new("RGB", (20, 10)).save(buffer, format, exif=exif)
        opened = open_photo(buffer.getvalue())
        assert opened.size == (10, 20) and open_photo(opened).size == (10, 20)
        given = Image.open(buffer)
        assert open_photo(given).size == (10, 20) and open_photo(given).size == (10, 20)


def test_one_picture_in_every_form():
    data = picture(5, "PNG")
    pixels = np.asarray(open_photo(data))
    forms = [
        bytearray(data), memoryview(data), Image.open(io.BytesIO(data)), pixels,
        pixels.astype(np.uint16) * 257, pixels.astype(np.int64), pixels.astype(np.float32), pixels / 255,
        torch.tensor(pixels).permute(2, 0, 1), torch.tensor(pixels).permute(2, 0, 1).half() / 255,
        np.asfortranarray(pixels), np.concatenate([pixels, np.full((8, 8, 1), 255, np.uint8)], 2).transpose(2, 0, 1)]
    for form in forms:
        assert (np.asarray(open_photo(form)) == pixels).all(), type(form)
        assert (np.asarray(open_square(form, 8)) == pixels).all()
    assert (np.asarray(open_photo(io.BytesIO(data))) == pixels).all()
    assert (np.asarray(open_photo(pixels[..., 0] > 90))[..., 1] == (pixels[..., 0] > 90) * 255).all()


@pytest.mark.parametrize("form, words", [
    (np.full((8, 8, 3), -1.), "before it was normalised"),
    (np.random.default_rng(0).normal(size=(3, 8, 8)) * 2, "before it was normalised"),
    (np.full((8, 8), np.nan), "nan"), (np.full((8, 8, 3), 70_000), "7e.04"), (np.array([["a"]]), "array of numbers"),
    (torch.zeros(1, 3, 8, 8), "not of 1×3×8×8"), (None, "not a NoneType"), (5, "not a int"), (".", "a folder"),
    ("", "a folder")], ids=str)
def test_what_is_no_picture(form, words):
    with pytest.raises(CatsDogsError, match=words) as caught: open_photo(form)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_pipes_and_links_stay(tmp_path):
    "What is written goes into a pipe, and to the file that a link leads to"
    os.mkfifo(tmp_path/"pipe")
    got = []
    reader = threading.Thread(target=lambda: got.append((tmp_path/"pipe").read_text()))
    reader.start()
    write_atomic(tmp_path/"pipe", "through")
    reader.join(20)
    assert got == ["through"] and is_pipe(tmp_path/"pipe")
    assert is_pipe("/dev/null") and not is_pipe(tmp_path) and not is_pipe(tmp_path/"new")
    (tmp_path/"far").mkdir()
    (tmp_path/"far"/"a.csv").write_text("old")
    (tmp_path/"link").symlink_to(tmp_path/"far"/"a.csv")
    with atomic_path(tmp_path/"link") as tmp: tmp.write_text("new")
    assert write_atomic(tmp_path/"far"/"b", "caf\udce9").read_text() == r"caf\udce9"
    assert (tmp_path/"link").is_symlink() and (tmp_path/"far"/"a.csv").read_text() == "new"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["far", "link", "pipe"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_submission_into_a_pipe(drawn, tmp_path, catsdogs):
    for i in range(3): (tmp_path/f"{i}.jpg").write_bytes(picture(i))
    done = catsdogs("submit", drawn, tmp_path, "--out", "/dev/stdout")
    assert done.returncode == 0, done.stderr
    assert [line.split(",")[0] for line in done.stdout.splitlines()] == ["id", "0", "1", "2"]
    assert "3 rows" in done.stderr


def test_archives_that_are_none(tmp_path):
    "A pipe would be waited for, and a photo that has no end would fill the disk"
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path/"pipe.zip")
        with pytest.raises(CatsDogsError, match="a pipe or a device"):
            fetch_photos("petimages", tmp_path/"to", tmp_path/"pipe.zip")
    with zipfile.ZipFile(tmp_path/"bomb.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("PetImages/Cat/1.jpg", "w") as file:
            for _ in range(300): file.write(bytes(2**20))
    with pytest.raises(CatsDogsError, match="too large for a photo"):
        fetch_photos("petimages", tmp_path/"to", tmp_path/"bomb.zip")
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "pipe.zip") == ["bomb.zip"]


LOADED = """
import sys
from catsdogs.cli import main
for line in sys.stdin.read().splitlines():
    status = main(line.split())
    print(line, status, "torch" in sys.modules, flush=True)
"""
SLIPS = """train PETS --model resnet18
train PETS --model timm:resnet18 --weights nowhere.pth
submit PETS --metric area
submit PETS --competition titanic
submit PETS --clip 2
submit PETS --threshold 3
submit PETS --shard 9/8
submit PETS --upload
show PETS/a.jpg --units 0
toolbox nowhere
toolbox --save nowhere/page.html
serve --port 99999
predict PETS --shard 9/8
predict PETS --out a.xlsx
train PETS --device tpu
train PETS --seed 99999999999999999999
train PETS --limit 99999999999999999999
train PETS --lr 1e300
predict -
show PETS/a.jpg --out PETS/a.jpg
demo --epochs 0
demo --n 3
data pets PETS/new --archive file:///etc/passwd
data drawn PETS/a.jpg/new
demo --out PETS/a.jpg/demo
train PETS --out PETS/a.jpg
study PETS --out PETS/a.jpg/study
pack PETS PETS/a.jpg
study PETS --seeds 0"""


def test_slips_are_told_before_pytorch_is_loaded(tmp_path):
    (tmp_path/"a.jpg").write_bytes(picture(1))
    typed = SLIPS.replace("PETS", str(tmp_path))
    done = subprocess.run([sys.executable, "-c", LOADED], input=typed, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{line} 2 False" for line in typed.splitlines()]
    assert len(done.stderr.splitlines()) == len(typed.splitlines())


def test_words_of_the_system_and_empty_arguments(tmp_path, capsys, monkeypatch):
    "No number of an error; what a variable that is not set leaves is not the folder that one is in"
    (tmp_path/"a.jpg").write_bytes(picture(1))
    assert main(["data", "drawn", str(tmp_path/"a.jpg"/"new")]) == 2
    assert capsys.readouterr().err == (
        f"catsdogs: error: DEST {tmp_path}/a.jpg/new: {tmp_path}/a.jpg is no folder; choose another place\n")
    assert main(["check", str(tmp_path), "--out", f"{'a' * 300}.html"]) == 2
    assert capsys.readouterr().err == f"catsdogs: error: {'a' * 300}.html: file name too long\n"
    assert main(["predict", ""]) == 2 and "one of the arguments is empty" in capsys.readouterr().err
    monkeypatch.setenv("RANK", "5")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(["check", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("catsdogs: error: RANK is 5")


def test_a_wrong_sample_is_told_before_the_work(tmp_path):
    for i in (1, 2, 3): (tmp_path/f"{i}.jpg").write_bytes(picture(i))
    rows = "".join(f"{i},0\n" for i in (3, 2, 1))
    (tmp_path/"sample.csv").write_text("\ufeffid,label\n" + rows, encoding="utf8")     # as Excel saves it
    check_sample(tmp_path, tmp_path/"sample.csv")
    (tmp_path/"sample.csv").write_text(f"id,label\n{rows}4,0\n", encoding="utf8")
    with pytest.raises(CatsDogsError, match="1 ids are missing and 0 are too many"):
        check_sample(tmp_path, tmp_path/"sample.csv")


def test_a_quarantine_moves_nothing_elsewhere(tmp_path):
    "It may be moved before it is undone; a stranger's log brings no file out of the data"
    photos, photo = tmp_path/"photos", tmp_path/"photos"/"cats"/"0.jpg"
    photo.parent.mkdir(parents=True)
    photo.write_bytes(b"")
    quarantine([Finding(Photo(photo), "empty", "")], tmp_path/"aside", photos)
    (tmp_path/"aside").rename(tmp_path/"later")
    assert undo_quarantine(tmp_path/"later", photos) == ([photo], [])
    quarantine([Finding(Photo(photo), "empty", "")], tmp_path/"aside", photos)
    log = tmp_path/"aside"/"quarantine.csv"
    log.write_text(log.read_text().replace(str(photo), str(tmp_path/"out"/"0.jpg")))
    (tmp_path/"out").mkdir()
    back, (why,) = undo_quarantine(tmp_path/"aside", photos)
    assert back == [] and "is not in" in why and not list((tmp_path/"out").iterdir())


def test_slips_of_other_programs(tmp_path, capsys):
    for option, here in (("--batch-size", "--bs"), ("--learning_rate", "--lr"), ("-o", "--out")):
        assert main(["train", str(tmp_path), option, "8"]) == 2
        assert f"Here it is called {here}" in capsys.readouterr().err
    assert main(["help", "train"]) == 0 and "Usage: catsdogs train" in capsys.readouterr().out


def typed(*arguments, data=b""):
    "The finished command, with bytes in its standard input"
    return subprocess.run([sys.executable, "-m", "catsdogs.cli", *map(str, arguments)], input=data, capture_output=True)


def test_a_photo_from_standard_input(tmp_path):
    done = typed("predict", "-", "--json", data=picture(1))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["file"] == "-" and json.loads(done.stdout)["label"] in ("cat", "dog")
    for data, words in ((b"", b"-: standard input is empty"), (b"hello", b"-: not an image"), (b"PK\3\4", b"-: a zip")):
        done = typed("predict", "-", data=data)
        assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1) and words in done.stderr
    assert b"a table is of files" in typed("predict", "-", "--out", tmp_path/"a.csv", data=picture(1)).stderr


def test_nothing_that_is_read_is_written_over(drawn, tmp_path, catsdogs):
    photo, packed = tmp_path/"1.jpg", tmp_path/"pets.zip"
    photo.write_bytes(picture(1))
    with zipfile.ZipFile(packed, "w") as archive: archive.write(photo, "1.jpg")
    (tmp_path/"sample.csv").write_text("id,label\n1,0\n")
    run = shutil.copytree(drawn, tmp_path/"run")
    before = {file: file.read_bytes() for file in (photo, packed, tmp_path/"sample.csv", *run.glob("*.*"))}
    for command in (
        ("show", photo, "--out", photo), ("check", packed, "--out", packed), ("submit", packed, "--out", packed),
        ("submit", packed, "--out", run/"split.csv"), ("evaluate", run, "--out", run/"run.json"),
        ("export", run, "--onnx", run/"model.safetensors"),
        ("submit", packed, "--sample", tmp_path/"sample.csv", "--out", tmp_path/"sample.csv")):
        done = catsdogs(*command)
        assert done.returncode == 2 and "give another name" in done.stderr, (command, done.stderr)
    assert {file: file.read_bytes() for file in before} == before


def test_files_that_are_not_looked_at_are_told_everywhere(drawn, tmp_path, catsdogs):
    "What is judged, answered, packed or studied is less than what the folder holds"
    source = build(tmp_path/"pets", [f"{kind}s/{kind}.{i}.jpg" for kind in ("cat", "dog") for i in range(6)])
    (source/"cats"/"film.mp4").write_bytes(b"film")
    (tmp_path/"test").mkdir()
    (tmp_path/"test"/"1.jpg").write_bytes(picture(1))
    (tmp_path/"test"/"2.mp4").write_bytes(b"film")
    small = ("--size", 32, "--epochs", 1, "--seeds", 1, "--vary", "dropout=0")
    for command in (
        ("evaluate", drawn, source), ("evaluate", source, "--json"), ("pack", source, tmp_path/"packed"),
        ("submit", drawn, tmp_path/"test", "--out", tmp_path/"a.csv"),
        ("study", source, "--model", "classic", "--out", tmp_path/"study", *small)):
        done = catsdogs(*command)
        assert done.returncode == 0, done.stderr
        assert "1 file was not looked at: 1 .mp4" in done.stdout + done.stderr, command


def test_words_do_not_get_into_a_pipe(drawn, catsdogs):
    done = catsdogs("evaluate", drawn, "--out", "/dev/stdout")
    assert done.returncode == 0 and done.stdout.startswith("<!doctype html>"), done.stderr
    assert done.stdout.rstrip().endswith("</html>") and "accuracy" in done.stderr


def test_a_photo_that_is_not_called_so(tmp_path):
    "A file that somebody names is looked into; of a folder's files the names are enough"
    for name in ("photo", "photo.jpg?w=200", "photo.heic"):
        (tmp_path/name).write_bytes(picture(1))
        assert [p.path.name for p in list_photos(tmp_path/name)] == [name]
    (tmp_path/"film.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(60))
    with pytest.raises(CatsDogsError, match="neither a folder"): list_photos(tmp_path/"film.mp4")
    with pytest.raises(CatsDogsError, match="without file://"): list_photos("file:///tmp/a.jpg")


def test_archives_of_other_kinds(tmp_path, monkeypatch):
    "Damaged LZMA, and a zip with a password inside a zip"
    monkeypatch.setenv("CATSDOGS_CACHE", str(tmp_path/"cache"))
    with zipfile.ZipFile(tmp_path/"a.zip", "w", zipfile.ZIP_LZMA) as archive: archive.writestr("a.jpg", picture(1))
    data = bytearray((tmp_path/"a.zip").read_bytes())
    data[70:130] = bytes(60)
    (tmp_path/"a.zip").write_bytes(data)
    with pytest.raises(CatsDogsError, match="a.jpg: cannot be read"): open_photo(list_photos(tmp_path/"a.zip")[0])
    with zipfile.ZipFile(tmp_path/"b.zip", "w") as archive: archive.writestr("train.zip", b"PK")
    # the flag of a password, in both headers
    data = (tmp_path/"b.zip").read_bytes().replace(b"PK\3\4\x14\0\0", b"PK\3\4\x14\0\1")
    (tmp_path/"b.zip").write_bytes(data.replace(b"PK\1\2\x14\3\x14\0\0", b"PK\1\2\x14\3\x14\0\1"))
    with pytest.raises(CatsDogsError, match="train.zip has a password"): list_photos(tmp_path/"b.zip")


SPOILED = """
import random, sys
from catsdogs.data.photos import open_photo
from catsdogs.core import CatsDogsError
data, dice = open(sys.argv[1], "rb").read(), random.Random(1)
for _ in range(40):
    spoiled = bytearray(data)
    for _ in range(20): spoiled[dice.randrange(8, len(data))] = dice.randrange(256)
    try: open_photo(spoiled)
    except CatsDogsError: pass
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="only Linux says where libtiff lies")
def test_libtiff_is_silent(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (32, 32), np.uint8)
    Image.fromarray(pixels > 90).save(tmp_path/"a.tif", compression="group4")
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", SPOILED, tmp_path/"a.tif"], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_long_names_leave_the_report_in_order(drawn, tmp_path, recwarn):
    "Names of 250 letters made the figures collapse"
    source = build(tmp_path/"pets", [f"{kind * 40}/{kind * 80}{i}.jpg" for kind in ("cat", "dog") for i in range(4)])
    run = shutil.copytree(drawn, tmp_path/"run")
    info = json.loads((run/"run.json").read_text())
    (run/"run.json").write_text(json.dumps(info | dict(classes=["cat" * 40, "dog" * 40])))
    write_evaluation(run, evaluate_run(run, source), tmp_path/"page.html")
    assert not [w for w in recwarn if "constrained_layout" in str(w.message)]


def test_a_slow_training_leaves_the_run_of_a_quick_one(tmp_path, monkeypatch):
    "Another process trains into the folder while photos are decoded"
    source = build(tmp_path/"pets", [f"{kind}s/{kind}.{i}.jpg" for kind in ("cat", "dog") for i in range(6)])
    settings = RunSettings(find_recipe("classic", size=32, epochs=1, augment="none"))
    loaders = train_module._loaders
    def slow(*arguments):
        monkeypatch.setattr(train_module, "_loaders", loaders)
        train_run(source, tmp_path/"run", settings)
        return loaders(*arguments)
    monkeypatch.setattr(train_module, "_loaders", slow)
    with pytest.raises(CatsDogsError, match="another process has trained into this folder meanwhile"):
        train_run(source, tmp_path/"run", replace(settings, seed=7), resume=True)
    assert json.loads((tmp_path/"run"/"run.json").read_text())["seed"] == 42
    assert train_run(source, tmp_path/"run", settings, resume=True).info.state == "finished"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no locks of folders")
def test_a_lock_that_somebody_removes(tmp_path):
    with train_module._alone_in(tmp_path/"run"):
        (tmp_path/"run"/".lock").unlink()
        with pytest.raises(CatsDogsError, match="another process is training"):
            with train_module._alone_in(tmp_path/"run"): pass
    with train_module._alone_in(tmp_path/"run"): pass


def test_weights_without_a_network_are_told_at_once(monkeypatch):
    import huggingface_hub
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *names: None)
    start = time.monotonic()
    with pytest.raises(CatsDogsError, match="no connection to http://127.0.0.1:9.*weights=FILE in Python"):
        load_backbone(build_model("timm:test_resnet", 64, 2))
    assert time.monotonic() - start < 10


def small_network():
    "A network that nobody has trained"
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)).eval()


@pytest.mark.parametrize("method", ["gradient", "grad_cam", "occlusion"])
def test_pictures_and_networks_that_cannot_be_explained(method):
    "Numbers to 255, NaN, weights of inference mode, and a scripted network end in one line"
    xb, net = torch.rand(2, 3, 16, 16), small_network()
    assert attribute(net, xb, method).shape == (2, 16, 16)
    # a network of one's own may want pictures as ImageNet's are normalised
    assert attribute(net, (xb - .5) * 4, method).shape == (2, 16, 16)
    with torch.inference_mode(): made_there = small_network()
    for model, pictures, words in (
        (net, xb * 255, "from 0 to 1, and these go up to 25.: divide them by 255"),
        (net, xb * np.nan, "NaN or infinity"),
        (made_there, xb, "inside of torch.inference_mode")):
        with pytest.raises(CatsDogsError, match=words): attribute(model, pictures, method)
    if method != "grad_cam": return
    with pytest.raises(CatsDogsError, match="give the nn.Module that it was made from"):
        attribute(torch.jit.trace(net, xb), xb, method)


def test_an_odd_kind_of_text_is_a_path(tmp_path):
    (tmp_path/"a.png").write_bytes(picture(1, "PNG"))
    assert open_photo(np.str_(tmp_path/"a.png")).size == (8, 8)


def test_nothing_is_shown_of_a_network_that_answers_nan(drawn, tmp_path, catsdogs):
    "Its weights are numbers, so that they can be loaded"
    run = shutil.copytree(drawn, tmp_path/"run")
    tensors = load_file(run/"model.safetensors")
    first = next(name for name, tensor in tensors.items() if tensor.ndim == 4)
    save_file(tensors | {first: torch.full_like(tensors[first], 3e38)}, run/"model.safetensors")
    (tmp_path/"a.jpg").write_bytes(picture(1))
    show = ("show", run, tmp_path/"a.jpg", "--out", tmp_path/"a.html")
    for command in (show, ("predict", tmp_path/"a.jpg", "--run", run)):
        done = catsdogs(*command)
        assert done.returncode == 2 and "the network answers NaN" in done.stderr, done.stderr
    assert not (tmp_path/"a.html").exists()


# root without the right to pass over all rights; other users have none
WITHOUT_RIGHTS = [] if not hasattr(os, "geteuid") or os.geteuid() else [
    "setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or bool(WITHOUT_RIGHTS) and not shutil.which("setpriv"),
    reason="nothing takes rights away")
def test_files_and_places_without_rights(tmp_path):
    "A photo that may not be read is told in words, a place that may not be written into before the work"
    source = build(tmp_path/"pets", [f"{kind}s/{kind}.{i}.jpg" for kind in ("cat", "dog") for i in range(3)])
    (source/"cats"/"cat.1.jpg").chmod(0)
    (tmp_path/"shut").mkdir(mode=0o500)
    def type_in(*arguments):
        command = [*WITHOUT_RIGHTS, sys.executable, "-m", "catsdogs", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True)
    done = type_in("check", source)
    assert f"damaged        {source}/cats/cat.1.jpg: cannot be read (permission denied)" in done.stdout, done
    for command in (("train", source, "--out"), ("demo", "--out"), ("data", "drawn"), ("pack", source)):
        done = type_in(*command, tmp_path/"shut"/"new")
        assert done.returncode == 2 and "shut cannot be written into" in done.stderr and not done.stdout, done


def test_unpacked_zips_keep_to_the_limit(tmp_path, monkeypatch):
    monkeypatch.setenv("CATSDOGS_CACHE", str(tmp_path/"cache"))
    monkeypatch.setenv("CATSDOGS_CACHE_GB", "1e-6")
    for name in "ab":
        with zipfile.ZipFile(tmp_path/f"{name}.zip", "w") as archive:
            inner = io.BytesIO()
            with zipfile.ZipFile(inner, "w") as photos: photos.writestr(f"cat.{ord(name)}.jpg", picture(ord(name)))
            archive.writestr("train.zip", inner.getvalue())
        assert len(list_photos(tmp_path/f"{name}.zip")) == 1
        assert len(list((tmp_path/"cache"/"zips").iterdir())) == 1


@pytest.mark.parametrize("classes, words", [
    (["cat", "dog"], "of the two, dog"), (["cat", "cow", "dog"], "of the 3, dog")])
def test_neither_says_of_how_many_classes(classes, words, capsys):
    from catsdogs.cli import _print_answer
    from catsdogs.runs.answers import Prediction
    probabilities = dict.fromkeys(classes, .2) | {"dog": .6}
    _print_answer(Prediction(Photo("fox.jpg"), "dog", probabilities, neither=True), None, as_json=False)
    assert words in capsys.readouterr().out
