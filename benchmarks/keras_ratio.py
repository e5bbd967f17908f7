"""Training speed of the codelab's network: catsdogs against Keras, in alternation, each in a
process of its own.

Usage: python benchmarks/keras_ratio.py PHOTOS [--keras-python PYTHON] [--rounds 4] [--epochs 8]

Both train on photos 0-999 of each class at 150×150 in batches of 100. Keras reads JPEG files with
flow_from_directory, as the codelab does; catsdogs reads train.zip, and its first epoch includes
building the cache. Per process: the first epoch, and all photos of the others by all their seconds.
Keras' loader (OrderedEnqueuer in 3.15) sleeps up to five seconds (a queue read with that timeout)
before some epochs. Its rate is given with these waits, as a user has it, and without.
"""
import argparse, json, os, statistics, subprocess, sys, tempfile
from pathlib import Path

OURS = """
import json, sys, time
start = time.perf_counter()
from catsdogs.data.splits import DataSettings
from catsdogs.data.dataloaders import photo_dataloaders
from catsdogs.training.callbacks import History
from catsdogs.training.learner import photo_learner
from catsdogs.training.recipes import find_recipe
imported = time.perf_counter()
dls = photo_dataloaders(sys.argv[1], DataSettings(split="small"), bs=100)
cached = time.perf_counter()
learn = photo_learner(dls, "codelab", seed=0, cbs=History())
with learn.no_bar(), learn.no_logging(): learn.fit(int(sys.argv[2]))
rows = learn.history.rows
n = len(dls.train_ds)
cache_seconds = cached - imported
print(json.dumps(dict(
    rates=[r["images_per_second"] for r in rows], cache_seconds=cache_seconds,
    first_seconds=cache_seconds + rows[0]["train_seconds"], n=n, speed=str(learn.speed))))
"""

def ours(zip_file, epochs):
    with tempfile.TemporaryDirectory() as cache:
        out = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", OURS, zip_file, str(epochs)],
            env={**os.environ, "CATSDOGS_CACHE": cache}, capture_output=True, text=True, check=True,
        ).stdout
    return json.loads(out.splitlines()[-1])

def keras(python, folder, epochs):
    out = subprocess.run(
        [
            python,
            str(Path(__file__).parent / "keras_codelab.py"),
            str(folder),
            "--epochs",
            str(epochs)],
        capture_output=True,
        text=True,
        check=True).stdout
    rows = [json.loads(l) for l in out.splitlines() if l.startswith("{")]
    return dict(
        rates=[r["images_per_second"] for r in rows], first_seconds=rows[0]["seconds"],
        waits=[r["wait_seconds"] for r in rows])

def after_first(n, rates, waits=()):
    "Photos a second after the first epoch, of rates per epoch; waiting does not count"
    return n * len(rates[1:]) / (sum(n / r for r in rates[1:]) - sum(waits[1:]))

def unpack(zip_file, folder):
    "Photos 0-999 of each class as files, for flow_from_directory"
    from catsdogs.data.photos import list_photos
    for p in list_photos(zip_file):
        side = "train" if p.number < 1000 else "validation" if p.number < 1500 else None
        if side:
            f = folder/side/f"{p.label}s"/p.name
            f.parent.mkdir(parents=True, exist_ok=True)
            f.write_bytes(p.read())

def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--keras-python", default=sys.executable)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=8)
    return parser.parse_args()

def main():
    args = arguments()
    zip_file, rounds = str(args.photos/"train.zip"), []
    with tempfile.TemporaryDirectory() as d:
        unpack(zip_file, Path(d))
        for _ in range(args.rounds):
            a, b = ours(zip_file, args.epochs), keras(args.keras_python, d, args.epochs)
            n = a["n"]
            rounds.append(
                dict(
                    ours=after_first(n, a["rates"]), keras=after_first(n, b["rates"]),
                    keras_without_waits=after_first(n, b["rates"], b["waits"]),
                    ours_first_seconds=a["first_seconds"], keras_first_seconds=b["first_seconds"],
                    cache_seconds=a["cache_seconds"], speed=a["speed"], ours_rates=a["rates"],
                    keras_rates=b["rates"], keras_waits=b["waits"]))
            r = rounds[-1]
            r.update(
                ratio=r["ours"] / r["keras"],
                ratio_without_waits=r["ours"] / r["keras_without_waits"],
                first_epoch_ratio=r["keras_first_seconds"] / r["ours_first_seconds"])
            print({k: round(v, 2) for k, v in r.items() if isinstance(v, float)}, flush=True)
    median = {}
    for k in ("ratio", "ratio_without_waits", "first_epoch_ratio"):
        median[k] = statistics.median(r[k] for r in rounds)
    result = dict(median, rounds=rounds)
    print(
        f"images per second, catsdogs / Keras: {median['ratio']:.2f}, without "
        f"Keras' waits {median['ratio_without_waits']:.2f}; first epoch with the "
        f"cache built, Keras' seconds / ours: {median['first_epoch_ratio']:.2f}")
    (Path(__file__).parent / "results" / "keras_ratio.json").write_text(
        json.dumps(result, indent=1) + "\n")

if __name__ == "__main__": main()
