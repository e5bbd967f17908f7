"""What noise, blur, weather and compression do to a network: the fifteen common corruptions of
Hendrycks & Dietterich (2019), each at five strengths, on validation photos of the shipped split.

Usage: python benchmarks/corruptions.py PHOTOS NAME=RUN… [--photos 400] [--minutes 60] [--work FOLDER]

PHOTOS is the folder with Kaggle's train.zip. Each RUN is a run folder with the split and the size
of the shipped network; `petnet=shipped` is the shipped one. The photos are made square first, and
then corrupted, as was done for ImageNet-C. The package imagecorruptions-imaug makes the corruptions
(pip install imagecorruptions-imaug). Its strengths were chosen for 224 pixels, and are harder on the
smaller pictures here. Photos are taken in blocks of twenty. Each block is made once, shown to all
networks, and kept in --work, so that a second call goes on. No new block begins after --minutes.
Writes results/corruptions.csv: a row for each network, corruption and strength (0: clean), and
means over all corruptions.
"""
import argparse, csv, hashlib, time
from itertools import product
from pathlib import Path

import numpy as np

from catsdogs.core import cache_dir
from catsdogs.data.photos import evenly_spaced, list_photos
from catsdogs.evaluation.metrics import score
from catsdogs.runs.folder import MODEL_FILE, Run, shipped_run

RESULTS = Path(__file__).parent/"results"/"corruptions.csv"
BLOCK, STRENGTHS = 20, (1, 2, 3, 4, 5)

def conditions():
    "Name and strength of each corruption; clean first"
    from imagecorruptions import get_corruption_names
    return [("clean", 0), *product(get_corruption_names(), STRENGTHS)]

def validation_photos(source, n):
    "The same photos of both classes for every network, in blocks that hold both"
    sides = shipped_run().split()
    photos = [p for p in list_photos(source) if sides.get((p.name, p.label, p.size)) == "valid"]
    chosen = evenly_spaced(photos, n)
    return [chosen[i] for i in np.random.default_rng(0).permutation(len(chosen))]

def corrupted(pixels, name, strength):
    "n×size×size×3 → the same, corrupted"
    from imagecorruptions import corrupt
    if name == "clean": return pixels
    return np.stack([corrupt(picture, strength, name) for picture in pixels])

def answer_block(networks, photos, number, work):
    "Each network's probabilities for the photos of a block: conditions×n×classes"
    names = [f"{name}-{digest}" for name, (_, digest) in networks.items()]
    files = [work/f"{name}-{len(photos)}-{photos[0].name}-{number}.npy" for name in names]
    if all(file.exists() for file in files): return [np.load(file) for file in files]
    np.random.seed(number)
    pixels = np.stack([next(iter(networks.values()))[0].pixels(photo) for photo in photos])
    answers = [[] for _ in networks]
    for name, strength in conditions():
        pictures = corrupted(pixels, name, strength)
        for (predictor, _), found in zip(networks.values(), answers):
            found.append(predictor.probabilities(pictures).numpy())
    for file, found in zip(files, answers): np.save(file, np.stack(found))
    return [np.stack(found) for found in answers]

def rows_of(network, probabilities, targets):
    "A row for each condition, and means of all that are not clean"
    rows = []
    for (name, strength), p in zip(conditions(), probabilities):
        s = score(p, targets, ["cat", "dog"])
        rows.append(dict(
            network=network, corruption=name, strength=strength, n=s.n, accuracy=round(s.accuracy, 4),
            log_loss=round(s.log_loss, 4), calibration_error=round(s.calibration_error, 4)))
    measures = ("accuracy", "log_loss", "calibration_error")
    def mean(some): return {m: round(float(np.mean([row[m] for row in some])), 4) for m in measures}
    worse = [row for row in rows if row["strength"]]
    for strength in STRENGTHS:
        some = [row for row in worse if row["strength"] == strength]
        rows.append(dict(network=network, corruption="mean", strength=strength, n=len(targets), **mean(some)))
    return [*rows, dict(network=network, corruption="mean", strength="all", n=len(targets), **mean(worse))]

def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("networks", nargs="+")
    parser.add_argument("--photos", type=int, default=400, dest="n")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--work", type=Path, default=cache_dir()/"corruptions")
    return parser.parse_args()

def open_network(text):
    "A predictor, and a digest of its weights"
    run = shipped_run() if text == "shipped" else Run.open(text)
    digest = hashlib.sha256((run.path/MODEL_FILE).read_bytes()).hexdigest()[:12]
    return run.predictor(fast=True), digest

def main():
    args, start = arguments(), time.time()
    args.work.mkdir(parents=True, exist_ok=True)
    networks = {name: open_network(run) for name, run in (n.split("=", 1) for n in args.networks)}
    photos, found, targets = validation_photos(args.photos/"train.zip", args.n), [], []
    for number, i in enumerate(range(0, len(photos), BLOCK)):
        if time.time() - start > 60 * args.minutes: break
        block = photos[i:i + BLOCK]
        found.append(answer_block(networks, block, number, args.work))
        targets += [int(photo.label == "dog") for photo in block]
        print(f"{len(targets)} photos, {time.time() - start:.0f} s", flush=True)
    rows = []
    for name, blocks in zip(networks, zip(*found)):
        rows += rows_of(name, np.concatenate(blocks, axis=1), targets)
    with open(RESULTS, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        if row["corruption"] in ("clean", "mean"): print(row)

if __name__ == "__main__": main()
