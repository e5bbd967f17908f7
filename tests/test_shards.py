"""Photos in shards: packed, read from a folder, a web server or memory, streamed; and all that can be wrong."""
import base64
import hashlib
import io
import json
import os
import shutil
import tarfile
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from conftest import free_port
from test_processes import curve, launch, said

from catsdogs.cli import main
from catsdogs.core import CatsDogsError
from catsdogs.data import shards as shards_module
from catsdogs.data.pack import pack_photos, PackSettings
from catsdogs.data.photos import list_photos, open_photo
from catsdogs.data.shards import PackedPhotos
from catsdogs.data.splits import DataSettings, split_photos
from catsdogs.drawing.dataset import draw_pets

TINY = ("--model", "classic", "--size", "32", "--no-fast")


@pytest.fixture(scope="module")
def pets(folder):
    return draw_pets(folder/"shard-pets", n=120, size=48, seed=9)


@pytest.fixture(scope="module")
def packed(folder, pets):
    return pack_photos(pets, folder/"packed-pets", PackSettings(per_shard=20)).packed


@pytest.fixture
def copy(packed, tmp_path):
    "A copy to be spoiled"
    return shutil.copytree(packed.place, tmp_path/"packed")


@pytest.fixture
def quick(monkeypatch, tmp_path):
    "No pauses between tries, and an empty cache"
    monkeypatch.setattr(shards_module, "PAUSE", .01)
    monkeypatch.setenv("CATSDOGS_CACHE", str(tmp_path/"cache"))


# Packing

def pack_into(pets, place):
    pack_photos(pets, place, PackSettings(per_shard=20))
    return place


def content(place): return {file.name: file.read_bytes() for file in sorted(place.iterdir())}


def test_same_photos_same_sides(pets, packed):
    "Bytes, names, classes and sides are those of the folder"
    photos = list_photos(pets)
    def known(photo, side): return photo.label, photo.name, photo.size, photo.folder, side, photo.read()
    sides = dict(zip(("train", "valid"), split_photos(photos), strict=True))
    wanted = {known(photos[i], side) for side, own in sides.items() for i in own}
    found = {known(photo, photo.split) for photo in packed.photos()}
    assert found == wanted and len(found) == 120
    # and what the rule of the folders makes of the list is the same again
    again = list(packed.photos())
    train, valid = split_photos(again)
    assert {again[i].split for i in train} == {"train"} and {again[i].split for i in valid} == {"valid"}


def test_other_programs_read_it(packed):
    "The convention of WebDataset: a key, and files of that key one after the other"
    classes, names = Counter(), set()
    for shard in packed.side("train"):
        with tarfile.open(shard.local()) as tar: members = tar.getmembers()
        for photo, about, number in zip(members[::3], members[1::3], members[2::3], strict=True):
            key = photo.name.partition(".")[0]
            assert [photo.name, about.name, number.name] == [f"{key}.jpg", f"{key}.json", f"{key}.cls"]
            assert photo.isfile() and photo.mtime == 0 and not photo.uname
            names.add(key)
        rows = packed.photos_of(shard)
        assert [photo.offset for photo in rows] == [member.offset_data for member in members[::3]]
    assert len(names) == sum(shard.photos for shard in packed.side("train"))
    webdataset = pytest.importorskip("webdataset")
    tars = [str(shard.local()) for shard in packed.side("train")]
    for picture, number, about in webdataset.WebDataset(tars, shardshuffle=False).decode("pil").to_tuple(
        "jpg", "cls", "json"):
        assert picture.size == (48, 48) and packed.classes[number] == about["label"]
        classes[about["label"]] += 1
    assert classes == packed.counts["train"]


