"""Give every reader thousands of spoiled files; each must answer, or end in one plain line.

python tools/mutate_inputs.py [READER …]
    --n N           spoiled files for each reader (1000)
    --seed S        which (0)
    --record FILE   add the counts of this call to a JSON file

A file is spoiled by flipped bytes, cuts, doubled and exchanged pieces; JSON and tables also by odd values in the right
places. What may come out is an answer or a `CatsDogsError` of one line. Found are other exceptions, messages of several
lines, answers that are no numbers, more than twenty seconds for a file, and anything written outside the work folder.
"""
import argparse
import copy
import csv
import gzip
import importlib
import io
import json
import math
import os
import random
import shutil
import signal
import sys
import tarfile
import tempfile
import traceback
import warnings
import zipfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from catsdogs.core import CatsDogsError

SECONDS = 20        # for one file
ODD_VALUES = (
    None, True, 0, -1, 1, 2, 10**30, -2**63, 1e308, 1e-320, math.nan, math.inf, "", " ", "\0", "\ud800", "🐱" * 50,
    "../../x", "/etc/passwd", "timm:hf-hub:x/y", [], {}, [[]], [None], {"": None}, "None", "nan", "1e999", "-0")
ODD_CELLS = (
    "", " ", "nan", "inf", "-inf", "-1", "1e999", "٣", "²", "0x10", "1_0", "9" * 400, '"', "\0", "\r", ",", "é", "x\ny")


