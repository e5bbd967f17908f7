"""What a packed data set of a million photos costs to list, and whether a network notices that its photos are streamed.

python benchmarks/shards.py list [--photos 1000000] [--files 100000] [--save]
python benchmarks/shards.py train TRAIN.ZIP [--seeds 4] [--work FOLDER] [--save]

`list` makes up an index of a thousand shards with their lists, but no photo. It measures, each in a process of its own,
what a training needs (the index, and the order of the first photos), going through all photos, and a list of all. To
compare, it lists a folder of links to eight files. CPU seconds and peak memory are those of the whole process, with
Python's imports; `imports` says what these alone take.

`train` packs Kaggle's small set (2,000 photos to train, 1,000 to validate) at 64 pixels into shards of 50, and trains
the codelab's network twice for each seed: from the ordinary cache, and streamed. Stopped and typed again with the same
`--work`, it goes on.
"""
import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

RESULTS = Path(__file__).resolve().parent/"results"/"shards.json"
PER_SHARD = 1000


def made_up(place, n):
    "An index of shards without photos"
    place.mkdir()
    shards = []
    for i in range(n // PER_SHARD):
        numbers = range(PER_SHARD)
        kinds = [("cat", "dog")[k % 2] for k in numbers]
        names = [f"{kind}/{kind}.{i * PER_SHARD + k}.jpg" for k, kind in enumerate(kinds)]
        rows = dict(names=names, classes=[k % 2 for k in numbers], sizes=[20_000 + k for k in numbers],
                    offsets=[512 + 22_016 * k for k in numbers])
        data = json.dumps(rows).encode()
        (place/f"train-{i:06}.json").write_bytes(data)
        shards.append(dict(name=f"train-{i:06}.tar", photos=PER_SHARD, size=22_016 * PER_SHARD,
                           sha256=hashlib.sha256(str(i).encode()).hexdigest(),
                           list_sha256=hashlib.sha256(data).hexdigest()))
    counts = dict(train=dict(cat=n // 2, dog=n // 2))
    (place/"shards.json").write_text(json.dumps(
        dict(format=1, classes=["cat", "dog"], counts=counts, split={}, shards=shards)))
    return place


def linked(place, n):
    "A folder for each class, with links to eight files"
    for kind in ("cat", "dog"): (place/kind).mkdir(parents=True)
    for i in range(8): (place.parent/f"{i}.jpg").write_bytes(b"x")      # a file can have some 65,000 links
    for i in range(n):
        kind = ("cat", "dog")[i % 2]
        os.link(place.parent/f"{i % 8}.jpg", place/kind/f"{kind}.{i // 2}.jpg")
    return place


def imports(source):
    "Nothing but Python's imports"


def training(source):
    "What a training needs before its first batch: the index, and the order of an epoch"
    from catsdogs.data.shards import PackedPhotos, TarShard
    from catsdogs.data.stream import shard_order, stream_photos
    packed = PackedPhotos.open(source)
    TarShard.local = lambda shard: None                 # there is no tar
    next(stream_photos(packed, shard_order(packed.side("train"), 0), 0))


def through(source):
    "All photos, one after the other"
    from catsdogs.data.shards import PackedPhotos
    for _ in PackedPhotos.open(source).photos(): pass


def everything(source):
    "A list of all photos, as `predict` and `check` make it"
    from catsdogs.data.photos import find_photos
    find_photos(source)


def alone(way, source):
    "CPU seconds and peak memory of one way, in a process of its own"
    code = f"""
import sys, resource
sys.path.insert(0, {str(Path(__file__).parent)!r})
import catsdogs.data.stream, shards
shards.{way.__name__}({str(source)!r})
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)"""
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    cpu, peak = map(float, done.stdout.split())
    kilo = 1 if sys.platform == "darwin" else 1024
    seconds = time.monotonic() - start
    return dict(cpu_seconds=round(cpu, 1), seconds=round(seconds, 1), peak_gb=round(peak * kilo / 1e9, 2))


def list_many(asked):
    "Way → what it costs"
    rows = {}
    with tempfile.TemporaryDirectory(prefix="shards-") as place:
        packed = made_up(Path(place)/"packed", asked.photos)
        rows["index_mb"] = round((packed/"shards.json").stat().st_size / 1e6, 2)
        for way in (imports, training, through, everything):
            rows[f"{way.__name__}, {asked.photos:,} packed"] = row = alone(way, packed)
            print(f"{way.__name__}, {asked.photos:,} packed: {row}", flush=True)
        folder = linked(Path(place)/"photos", asked.files)
        rows[f"everything, {asked.files:,} files"] = row = alone(everything, folder)
        print(f"everything, {asked.files:,} files: {row}", flush=True)
    return dict(list=rows)


def compare(asked):
    "Seed and way → the history of the run"
    from catsdogs.data.pack import pack_photos, PackSettings
    from catsdogs.data.splits import DataSettings
    from catsdogs.runs.folder import HISTORY_COLUMNS
    from catsdogs.training.recipes import RECIPES
    from catsdogs.training.train import RunSettings, train_run
    recipe, rows = replace(RECIPES["one_cycle"], size=64, epochs=asked.epochs, bs=64, keep="last"), []
    with nullcontext(asked.work) if asked.work else tempfile.TemporaryDirectory(prefix="shards-") as place:
        place = Path(place)
        packed = pack_photos(
            asked.zip, place/"packed", PackSettings(size=64, per_shard=50), DataSettings(split="small")).packed
        for seed in range(asked.seeds):
            for way, source in (("cache", list(packed.photos())), ("stream", packed.place)):
                run = train_run(source, place/f"{way}-{seed}", RunSettings(recipe, seed=seed), resume=True)
                history = [[round(row[name], 4) for name in HISTORY_COLUMNS[:4]] for row in run.history()]
                seconds = min(row["train_seconds"] for row in run.history())
                rows.append(dict(way=way, seed=seed, train_seconds=round(seconds, 2), history=history))
                print(way, seed, history[-1], f"{seconds:.1f} s", flush=True)
        shards = len(packed.side("train"))
    return dict(train=dict(shards=shards, per_shard=50, epochs=asked.epochs, cores=os.cpu_count(), runs=rows))


def main():
    "Print the figures, and keep them if asked"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("list", "train"))
    parser.add_argument("zip", nargs="?")
    parser.add_argument("--photos", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--work", help="keep the runs here")
    parser.add_argument("--save", action="store_true")
    asked = parser.parse_args()
    found = list_many(asked) if asked.what == "list" else compare(asked)
    if not asked.save: return
    before = json.loads(RESULTS.read_text(encoding="utf8")) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps(before | found, indent=1) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()
