"""What a teacher is worth: PetNet on the small photo set from its labels alone, with a teacher's
answers, and with its answers and features; and the teacher itself.

Usage: python benchmarks/distillation.py PHOTOS --teacher FILE [--seconds 250] [--seeds 3]

PHOTOS is the folder that holds Kaggle's train.zip: photos 0 to 999 of each class are learned, 1000
to 1499 are the validation set, 1500 to 2499 judge. FILE holds the weights of timm's
mobilenet_edgetpu_100, which is tuned on the same 2,000 photos first. All trainings have the same
number of epochs, as many as SECONDS allow on this GPU. Writes results/distillation.csv.
"""
import argparse
import csv
import sys
import time
from pathlib import Path

import numpy as np
import torch

from catsdogs.data.photos import list_photos
sys.path.insert(0, str(Path(__file__).parent))
from petnet_gpu import (
    ANSWER_SIZE, Pictures, SOURCE, device_name, judge_net, judge_teacher, load, train, tune_teacher)

ARMS = {"labels": (False, False), "answers": (True, False), "answers and features": (True, True)}
BATCH, LR, TEACHER_EPOCHS = 128, 6e-3, 30

def between(photos, first, last): return [p for p in photos if first <= p.number < last]

def steps(epochs, n_photos):
    "How far a training of so many epochs is, from 0 to 1, at each step"
    total = int(epochs * (n_photos // BATCH))
    for step in range(total): yield step / total

def seed_all(seed):
    torch.manual_seed(seed)
    np.random.seed(seed)

def epochs_allowed(data, teacher, seconds, trainings):
    "As many as fit, if all trainings were as slow as the one with a teacher"
    for _ in range(2):          # the first one warms up
        start = time.perf_counter()
        train(data, steps(3, len(data.train.targets)), LR, BATCH, teacher)
        each = (time.perf_counter() - start) / 3
    return max(1, min(200, int(seconds / trainings / each)))

def run(data, judged, teacher, arm, seed, epochs):
    "One training, judged by the validation and the test photos"
    with_teacher, features = ARMS[arm]
    seed_all(seed)
    start = time.perf_counter()
    model, _ = train(
        data, steps(epochs, len(data.train.targets)), LR, BATCH,
        teacher if with_teacher else None, features)
    seconds = time.perf_counter() - start
    return row_of(arm, seed, epochs, seconds, *(judge_net(model, photos) for photos in judged))

def row_of(arm, seed, epochs, seconds, valid, test):
    return dict(
        arm=arm, seed=seed, epochs=epochs, valid_accuracy=round(valid["accuracy"], 4),
        test_accuracy=round(test["accuracy"], 4), test_loss=round(test["log_loss"], 4),
        seconds=round(seconds, 1), device=device_name())

def write(rows, path):
    with open(path, "w", newline="", encoding="utf8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)

def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=250)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent/"results"/"distillation.csv")
    return parser.parse_args()

def main():
    args = arguments()
    photos = list_photos(args.photos/"train.zip")
    data = Pictures(load(between(photos, 0, 1000), SOURCE))
    sets = between(photos, 1000, 1500), between(photos, 1500, 2500)
    seed_all(0)
    start = time.perf_counter()
    teacher = tune_teacher(data, args.teacher, steps(TEACHER_EPOCHS, len(data.train.targets)))
    seconds = time.perf_counter() - start
    judged = [judge_teacher(teacher, some) for some in sets]
    rows = [row_of("teacher", 0, TEACHER_EPOCHS, seconds, *judged)]
    print(rows[-1], flush=True)
    judged = [load(some, ANSWER_SIZE) for some in sets]
    epochs = epochs_allowed(data, teacher, args.seconds, len(ARMS) * args.seeds)
    for seed in range(args.seeds):
        for arm in ARMS:
            rows.append(run(data, judged, teacher, arm, seed, epochs))
            print(rows[-1], flush=True)
            write(rows, args.out)

if __name__ == "__main__": main()