def write_study(file, rows):
    "A study's journal, with a trial that holds each of the rows"
    import optuna
    from optuna.trial import create_trial, TrialState
    from catsdogs.study.storage import open_storage, STUDY
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(storage=open_storage(file), study_name=STUDY, direction="maximize")
    for i, row in enumerate(rows):
        about = dict(configuration=dict(dropout=i % 2), seed=i // 2, row=row)
        study.add_trial(create_trial(state=TrialState.FAIL, user_attrs=about))


# Spoiling

def spoil(data, dice):
    "Bytes with one to four faults"
    for _ in range(dice.randint(1, 4)):
        data = dice.choice(FAULTS)(bytearray(data), dice)
    return bytes(data)


def _flip(data, dice):
    for _ in range(dice.choice((1, 1, 3, 20)) if data else 0):
        data[dice.randrange(len(data))] = dice.choice((0, 1, 127, 128, 255, dice.randrange(256)))
    return data


def _cut(data, dice):
    return data[:dice.randint(0, len(data))]


def _piece(data, dice):
    start = dice.randint(0, len(data))
    return start, min(len(data), start + dice.choice((1, 4, 30, 300, 3000)))


def _drop(data, dice):
    start, end = _piece(data, dice)
    return data[:start] + data[end:]


def _double(data, dice):
    start, end = _piece(data, dice)
    return data[:end] + data[start:end] * dice.choice((1, 2, 50)) + data[end:]


def _exchange(data, dice):
    (a, b), (c, d) = sorted((_piece(data, dice), _piece(data, dice)))
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


FAULTS = (_flip, _flip, _flip, _cut, _drop, _double, _exchange)


def spoil_json(data, dice):
    "JSON with odd values, or spoiled as bytes"
    if dice.random() < .2:
        return spoil(data, dice)
    value = json.loads(data)
    for _ in range(dice.randint(1, 3)):
        value = _change(value, dice)
    return json.dumps(value).encode()


def _change(value, dice):
    "One place of a JSON value changed"
    if not isinstance(value, (dict, list)) or not value or dice.random() < .1:
        return copy.deepcopy(dice.choice(ODD_VALUES))
    key = dice.choice(list(value) if isinstance(value, dict) else range(len(value)))
    kind = dice.random()
    if kind < .1:
        del value[key]
    elif kind < .2 and isinstance(value, dict):
        value[dice.choice(("x", "", "model", "classes"))] = copy.deepcopy(dice.choice(ODD_VALUES))
    elif kind < .3 and isinstance(value, list):
        value.append(copy.deepcopy(value[key]))
    else:
        value[key] = _change(value[key], dice)
    return value


def spoil_table(data, dice):
    "A table with odd cells, or spoiled as bytes"
    if dice.random() < .3:
        return spoil(data, dice)
    rows = list(csv.reader(io.StringIO(data.decode())))
    for _ in range(dice.randint(1, 4)):
        row = dice.choice(rows)
        place, kind = dice.randrange(len(row) + 1), dice.random()
        if kind < .15 or place == len(row):
            row.insert(place, dice.choice(ODD_CELLS))
        elif kind < .3 and len(row) > 1:
            del row[place]
        elif kind < .4:
            rows.append(list(row))
        else:
            row[place] = dice.choice(ODD_CELLS)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf8", "surrogatepass")


def spoil_tensors(data, dice):
    "A file of tensors with odd numbers or another header, or spoiled as bytes"
    kind, length = dice.random(), int.from_bytes(data[:8], "little")
    header, body = data[8:8 + length], bytearray(data[8 + length:])
    if kind < .3:
        return spoil(data, dice)
    if kind < .6:
        header = spoil_json(header, dice)
    else:
        for _ in range(dice.choice((1, 5, 200))):
            place = dice.randrange(len(body) // 2) * 2
            body[place:place + 2] = dice.choice((b"\0\x7c", b"\xff\x7f", b"\x80\xff", b"\xff\x7b", b"\0\0"))
    return len(header).to_bytes(8, "little") + header + bytes(body)


# Readers: each has its whole files, how they are spoiled, and what reads one

class Readers:
    "Everything that reads a file; the whole files are made in a folder"
    def __init__(self, folder):
        from catsdogs.drawing.dataset import draw_pets
        from catsdogs.runs.folder import shipped_run
        self.folder = Path(folder)
        self.pets = draw_pets(self.folder/"pets", 8, 32)
        self.photos = sorted(self.pets.glob("*/*.jpg"))
        shutil.copytree(shipped_run().path, self.folder/"run")
        self.split = gzip.decompress((self.folder/"run"/"split.csv.gz").read_bytes())
        self.split = b"".join(self.split.splitlines(True)[:40])
        (self.folder/"run"/"split.csv.gz").unlink()
        self.write("run/history.csv", self._history())

    def write(self, name, data):
        "A file in the folder"
        file = self.folder/name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        return file

    def _history(self):
        from catsdogs.runs.folder import HISTORY_COLUMNS
        rows = [[i, *[0.5] * (len(HISTORY_COLUMNS) - 1)] for i in range(4)]
        return "\n".join(",".join(map(str, row)) for row in [HISTORY_COLUMNS, *rows]).encode() + b"\n"

    # name: (whole files, how to spoil one, how to read one)
    def all(self):
        "Name → the reader"
        run = self.folder/"run"
        return {
            "photos": (self._pictures(), spoil, self.read_photo),
            "zips": ([self._zip()], spoil, self.read_zip),
            "shards": ([self._packed("train-000000.tar")], spoil, self.read_shard),
            "index of shards": ([self._packed("shards.json")], spoil_json, self.read_index),
            "list of a shard": ([self._packed("train-000000.json")], spoil_json, self.read_shard_list),
            "archives": ([self._zip(), self._tar()], spoil, self.read_archive),
            "run.json": ([(run/"run.json").read_bytes()], spoil_json, self.read_run),
            "weights": ([(run/"model.safetensors").read_bytes()], spoil_tensors, self.read_weights),
            "familiar": ([(run/"ood.safetensors").read_bytes()], spoil_tensors, self.read_familiar),
            "history": ([self._history()], spoil_table, self.read_history),
            "split": ([self.split], spoil_table, self.read_split),
            "checkpoint": ([self._checkpoint()], spoil, self.read_checkpoint),
            "labels": ([self._labels()], spoil_table, self.read_labels),
            "drawings": ([(self.pets/"drawings.csv").read_bytes()], spoil_table, self.read_drawings),
            "submission": ([self._submission()], spoil_table, self.read_submission),
            "sample": ([self._submission()], spoil_table, self.read_sample),
            "study": ([self._study()], spoil, self.read_study),
            "study table": ([self._results()], spoil_table, self.read_results),
            "quarantine": ([self._moves()], spoil_table, self.read_moves),
            "record": ([self._record()], spoil_json, self.read_record),
            "cache list": ([b'{"0": "damaged", "3": "empty"}'], spoil_json, self.read_cache_list),
        }

    def _pictures(self):
        "The same drawing in every format and mode"
        img, made = Image.open(self.photos[0]), [self.photos[0].read_bytes()]
        for mode, kind in (
                ("RGB", "PNG"), ("P", "PNG"), ("I;16", "PNG"), ("RGBA", "WEBP"), ("P", "GIF"), ("RGB", "BMP"),
                ("1", "BMP"), ("RGB", "TIFF"), ("CMYK", "TIFF"), ("CMYK", "JPEG"), ("RGB", "AVIF")):
            buffer = io.BytesIO()
            deep = Image.fromarray(np.asarray(img.convert("L"), np.uint16) * 257)
            picture = deep if mode == "I;16" else img.convert(mode)
            try:
                picture.save(buffer, kind)
            except (KeyError, OSError):                 # a format that this Pillow does not write
                continue
            made.append(buffer.getvalue())
        return made

    def read_photo(self, data):
        from catsdogs.data.doctor import examine
        from catsdogs.data.photos import open_photo, Photo
        examine(Photo(self.write("one.jpg", data), size=len(data)))
        img = open_photo(data, 32)
        if img.mode != "RGB" or 0 in img.size:
            raise AssertionError(f"{img.mode} {img.size}")

    def _zip(self):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in self.photos:
                archive.write(file, f"PetImages/{file.parent.name}/{file.name}")
        return buffer.getvalue()

    def _tar(self):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for file in self.photos:
                archive.add(file, f"PetImages/{file.parent.name}/{file.name}")
        return buffer.getvalue()

    def _packed(self, name):
        "A file of a packed data set"
        from catsdogs.data.pack import pack_photos
        return (pack_photos(self.pets, self.folder/"packed").packed.side("train")[0].local().parent/name).read_bytes()

    def _spoiled_pack(self, name, data):
        "A copy of the packed data set with one file of it spoiled"
        place = self.folder/"spoiled"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.folder/"packed", place)
        (place/name).write_bytes(data)
        return place

    def read_shard(self, data):
        from catsdogs.data.photos import list_photos
        for photo in list_photos(self._spoiled_pack("train-000000.tar", data)):
            photo.read()

    def read_index(self, data):
        from catsdogs.data.photos import list_photos
        for photo in list_photos(self._spoiled_pack("shards.json", data)):
            photo.read()

    def read_shard_list(self, data):
        "With a checksum that fits, as whoever spoils a list on purpose would make it"
        import hashlib
        from catsdogs.data.doctor import check_photos
        from catsdogs.data.photos import list_photos
        place = self._spoiled_pack("train-000000.json", data)
        index = json.loads((place/"shards.json").read_bytes())
        index["shards"][0]["list_sha256"] = hashlib.sha256(data).hexdigest()
        (place/"shards.json").write_text(json.dumps(index))
        check_photos(list_photos(place))

    def read_zip(self, data):
        from catsdogs.data.doctor import check_photos
        from catsdogs.data.photos import list_photos
        check_photos(list_photos(self.write("one.zip", data)))

    def read_archive(self, data):
        from catsdogs.data.sources import fetch_photos
        shutil.rmtree(self.folder/"fetched", ignore_errors=True)
        fetch_photos("petimages", self.folder/"fetched", self.write("one.zip", data))

    def read_run(self, data):
        from catsdogs.runs.folder import Run
        self._restored("run.json", data, lambda: Run.open(self.folder/"run").predictor())

    def read_weights(self, data):
        self._restored("model.safetensors", data, self._answer)

    def read_familiar(self, data):
        self._restored("ood.safetensors", data, self._answer)

    def _restored(self, name, data, read):
        "Read the run with one file of it spoiled"
        file = self.folder/"run"/name
        whole = file.read_bytes()
        file.write_bytes(data)
        try:
            read()
        finally:
            file.write_bytes(whole)

    def _answer(self):
        from catsdogs.data.photos import list_photos
        from catsdogs.runs.predict import predict_photos, Predictor
        for answer in predict_photos(Predictor(self.folder/"run"), list_photos(self.photos[0], part="test")):
            if answer.label is None or not all(map(math.isfinite, answer.probabilities.values())):
                raise AssertionError(f"answers {answer.probabilities} {answer.error}")

    def read_history(self, data):
        from catsdogs.runs.folder import Run
        self._restored("history.csv", data, lambda: Run.open(self.folder/"run").history())

    def read_split(self, data):
        from catsdogs.runs.folder import Run
        self.write("run/split.csv", data)
        Run.open(self.folder/"run").split()

    def _checkpoint(self):
        import torch
        buffer = io.BytesIO()
        torch.save({"rows": [{"epoch": 0}], "model": {"w": torch.ones(3)}, "opt": {"state": [], "hypers": []}}, buffer)
        return buffer.getvalue()

    def read_checkpoint(self, data):
        from catsdogs.training.callbacks import read_checkpoint
        read_checkpoint(self.write("training/checkpoint.pt", data).parent)

    def _labels(self):
        names = [f"{i},{'cat' if i % 2 else 'dog'}" for i in range(6)]
        return "\n".join(["file,label", *names]).encode() + b"\n"

    def read_labels(self, data):
        from catsdogs.data.photos import find_photos
        folder = self.write("labelled/labels.csv", data).parent
        for i in range(6):
            if not (folder/f"{i}.jpg").exists():
                shutil.copy(self.photos[i], folder/f"{i}.jpg")
        find_photos(folder)

    def read_drawings(self, data):
        from catsdogs.drawing.dataset import read_specs
        read_specs(self.write("drawn/drawings.csv", data).parent)

    def _submission(self):
        return "\n".join(["id,label", *(f"{i},0.{i}5" for i in range(1, 9))]).encode() + b"\n"

    def read_submission(self, data):
        from catsdogs.evaluation.kaggle import check_submission
        check_submission(self.write("submission.csv", data), self.write("sample.csv", self._submission()))

    def read_sample(self, data):
        from catsdogs.evaluation.kaggle import check_submission
        check_submission(self.write("submission.csv", self._submission()), self.write("sample.csv", data))

    def _row(self):
        return json.dumps(dict(
            run=0, dropout=.5, seed=0, outcome="finished", accuracy=.5, train_accuracy=.6, valid_loss=.7, seconds=1.,
            train_losses="1 .5", valid_losses="1 .6", accuracies=".4 .5", cpu="x", threads=1)).encode()

    def _study(self):
        row = json.loads(self._row())
        file = self.folder/"sample"/"journal.log"
        file.parent.mkdir(exist_ok=True)
        file.unlink(missing_ok=True)
        write_study(file, [{**row, "run": i, "dropout": i % 2} for i in range(2)])
        return file.read_bytes()

    def read_study(self, data):
        from catsdogs.study.effects import format_answers
        from catsdogs.study.study import study_rows
        self.write("study/journal.log", data)
        format_answers(study_rows(self.folder/"study"))

    def _results(self):
        row = json.loads(self._row())
        rows = [",".join(map(str, {**row, "run": i, "dropout": i % 2}.values())) for i in range(4)]
        return "\n".join([",".join(row), *rows]).encode() + b"\n"

    def read_results(self, data):
        from catsdogs.study.effects import format_answers
        from catsdogs.study.study import read_results
        format_answers(read_results(self.write("results.csv", data)))

    def _moves(self):
        aside = self.folder/"aside"
        return f"from,to\n{self.folder}/a.jpg,{aside}/a.jpg\n{self.folder}/b.jpg,{aside}/b.jpg\n".encode()

    def read_moves(self, data):
        from catsdogs.data.doctor import undo_quarantine
        for name in ("aside/a.jpg", "aside/b.jpg"):
            self.write(name, b"x")
        undo_quarantine(self.write("aside/quarantine.csv", data).parent)

    def _record(self):
        return json.dumps(dict(name="dogs-vs-cats", title="t", address="a", photos={"train": 4})).encode()

    def read_record(self, data):
        from catsdogs.data.sources import fetch_competition, recorded_competition, sample_submission
        folder = self.write("fetched-before/source.json", data).parent
        recorded_competition(folder)
        sample_submission(folder)
        fetch_competition("dogs-vs-cats", folder, self.folder/"nowhere")

    def read_cache_list(self, data):
        from catsdogs.data.cache import build_cache
        from catsdogs.data.photos import list_photos
        from catsdogs.data.splits import DataSettings
        photos = list_photos(self.pets)
        file = build_cache(photos, DataSettings(16)).file
        file.with_suffix(".json").write_bytes(data)
        cache = build_cache(photos, DataSettings(16))
        if cache.bad or len(cache.rows) != len(photos):
            raise AssertionError(f"{len(cache.rows)} of {len(photos)} photos, bad {list(cache.bad.values())[:1]}")


# Trials

class TooLong(BaseException):
    "A reader does not end"


@contextmanager
def limited(seconds):
    "Stop what takes longer"
    def stop(number, frame):
        raise TooLong(f"more than {seconds} seconds")
    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


_OUTSIDE = []
_CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "shutil.rmtree", "os.truncate")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


