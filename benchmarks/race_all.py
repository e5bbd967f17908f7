"""The recipe `race` on all photos, from scratch on a CPU: what the small set's winner makes of
eight times as many photos.

Usage: python benchmarks/race_all.py PHOTOS [--originals FOLDER] [--epochs 50] [--seed 0] [--work FOLDER]

PHOTOS is the folder that holds Kaggle's train.zip; a tenth of its photos, by a hash of their names,
is never learned from and judges. ORIGINALS is a folder of other photos, a folder for each class, at
full size and odd shapes. Stop it and start it again at any time: it goes on. Writes
results/race_all.json and race_all_history.csv.
"""
import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

from catsdogs.core import cache_dir
from catsdogs.data.photos import list_photos
from catsdogs.data.splits import DataSettings
from catsdogs.evaluation.evaluate import evaluate_run
from catsdogs.training.recipes import find_recipe
from catsdogs.training.train import RunSettings, train_run

RESULTS = Path(__file__).parent/"results"

def labelled(folder):
    "The photos of a folder whose class folders may be called cats and dogs"
    return [
        replace(photo, label=photo.label.lower().removesuffix("s")) for photo in list_photos(folder)
    ]

def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--originals", type=Path)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=cache_dir()/"race_all")
    args = parser.parse_args()
    recipe = find_recipe("race", epochs=args.epochs)
    settings = RunSettings(recipe, DataSettings(split="hash", valid=.1), args.seed)
    run = train_run(
        args.photos / "train.zip", args.work / f"{recipe.epochs}-{args.seed}", settings,
        resume=True, on_epoch=lambda row: print(row, flush=True))
    judged = {"validation photos": evaluate_run(run)}
    if args.originals:
        judged["other photos, full size, odd shapes"] = evaluate_run(run, labelled(args.originals))
    scores = {name: asdict(evaluation.scores) for name, evaluation in judged.items()}
    (RESULTS/"race_all_history.csv").write_bytes((run.path/"history.csv").read_bytes())
    (RESULTS/"race_all.json").write_text(json.dumps(scores, indent=1) + "\n")

if __name__ == "__main__": main()
