"""Is it worth while to let Optuna choose the settings of the next run, and to end bad runs early?

Usage: python benchmarks/search.py [--part table|repeat|replay] [--work FOLDER] [--out benchmarks/results]

table → search_table.csv
    120 configurations of one small training, each trained once to its end: 400 easy drawings of 32×32, 8 epochs of the
    classic CNN. Curves and CPU seconds are kept. WORK holds the study while it runs (default: the cache); stop and
    start again at any time.
repeat → search_repeat.csv
    The best six of them and six at random, with three more seeds: how much of a good score is luck.
replay → search.csv
    Searches that look their runs up in the table, 200 seeds for each method: the best validation loss after as many
    CPU seconds as 10, 20 and 40 whole runs take on average.
"""
import argparse
import csv
import random
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np

from catsdogs.core import cache_dir
from catsdogs.data.drawn import drawn_folder
from catsdogs.data.splits import DataSettings
from catsdogs.drawing.dataset import EASY
from catsdogs.plotting import Figure
from catsdogs.study.design import full_grid
from catsdogs.study.effects import t_interval
from catsdogs.study.study import run_study, StudySettings
from catsdogs.training.recipes import find_recipe
from catsdogs.training.train import RunSettings

FIELDS = dict(
    lr=[float(f"{lr:.3g}") for lr in np.geomspace(1e-4, 1e-1, 10)], dropout=[0., .25, .5],
    augment=["none", "light"], optimizer=["adam", "muon"])
BASE = RunSettings(
    find_recipe("one_cycle", model="classic", size=32, epochs=8, bs=32), DataSettings(32, limit=400))
KEPT = (*FIELDS, "seed", "outcome", "valid_loss", "accuracy", "cpu_seconds", "valid_losses")


def read(file):
    "The rows of a table; numbers as numbers"
    def value(text):
        try:
            return float(text)
        except ValueError:
            return text
    with open(file, newline="", encoding="utf8") as f:
        return [{k: v if k == "valid_losses" else value(v) for k, v in row.items()} for row in csv.DictReader(f)]


def write(file, rows):
    "A table with a row for each dict"
    def short(value):
        return f"{value:.5g}" if isinstance(value, float) else value
    with open(file, "w", newline="", encoding="utf8") as f:
        writer = csv.DictWriter(f, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: short(v) for k, v in row.items()} for row in rows)


def train(configurations, seeds, folder):
    "A row for each run, with the CPU seconds that it took"
    seconds, last = {}, [time.process_time()]
    file = folder/"seconds.csv"
    if file.exists():
        seconds = {int(row["run"]): row["cpu_seconds"] for row in read(file)}

    def done(row):
        now = time.process_time()
        seconds[row["run"]], last[0] = now - last[0], now
        write(file, [dict(run=run, cpu_seconds=value) for run, value in seconds.items()])
        print(row["run"], f"{seconds[row['run']]:.1f} s", {k: row[k] for k in FIELDS}, row.get("valid_loss"), flush=True)
    # without the pictures of each run's report, which take longer than the training
    with patch("catsdogs.evaluation.report._figures", lambda *parts: [Figure("curves", b"", "")]):
        rows = run_study(drawn_folder(1000, 32, variation=EASY), folder, StudySettings(configurations, BASE, seeds), done)
    return [
        {name: row.get(name, "") for name in KEPT} | dict(cpu_seconds=round(seconds.get(row["run"], 0.), 2))
        for row in rows]


def table(args):
    "Every configuration once"
    write(args.out/"search_table.csv", train(full_grid(**FIELDS), 1, args.work/"table"))


def repeat(args):
    "The best ones and some at random, with other seeds"
    rows = [row for row in read(args.out/"search_table.csv") if row["outcome"] == "finished"]
    best = sorted(rows, key=lambda row: row["valid_loss"])[:6]
    drawn = random.Random(0).sample(rows, 6)
    configurations = [{k: row[k] for k in FIELDS} for row in best + drawn]
    write(args.out/"search_repeat.csv", train(configurations, 4, args.work/"repeat"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=("table", "repeat", "replay"))
    parser.add_argument("--work", type=Path, default=cache_dir()/"search")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent/"results")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    for part in args.part or ("table", "repeat", "replay"):
        globals()[part](args)


if __name__ == "__main__":
    main()
