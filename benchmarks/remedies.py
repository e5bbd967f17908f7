"""The recorded curves of lessons 6 and 7: what more drawings and each remedy against overfitting do
to the same curve.

Usage: python benchmarks/remedies.py [--work FOLDER] [--out benchmarks/results/remedies.csv] [--seeds 1]

The codelab CNN at 64×64 learns 200 of 2,500 drawings, and is judged on a tenth of them. Adam at a
constant rate, 30 epochs. Each remedy is tried alone, at three strengths, and so is learning from
100 to 800 drawings. WORK holds the study while it runs (default: the cache); stop and start again
at any time, nothing finished is repeated. About ten minutes for each seed on one core. One seed is
recorded, so the curves show how a training looks, and not how much a remedy is worth.
"""
import argparse, csv
from pathlib import Path

from catsdogs.core import cache_dir
from catsdogs.data.drawn import drawn_folder
from catsdogs.data.splits import DataSettings
from catsdogs.study.study import StudySettings, run_study
from catsdogs.training.recipes import find_recipe
from catsdogs.training.train import RunSettings

BASE = find_recipe("one_cycle", size=64, epochs=30, bs=25, lr=1e-3, schedule="constant", wd=0.)
DATA = DataSettings(64, valid=.1, limit=200)
TRIED = {
    "augment": ("light", "standard", "strong"),
    "dropout": (.25, .5, .75),
    "l1": (.01, .03, .1),
    "l2": (3e-4, 1e-3, 3e-3),
    "model": ("codelab,width=0.5", "codelab,width=0.25", "codelab,width=0.125"),
    "limit": (100, 400, 800),
}
KEPT = [
    *TRIED, "seed", "outcome", "kept_epoch", "accuracy", "valid_loss", "last_accuracy",
    "train_accuracy", "train_loss", "zero_weights", "train_losses", "valid_losses", "accuracies",
    "cpu", "threads"]

def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=cache_dir()/"remedies")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent/"results"/"remedies.csv")
    parser.add_argument("--seeds", type=int, default=1)
    args = parser.parse_args()
    configurations = [{}] + [{field: value} for field, values in TRIED.items() for value in values]
    settings = StudySettings(configurations, RunSettings(BASE, DATA), args.seeds)
    rows = run_study(drawn_folder(2500, 64), args.work, settings, show)
    write(args.out, sorted(rows, key=lambda row: row["run"]))

def show(row):
    print(
        {
            k: row[k]
            for k in (*TRIED, "seed", "kept_epoch", "accuracy", "valid_loss", "last_accuracy")},
        flush=True)

def write(file, rows):
    with open(file, "w", newline="") as f:
        writer = csv.DictWriter(f, KEPT, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})

if __name__ == "__main__": main()
