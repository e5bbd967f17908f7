"""PetNet from scratch on the small photo set: how good the recipe `race_small` is, and what each of
its ingredients is worth.

Usage: python benchmarks/race.py PHOTOS [--long | --short] [--judge] [--seeds 3] [--epochs N]
                                        [--work FOLDER] [--threads N]

PHOTOS is the folder that holds Kaggle's train.zip: photos 0 to 999 of each class are learned, 1000
to 1499 choose the epoch and the temperature, 1500 to 2499 judge, once for each run. --long trains
the recipe as it is, 60 epochs, and the same without the ingredients of `LONG`, and writes
results/race.csv. --short trains a short version of it, 20 epochs with answers at 64 pixels, and the
same with one ingredient left out or put in, and writes results/race_short.csv. The size of the
answer and the mirror image need no training of their own: the whole recipe's network is asked
again. Without either, both. --judge trains nothing, and writes the tables of the runs that are
there. Stop it and start it again at any time: it goes on; several processes share the work.
"""
import argparse, csv, shutil
from dataclasses import replace
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from catsdogs.core import cache_dir
from catsdogs.data.splits import DataSettings
from catsdogs.evaluation.evaluate import evaluate_run
from catsdogs.evaluation.report import finish_run
from catsdogs.training.recipes import RECIPES
from catsdogs.training.train import RunSettings, train_run
from catsdogs.data.photos import list_photos
from catsdogs.runs.folder import Run

def variants(recipe):
    "name → what changes in the recipe"
    return {
        "whole": {},
        "Adam in place of Muon": dict(optimizer="adam"),
        "Adam, a quarter of the rate": dict(optimizer="adam", lr=recipe.lr/4),
        "no augmentation": dict(augment="none"),
        "no MixUp": dict(mixup=0.),
        "no averaged weights": dict(ema=0.),
        "no growing": dict(resize_from=recipe.resize_to),
        "constant rate": dict(schedule="constant", lr=recipe.lr/4),
        "with label smoothing 0.1": dict(label_smoothing=.1),
        "augmentation strong, with CutMix": dict(augment="strong", mixup=0.),
    }

# those that are worth eighteen minutes a seed
LONG = "whole", "no MixUp", "no augmentation", "no growing", "Adam, a quarter of the rate"

def asked(recipe):
    "name → what changes when the whole recipe's network is asked"
    return {
        "answers at the size learned": dict(size=recipe.resize_to),
        "no mirror image": dict(flip_tta=False)}

def run_folder(work, recipe, name, seed):
    "Where a run lies"
    return work/f"{recipe.epochs}-{name.replace(' ', '-').replace(',', '')}-{seed}"

def train(source, run, recipe, seed):
    "Train, judge, calibrate"
    def show(row): print(run.name, {k: round(v, 4) for k, v in row.items()}, flush=True)
    train_run(
        source, run, RunSettings(recipe, DataSettings(split="small"), seed), resume=True,
        on_epoch=show)

def judge(run, test, name, seed):
    "A line of the table"
    info, s, history = run.info, evaluate_run(run, test).scores, run.history()
    return dict(
        variant=name, seed=seed, epochs=len(history), kept_epoch=info.kept_epoch,
        valid_accuracy=info.scores.accuracy, valid_loss=round(info.scores.log_loss, 5),
        test_photos=s.n, test_accuracy=s.accuracy, test_loss=round(s.log_loss, 5),
        temperature=round(info.temperature, 3),
        seconds=round(sum(r["train_seconds"] + r["valid_seconds"] for r in history)),
        cpu=info.hardware["cpu"], threads=info.hardware["threads"])

def ask(run, changes):
    "The same network, asked in another way: a run folder beside the run's"
    other = run.path.with_name(f"{run.path.name}-{'-'.join(f'{k}{v}' for k, v in changes.items())}")
    if (other/"report.html").exists(): return Run.open(other)
    shutil.copytree(run.path, other)
    Run.open(other).update(**changes)
    (other/"report.html").unlink()
    return finish_run(other)

def write(file, rows):
    "Replace a table, whole"
    with open(file, "w", newline="") as f:
        w = csv.DictWriter(f, list(rows[0]), lineterminator="\n")
        w.writeheader()
        w.writerows(rows)

def race(source, work, test, recipe, names, seeds, file, trains):
    "Train what is missing, judge what is there"
    changes = variants(recipe)
    runs = [
        (name, seed, run_folder(work, recipe, name, seed))
        for seed in range(seeds)
        for name in names]
    for name, seed, run in runs if trains else []:
        run.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(run.with_name(f"{run.name}.lock"), timeout=0):
                train(source, run, replace(recipe, **changes[name]), seed)
        except Timeout: continue                        # another process is at it
    done = sorted(
        ((name, seed, Run.open(run)) for name, seed, run in runs if (run / "report.html").exists()),
        key=lambda r: names.index(r[0]))
    rows = [judge(run, test, name, seed) for name, seed, run in done]
    rows += [
        judge(ask(run, how), test, question, seed)
        for question, how in asked(recipe).items()
        for name, seed, run in done
        if name == "whole"]
    write(Path(__file__).parent/"results"/file, rows)
    for row in rows:
        print(
            {k: row[k] for k in ("variant", "seed", "valid_accuracy", "test_accuracy", "seconds")})

def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--judge", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--work", type=Path, default=cache_dir()/"race")
    args = parser.parse_args()
    if args.threads: torch.set_num_threads(args.threads)
    source, recipe, both = args.photos/"train.zip", RECIPES["race_small"], args.long == args.short
    test = [p for p in list_photos(source) if 1500 <= p.number < 2500]
    if args.long or both:
        race(
            source, args.work, test, replace(recipe, epochs=args.epochs or recipe.epochs), LONG,
            args.seeds, "race.csv", not args.judge)
    if args.short or both:
        short = replace(recipe, epochs=args.epochs or 20, size=64, resize_from=40, resize_to=56)
        race(
            source, args.work, test, short, tuple(variants(short)), args.seeds, "race_short.csv",
            not args.judge)

if __name__ == "__main__": main()