_IN_FOLDER = {"os.remove": 1, "os.rmdir": 1, "os.mkdir": 2}     # where the open folder stands among the arguments


def _is_mode(event, argument):
    return event == "open" and set(str(argument)) <= set("rwxab+tU")


def watch_writes(folder):
    "Note what is written outside the folder"
    inside = (f"{folder}{os.sep}", str(folder), "/dev/", "/proc/")

    def hook(event, arguments):
        if event not in _CHANGES and not (event == "open" and (arguments[2] or 0) & _WRITES):
            return
        if _IN_FOLDER.get(event) and arguments[_IN_FOLDER[event]] != -1:
            return                                      # `shutil.rmtree` at work in a folder that it has opened
        for path in arguments[:2]:
            if isinstance(path, (str, Path)) and "__pycache__" not in str(path) and not _is_mode(event, path):
                if not os.path.abspath(path).startswith(inside):
                    _OUTSIDE.append(f"{event} {path}")
    sys.addaudithook(hook)


def _place(error):
    "Where in this project an exception comes from"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f"{os.sep}catsdogs{os.sep}" in f.filename]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "elsewhere"


def attempt(read, data):
    "What was wrong with reading this, in words; empty if nothing was. And was it refused?"
    _OUTSIDE.clear()
    refused = False
    try:
        with limited(SECONDS):
            read(data)
    except CatsDogsError as e:
        refused = True
        if len(str(e).splitlines()) != 1:
            return f"a message of several lines: {str(e)[:200]!r}", refused
    except (Exception, TooLong) as e:
        return f"{type(e).__name__} at {_place(e)}: {str(e)[:150]}", refused
    return (f"wrote outside: {_OUTSIDE[0]}" if _OUTSIDE else ""), refused