def test_twice_and_otherwise(pets, packed, tmp_path):
    "The same command again changes nothing; another one is refused; the same elsewhere makes the same bytes"
    place = shutil.copytree(packed.place, tmp_path/"packed")
    before = {file: file.stat().st_mtime_ns for file in place.iterdir()}
    assert not pack_photos(pets, place, PackSettings(per_shard=20)).new
    assert {file: file.stat().st_mtime_ns for file in place.iterdir()} == before
    for settings, data in (
            (PackSettings(per_shard=30), DataSettings()), (PackSettings(per_shard=20, seed=1), DataSettings()),
            (PackSettings(per_shard=20), DataSettings(valid=.4))):
        with pytest.raises(CatsDogsError, match="packed in another way; choose a new folder"):
            pack_photos(pets, place, settings, data)
    with pytest.raises(CatsDogsError, match="is not empty"): pack_photos(pets, pets)
    with pytest.raises(CatsDogsError, match="is packed already"): pack_photos(place, tmp_path/"again")
    assert content(place) == content(pack_into(pets, tmp_path/"new"))


def test_killed_and_continued(pets, packed, tmp_path, monkeypatch):
    "Finished shards are kept, and the end is that of an undisturbed packing"
    from catsdogs.data import pack
    write, made = pack._write_shard, []

    def stopped(*arguments):
        if len(made) == 3: raise KeyboardInterrupt
        made.append(arguments[0])
        return write(*arguments)
    monkeypatch.setattr(pack, "_write_shard", stopped)
    with pytest.raises(KeyboardInterrupt): pack_photos(pets, tmp_path/"new", PackSettings(per_shard=20))
    assert not (tmp_path/"new").exists() and len(made) == 3
    kept = {file.name: file.stat().st_ino for file in made}
    monkeypatch.setattr(pack, "_write_shard", write)
    pack_into(pets, tmp_path/"new")
    assert {name: (tmp_path/"new"/name).stat().st_ino for name in kept} == kept
    assert content(tmp_path/"new") == content(Path(packed.place))
    assert [f.name for f in tmp_path.iterdir()] == ["new"]


def test_shrunk(pets, tmp_path):
    "The shorter side is set, the shape stays, a smaller photo stays as it is"
    from PIL import Image
    for kind in ("cat", "dog"):
        (tmp_path/"mixed"/kind).mkdir(parents=True)
        for i, size in enumerate([(90, 60), (60, 120), (30, 40)] * 3):
            Image.effect_noise(size, 40).convert("RGB").save(tmp_path/"mixed"/kind/f"{i}.png")
    packed = pack_photos(tmp_path/"mixed", tmp_path/"small", PackSettings(size=40)).packed
    sizes = Counter(open_photo(photo).size for photo in packed.photos())
    assert sizes == {(60, 40): 6, (40, 80): 6, (30, 40): 6}
    before = {photo.read() for photo in list_photos(tmp_path/"mixed") if open_photo(photo).size == (30, 40)}
    assert before == {photo.read() for photo in packed.photos() if open_photo(photo).size == (30, 40)}


def test_unreadable_and_without_class(pets, tmp_path):
    "What cannot be read is left out and told; photos without a class can be answered"
    place = shutil.copytree(pets, tmp_path/"pets")
    (place/"cat"/"cat.3.jpg").write_bytes((place/"cat"/"cat.3.jpg").read_bytes()[:400])
    (place/"dog"/"none.jpg").write_bytes(b"")
    done = pack_photos(place, tmp_path/"packed")
    assert len(done.left_out) == 2 and len(list(done.packed.photos())) == 119
    assert all(word in " ".join(done.left_out.values()) for word in ("damaged", "empty"))
    (tmp_path/"unknown").mkdir()
    for i in range(5): shutil.copy(place/"cat"/f"cat.{i + 10}.jpg", tmp_path/"unknown"/f"{i}.jpg")
    unknown = pack_photos(tmp_path/"unknown", tmp_path/"answered").packed
    assert [(p.label, p.split) for p in unknown.photos()] == [(None, "test")] * 5
    with pytest.raises(CatsDogsError, match="from photos without classes"):
        from catsdogs.data.stream import stream_dataloaders
        stream_dataloaders(tmp_path/"answered")


