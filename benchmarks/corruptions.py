"""The networks of this project on photos that were spoiled as photos are: noise, blur, weather, digital.

Usage: python benchmarks/corruptions.py PHOTOS [NAME=RUN …] [--photos 400]

PHOTOS is the folder that holds Kaggle's train.zip. The photos are some of those that the shipped
network was validated on. Each is spoiled in the 15 ways of Hendrycks and Dietterich (2019), at five
strengths, by the package imagecorruptions-imaug, before it becomes small and square. RUN is the
folder of a run; without one the network that ships is asked. Name the network that ships last, and
the one that shipped before it just before: the card takes these two. Writes results/corruptions.csv.
`petnet.py --card` then puts the means into the card, and study/corruptions shows a picture of each
kind.

The shipped network of an earlier version: git archive COMMIT catsdogs/petnet | tar -x -C FOLDER
"""
import argparse, csv, sys
from pathlib import Path

import numpy as np
import torch
from imagecorruptions import corrupt, get_corruption_names
from PIL import Image

from catsdogs.data.photos import fit_photo, list_photos, map_photos, open_photo
from catsdogs.data.splits import split_photos
from catsdogs.evaluation.metrics import score
from catsdogs.runs.folder import as_run, shipped_run
from catsdogs.runs.predict import Predictor
sys.path.insert(0, str(Path(__file__).parent))
from petnet import weights_digest

RESULTS = Path(__file__).parent/"results"
KINDS = get_corruption_names("common")
STRENGTHS = range(1, 6)

def spoiled(picture, kind, strength):
    "h×w×3 uint8 → the same, spoiled; strength 0 leaves it as it is"
    if not strength: return picture
    return corrupt(picture, corruption_name=kind, severity=strength)

def judge(predictor, photos, pictures):
    "Scores for pictures of these photos, and the share that is called neither"
    small = [
        np.asarray(fit_photo(Image.fromarray(picture), predictor.size, predictor.method))
        for picture in pictures]
    answers = []
    for start in range(0, len(small), 100):
        answers += predictor.answer(np.stack(small[start:start + 100]))
    targets = [predictor.classes.index(photo.label) for photo in photos]
    scores = score(np.array([row for row, _ in answers]), np.array(targets), predictor.classes)
    neither = sum(strange for _, strange in answers)
    return dict(
        photos=scores.n, accuracy=round(scores.accuracy, 4), log_loss=round(scores.log_loss, 4),
        calibration_error=round(scores.calibration_error, 4),
        neither=round(neither / scores.n, 4) if predictor.familiar else None)

def measure(networks, photos):
    "A row for each network, kind and strength; `networks` are name → predictor and digest"
    pictures = list(map_photos(lambda photo: np.asarray(open_photo(photo)), photos, "opening"))
    settings = [("none", 0), *((kind, strength) for kind in KINDS for strength in STRENGTHS)]
    for kind, strength in settings:
        np.random.seed(strength)        # the package draws its noise from numpy's generator
        changed = [spoiled(picture, kind, strength) for picture in pictures]
        for name, (predictor, weights) in networks.items():
            row = dict(network=name, corruption=kind, strength=strength)
            row |= judge(predictor, photos, changed) | dict(weights=weights)
            print(row, flush=True)
            yield row

def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("runs", nargs="*", metavar="NAME=RUN")
    parser.add_argument("--photos", type=int, default=400, dest="n")
    return parser.parse_args()

def main():
    args = arguments()
    torch.set_num_threads(1)
    every = list_photos(args.photos/"train.zip")
    _, valid = split_photos(every, shipped_run().info.data.settings)
    chosen = [every[i] for i in valid[::max(1, len(valid) // args.n)]][:args.n]
    runs = {name: as_run(folder) for name, folder in (run.split("=", 1) for run in args.runs)}
    runs = runs or {"shipped": shipped_run()}
    networks = {name: (Predictor(run), weights_digest(run)) for name, run in runs.items()}
    rows = list(measure(networks, chosen))
    with open(RESULTS/"corruptions.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)

if __name__ == "__main__": main()