def try_reader(name, reader, n, seed):
    "Counts, and an example of everything that was found"
    whole, how, read = reader
    counts, found = Counter(), {}
    for i in range(n):
        dice = random.Random(f"{name} {seed} {i}")
        wrong, refused = attempt(read, how(dice.choice(whole), dice))
        counts["found" if wrong else "refused" if refused else "read"] += 1
        if wrong:
            found.setdefault(wrong.partition(": ")[0], f"{wrong} (file {i})")
    return counts, list(found.values())


def prepare(folder):
    "A quiet process that keeps its files in the folder"
    os.environ.update(
        CATSDOGS_CACHE=str(folder/"cache"), MPLCONFIGDIR=str(folder), TORCHINDUCTOR_CACHE_DIR=str(folder),
        CATSDOGS_DEVICE="cpu", TQDM_DISABLE="1")
    tempfile.tempdir = str(folder)
    warnings.simplefilter("ignore")
    readers = Readers(folder)
    for module in ("study.study", "training.callbacks", "runs.predict"):    # imports make folders of their own
        importlib.import_module(f"catsdogs.{module}")
    watch_writes(folder)
    return readers.all()


def record(file, name, counts):
    "Add counts to those of earlier calls"
    file = Path(file)
    everything = json.loads(file.read_text(encoding="utf8")) if file.exists() else {}
    everything[name] = dict(Counter(everything.get(name, {})) + counts)
    file.write_text(json.dumps(everything, indent=1, sort_keys=True) + "\n", encoding="utf8")


def main():
    "The exit status"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("readers", nargs="*", metavar="READER")
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record")
    asked = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory(prefix="mutated-") as folder:
        readers = prepare(Path(folder).resolve())
        if unknown := sorted(set(asked.readers) - set(readers)):
            parser.error(f"unknown reader {unknown[0]}: choose among {', '.join(readers)}")
        for name in asked.readers or readers:
            counts, found = try_reader(name, readers[name], asked.n, asked.seed)
            print(f"{name}: {dict(counts)}", *found, sep="\n    ", flush=True)
            failed = failed or bool(found)
            if asked.record:
                record(asked.record, name, counts)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