# A server

class Server:
    "Files on 127.0.0.1, with faults on demand"
    def __init__(self, place):
        self.place, self.faults, self.asked = place, {}, Counter()
        self.password = None

    def __enter__(self):
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.address = f"http://127.0.0.1:{self.http.server_port}/packed"
        threading.Thread(target=self.http.serve_forever, kwargs=dict(poll_interval=.05), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()

    def handler(server):
        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self): self.do_GET()

            def do_GET(self):
                name = self.path.rpartition("/")[2]
                server.asked[name] += 1
                given = self.headers.get("Authorization", "")
                wanted = server.password and "Basic " + base64.b64encode(server.password.encode()).decode()
                if wanted and given != wanted: return self.send_error(401)
                kind, times = server.faults.get(name, (None, 0))
                if times: server.faults[name] = kind, times - 1
                if times and isinstance(kind, int): return self.send_error(kind)
                file = server.place/name
                if not file.is_file(): return self.send_error(404)
                data = file.read_bytes()
                self.send_response(200)
                if kind != "short": self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data[: len(data) // 2] if times else data)
                if times: self.close_connection = True

            def log_message(self, *parts): pass
        return Handler


@pytest.fixture
def server(copy):
    pytest.importorskip("aiohttp")
    with Server(copy) as running: yield running


def test_from_a_server_and_from_memory(server, packed, pets, quick, tmp_path):
    "The same curve from a folder, a web server and memory; a list of the folder's photos gives the same sides"
    import fsspec
    from catsdogs.runs.folder import Run
    from catsdogs.training.recipes import find_recipe
    from catsdogs.training.train import RunSettings, train_run
    settings = RunSettings(find_recipe("codelab", model="classic", size=32, epochs=2, bs=16), fast=False)
    memory = fsspec.filesystem("memory")
    for file in (tmp_path/"packed").iterdir(): memory.pipe(f"/mine/{file.name}", file.read_bytes())
    runs = {name: train_run(source, tmp_path/name, settings)
            for name, source in dict(folder=packed.place, server=server.address, memory="memory://mine").items()}
    for run in runs.values(): np.testing.assert_array_equal(curve(run.path), curve(runs["folder"].path))
    assert runs["server"].info.data.source == server.address
    plain = train_run(pets, tmp_path/"plain", settings)
    assert Run.open(tmp_path/"server").split() == plain.split()
    # each shard was fetched once, and its checksum is its name in the cache
    assert max(server.asked[name] for name in server.asked if name.endswith(".tar")) == 1
    # a finished run is asked for again: the photos are compared, nothing is trained
    assert train_run(server.address, tmp_path/"server", settings, resume=True).info.state == "finished"
    memory.rm("/mine", recursive=True)


def test_a_cache_that_is_too_small(server, quick, monkeypatch, packed):
    "Shards make room for each other, and are fetched again"
    monkeypatch.setenv("CATSDOGS_CACHE_GB", str(1.5 * max(shard.size for shard in packed.shards) / 1e9))
    photos = list_photos(server.address)
    wanted = {photo.member: photo.read() for photo in packed.photos()}
    for _ in range(2): assert {photo.member: photo.read() for photo in photos} == wanted
    kept = list((shards_module.cache_dir()/"shards").glob("*.tar"))
    assert len(kept) == 1
    assert min(server.asked[shard.name] for shard in packed.shards) == 2
    # one that was spoiled on the disk is fetched again
    kept[0].write_bytes(b"x" * 100)
    assert {photo.member: photo.read() for photo in photos} == wanted


def test_breaks_off_and_comes_back(server, quick):
    "A server that breaks off in the middle, or is busy, is asked again"
    server.faults = {"shards.json": (503, 1), "train-000000.tar": ("broken", 2), "train-000001.tar": ("short", 1)}
    assert len([photo.read() for photo in list_photos(server.address)]) == 120
    assert server.asked["train-000000.tar"] == 3 and server.asked["train-000001.tar"] == 2


def test_a_password(server, quick, packed, capsys):
    "It is used, and neither shown nor written down"
    server.password = "ada:secret"
    assert main(["predict", server.address]) == 2
    assert "does not let you in (HTTP 401)" in one_line(capsys)
    address = server.address.replace("://", "://ada:secret@")
    photos = list_photos(address)
    assert len(photos[0].read()) == photos[0].size and "secret" not in str(photos[0])
    assert main(["predict", address.replace("secret", "wrong")]) == 2
    assert "wrong" not in one_line(capsys)


# What can be wrong

def one_line(capsys):
    err = capsys.readouterr().err
    assert err.startswith("catsdogs: error: ") and err.count("\n") == 1, err
    return err


def change_index(place, change):
    index = json.loads((place/"shards.json").read_text())
    change(index)
    (place/"shards.json").write_text(json.dumps(index))


def cut(place): (place/"train-000001.tar").write_bytes((place/"train-000001.tar").read_bytes()[:5000])
def lose(place): (place/"train-000001.tar").unlink()
def lose_list(place): (place/"train-000001.json").unlink()
def other_bytes(place):
    data = bytearray((place/"train-000001.tar").read_bytes())
    data[3000] ^= 1
    (place/"train-000001.tar").write_bytes(data)
def other_list(place):
    text = (place/"train-000001.json").read_text()
    (place/"train-000001.json").write_text(text.replace("cat/", "dog/", 1))
def double(place): change_index(place, lambda index: index["shards"].append(index["shards"][0]))
def double_under_a_new_name(place):
    change_index(place, lambda index: index["shards"].append({**index["shards"][0], "name": "train-000099.tar"}))
def newer(place): change_index(place, lambda index: index.update(format=2))
def outside(place): change_index(place, lambda index: index["shards"][0].update(name="../../x.tar"))
def no_classes(place): change_index(place, lambda index: index.pop("classes"))
def negative(place): change_index(place, lambda index: index["shards"][0].update(photos=-3))
def no_json(place): (place/"shards.json").write_text("{")
def no_index(place): (place/"shards.json").unlink()


WRONG = {
    cut: "train-000001.tar: is cut short, 5,000 of", lose: "train-000001.tar: is missing",
    lose_list: "train-000001.json: is missing", other_bytes: "train-000001.tar: is not the file that was packed",
    other_list: "train-000001.json: is not the file that was packed", double: "train-000000.tar is there twice",
    double_under_a_new_name: "train-000099.tar is there twice",
    newer: "is of version 2, and this catsdogs reads version 1",
    outside: "the name of a shard", no_classes: "'classes'", negative: "the numbers of", no_json: "not valid JSON",
    no_index: "holds no photos"}


@pytest.mark.parametrize("spoil", WRONG, ids=lambda f: f.__name__)
def test_one_line(spoil, copy, capsys, tmp_path, monkeypatch, quick):
    "In training and in predicting; no run folder is left that did not begin"
    spoil(copy)
    for command in (["train", str(copy), *TINY, "--epochs", "1", "--out", str(tmp_path/"run")], ["predict", str(copy)]):
        assert main(command) == 2
        assert WRONG[spoil] in one_line(capsys)
    # what can be known at once is known before a run begins
    assert (tmp_path/"run").exists() == (spoil is other_bytes or spoil is other_list)


@pytest.mark.parametrize("spoil, says", [
    (cut, "is cut short"), (lose, "is not there"), (other_bytes, "is not the file that was packed"),
    (no_index, "holds no packed data set (there is no shards.json)"), (newer, "is of version 2")],
    ids=lambda value: getattr(value, "__name__", ""))
def test_one_line_from_a_server(spoil, says, server, copy, capsys, quick):
    spoil(copy)
    assert main(["predict", server.address]) == 2
    assert says in one_line(capsys)
    # nothing that is not whole stays in the cache
    tars = list((shards_module.cache_dir()/"shards").glob("*.tar"))
    assert all(file.stem == hashlib.sha256(file.read_bytes()).hexdigest() for file in tars)


def test_addresses_that_do_not_answer(server, capsys, quick):
    def says(address, *more):
        assert main(["predict", address, *more]) == 2
        return one_line(capsys)
    server.faults = {"train-000001.tar": ("broken", 99)}
    assert f"cannot be reached, or breaks off; tried {shards_module.TRIES} times" in says(server.address)
    server.faults = {"shards.json": (403, 99)}
    assert "does not let you in (HTTP 403)" in says(server.address)
    server.faults = {"shards.json": (500, 99)}
    assert "cannot be reached, or breaks off" in says(server.address)
    server.faults = {"shards.json": (418, 99)}
    assert "was refused (HTTP 418)" in says(server.address)
    assert "cannot be reached" in says(f"http://127.0.0.1:{free_port()}/packed")
    assert "holds no packed data set" in says("memory://nowhere")
    assert "is of a kind that fsspec does not know" in says("teleport://here/photos")
    assert "photos are read from files; download it first" in says(f"{server.address}/cat.jpg")
    assert "--valid: " in (main(["train", server.address, "--valid", "0.1"]), one_line(capsys))[1]


def test_no_name_of_a_tar_is_ever_written(copy, tmp_path, quick):
    "Members that point outside, links and pickles in a shard do nothing, whatever the index says of them"
    tar, rows = copy/"train-000000.tar", json.loads((copy/"train-000000.json").read_text())
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as evil:
        for name in ("../../outside.jpg", str(tmp_path/"absolute.jpg"), "key.pyd", "key.pickle"):
            info = tarfile.TarInfo(name)
            info.size = 10
            evil.addfile(info, io.BytesIO(b"cos\nsystem"))
        link = tarfile.TarInfo("link.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        evil.addfile(link)
    data = tar.read_bytes() + buffer.getvalue()
    tar.write_bytes(data)
    rows["names"][0], rows["names"][1] = "../../outside.jpg", str(tmp_path/"absolute.jpg")
    (copy/"train-000000.json").write_text(json.dumps(rows))

    def fit(index):
        first = index["shards"][0]
        first.update(size=len(data), sha256=hashlib.sha256(data).hexdigest())
        first.update(list_sha256=hashlib.sha256((copy/"train-000000.json").read_bytes()).hexdigest())
    change_index(copy, fit)
    before = {file for file in tmp_path.rglob("*")}
    assert len([open_photo(photo) for photo in list_photos(copy)]) == 120
    assert {file for file in tmp_path.rglob("*")} == before
    assert not (tmp_path.parent/"outside.jpg").exists()


def test_a_member_that_is_no_image(copy, capsys, tmp_path, quick):
    "Named in one line by a training, which would learn from fewer photos than it says; left out by predict"
    rows = json.loads((copy/"train-000000.json").read_text())
    tar = bytearray((copy/"train-000000.tar").read_bytes())
    text = b"this is no image, whatever its name says"
    tar[rows["offsets"][0] : rows["offsets"][0] + len(text)] = text
    (copy/"train-000000.tar").write_bytes(tar)
    change_index(copy, lambda index: index["shards"][0].update(sha256=hashlib.sha256(tar).hexdigest()))
    assert main(["train", str(copy), *TINY, "--epochs", "1", "--out", str(tmp_path/"run")]) == 2
    assert "not an image" in one_line(capsys)
    assert main(["predict", str(copy)]) == 1
    assert "1 of 120 photos could not be read" in capsys.readouterr().err


# Streaming

def test_every_photo_once_in_each_epoch(packed, quick):
    "In a new order in each epoch, in batches that hold the right pixels, also from the middle on"
    import random
    from catsdogs.data.stream import stream_dataloaders, stream_photos
    loader = stream_dataloaders(packed.place, DataSettings(size=32), bs=16).train
    by_pixels = {open_photo(photo).resize((32, 32), 2).tobytes(): photo.label for photo in packed.photos("train")}

    def epoch(seed, skip=0):
        loader.rng, loader.skip = random.Random(seed), skip
        batches = [((xb * 255).round().byte(), yb) for xb, yb in loader]
        return [(x.permute(1, 2, 0).contiguous().numpy().tobytes(), loader.vocab[int(y)])
                for xb, yb in batches for x, y in zip(xb, yb, strict=True)]
    first, second = epoch(1), epoch(2)
    assert dict(first) == by_pixels == dict(second) and len(first) == len(by_pixels) == loader.n
    assert first != second and epoch(1) == first
    assert epoch(1, skip=3) == first[48:]
    order = packed.side("train")
    whole = list(stream_photos(packed, order, 5, together=2))
    for skip in (0, 1, 19, 20, 39, 40, 41, len(whole) - 1, len(whole)):
        assert list(stream_photos(packed, order, 5, skip, together=2)) == whole[skip:]


@pytest.mark.parametrize("size", [2, 3])
def test_processes_take_shards_of_their_own(size, packed, tmp_path, folder):
    "They go through as many steps, write one run, and judge it by all validation photos"
    pytest.importorskip("accelerate")
    out = tmp_path/"run"
    done = launch(size, folder, "train", packed.place, *TINY, "--bs", "8", "--epochs", "2", "--out", out)
    assert [p.returncode for p in done] == [0] * size, said(done)
    assert said(done) == [] and np.isfinite(curve(out)).all() and len(curve(out)) == 2
    info = json.loads((out/"run.json").read_text())
    assert info["scores"]["n"] == len(list(packed.photos("valid"))) and info["hardware"]["processes"] == size


def test_shards_of_each_process(packed):
    "No photo is read by two of them, and each has as many batches"
    pytest.importorskip("accelerate")
    import random
    from catsdogs.data.stream import stream_dataloaders
    from catsdogs.training.distributed import ShardsDL
    from catsdogs.training.processes import Processes
    loader = stream_dataloaders(packed.place, DataSettings(size=16), bs=8).train
    own = [ShardsDL(loader, Processes(rank, 2), True) for rank in (0, 1)]
    orders = []
    for dl in own:
        dl.rng = random.Random(3)
        batches = list(dl)
        assert len(batches) == len(dl) and {len(yb) for _, yb in batches} == {4} and dl.piece.length == 4
        orders.append({shard.name for shard in dl.dl.order(3)})
    assert len(own[0]) == len(own[1]) and not orders[0] & orders[1]
    with pytest.raises(CatsDogsError, match="8 processes cannot share these shards"):
        ShardsDL(loader, Processes(0, 8), True)


def test_killed_and_resumed(packed, folder, tmp_path):
    "A training that was killed goes on, and ends as one that was left alone"
    from test_processes import command, SERVER, wait_for
    whole, out = tmp_path/"whole", tmp_path/"killed"
    args = ["train", packed.place, *TINY, "--bs", "16", "--epochs", "8", "--out"]
    assert main([*args, str(whole), "--quiet"]) == 0
    files = [tmp_path/name for name in ("out", "err")]
    for file in files: file.touch()
    process = SERVER.Process(
        target=command, args=([*args, str(out)], str(folder), dict(os.environ), *map(str, files)))
    process.start()
    wait_for(lambda: (out/"history.csv").exists() and len(curve(out)) >= 2)
    process.kill()
    process.join()
    assert len(curve(out)) < 8
    assert main(["train", "--out", str(out), "--resume", "--quiet"]) == 0
    np.testing.assert_allclose(curve(out), curve(whole), atol=1e-6)


class Killed(BaseException):
    "As if the process had been killed"


@pytest.mark.parametrize("kind", ["classic", "codelab"])
def test_resumed_within_an_epoch(kind, packed, tmp_path, monkeypatch):
    "With augmentation, dropout, MixUp and a mean of the weights: the same curve and the same weights, bit for bit"
    import torch
    from catsdogs.training import callbacks
    from catsdogs.training.recipes import find_recipe
    from catsdogs.training.train import RunSettings, train_run
    more = dict(dropout=.3, mixup=.2, augment="standard", ema=.2) if kind == "classic" else dict(optimizer="muon")
    recipe = find_recipe("one_cycle", model=kind, size=32, epochs=3, bs=8, **more)
    whole = train_run(packed.place, tmp_path/"whole", RunSettings(recipe, fast=False))
    monkeypatch.setattr(callbacks, "CHECKPOINT_SECONDS", 0)
    monkeypatch.setattr("catsdogs.evaluation.report._figures", lambda *parts: ())
    seen = []

    def kill(self):
        seen.append((self.epoch, self.training))
        if self.training and self.epoch == 1 and self.iter == 7: raise Killed
    monkeypatch.setattr(callbacks.BatchBar, "after_batch", kill)
    with pytest.raises(Killed): train_run(packed.place, tmp_path/"killed", RunSettings(recipe, fast=False))
    within = callbacks.read_checkpoint(tmp_path/"killed")["within"]
    assert 6 <= within["batches"] <= 8
    seen.clear()

    def count(self): seen.append((self.epoch, self.training))
    monkeypatch.setattr(callbacks.BatchBar, "after_batch", count)
    run = train_run(packed.place, tmp_path/"killed", resume=True)
    batches = -(-sum(packed.counts["train"].values()) // 8)
    assert seen.count((1, True)) == batches - within["batches"] and seen.count((2, True)) == batches
    np.testing.assert_allclose(curve(run.path), curve(whole.path), rtol=1e-5)
    assert run.info.kept_epoch == whole.info.kept_epoch
    for name, weight in whole.model().state_dict().items():
        assert torch.equal(weight, run.model().state_dict()[name]), name


# Many

def made_up(place, n_shards, per_shard):
    "An index of shards without photos: as many lists, and no tar"
    place.mkdir()
    shards = []
    for i in range(n_shards):
        names = [f"{('cat', 'dog')[k % 2]}/{('cat', 'dog')[k % 2]}.{i * per_shard + k}.jpg" for k in range(per_shard)]
        rows = dict(names=names, classes=[k % 2 for k in range(per_shard)], sizes=[20_000] * per_shard,
                    offsets=[512 + 21_504 * k for k in range(per_shard)])
        data = json.dumps(rows).encode()
        (place/f"train-{i:06}.json").write_bytes(data)
        shards.append(dict(name=f"train-{i:06}.tar", photos=per_shard, size=21_504 * per_shard,
                           sha256=hashlib.sha256(str(i).encode()).hexdigest(),
                           list_sha256=hashlib.sha256(data).hexdigest()))
    index = dict(format=1, classes=["cat", "dog"], counts={}, split={}, shards=shards)
    (place/"shards.json").write_text(json.dumps(index))
    return place


def test_work_and_memory_grow_as_they_should(tmp_path):
    "Four times the shards take four times the time to go through, and no more memory"
    import tracemalloc
    figures = []
    for n in (15, 60):
        packed = PackedPhotos.open(made_up(tmp_path/str(n), n, 500))
        tracemalloc.start()
        start = time.process_time()
        assert sum(1 for _ in packed.photos("train")) == 500 * n
        figures.append((time.process_time() - start, tracemalloc.get_traced_memory()[1]))
        tracemalloc.stop()
    (few, less), (many, more) = figures
    assert many < 9 * few + .1 and more < 1.5 * less, figures
