"""Is it worth while to let Optuna choose the settings of the next run, and to end bad runs early?

Usage: python benchmarks/search.py [--part table|replay] [--out benchmarks/results]

table → search_table.csv
    120 configurations of one small training, each trained once to its end: 400 easy drawings of 32×32, 8 epochs of the
    classic CNN. Curves and CPU seconds are kept. WORK holds the study while it runs (default: the cache); stop and
    start again at any time.
replay → search.csv
    Searches that look their runs up in the table, 20 seeds for each method: the best validation loss after as many
    CPU seconds as 5, 10, … 60 whole runs take on average, and how much lower it is than that of random search.
"""
import argparse
import csv
import time
from pathlib import Path

import numpy as np
import optuna

from catsdogs.data.dataloaders import photo_dataloaders
from catsdogs.data.drawn import drawn_folder
from catsdogs.data.splits import DataSettings
from catsdogs.drawing.dataset import EASY
from catsdogs.study.design import full_grid
from catsdogs.study.effects import t_interval
from catsdogs.study.search import PRUNERS, SAMPLERS
from catsdogs.study.study import configure
from catsdogs.training.callbacks import History, TerminateOnDivergence
from catsdogs.training.learner import photo_learner
from catsdogs.training.recipes import find_recipe
from catsdogs.training.train import fit_recipe, RunSettings

FIELDS = dict(
    lr=[float(f"{lr:.3g}") for lr in np.geomspace(1e-4, 1e-1, 10)], dropout=[0., .25, .5],
    augment=["none", "light"], optimizer=["adam", "muon"])
BASE = RunSettings(
    find_recipe("one_cycle", model="classic", size=32, epochs=8, bs=32), DataSettings(32, limit=400))


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


def train(configuration, seed, dls):
    "Train one network: a row with its curve, and the CPU seconds that it took"
    settings = configure(BASE, configuration, seed)
    start = time.process_time()
    learn, history = photo_learner(dls, None, settings.recipe, seed=seed), History()
    learn.add_cbs([history, TerminateOnDivergence()])
    with learn.no_bar(), learn.no_logging():
        fit_recipe(learn)
    losses = [row["valid_loss"] for row in history.rows]
    return configuration | dict(
        seed=seed, outcome="diverged" if learn.terminate_on_divergence.diverged else "finished",
        valid_loss=min(losses, default=""), cpu_seconds=time.process_time() - start,
        valid_losses=" ".join(f"{loss:.4g}" for loss in losses))


def train_all(pairs, file):
    "Train what the file does not hold yet; the file has a row for each pair of a configuration and a seed"
    rows = read(file) if file.exists() else []
    done = {(row["seed"], *(row[name] for name in FIELDS)) for row in rows}
    dls = photo_dataloaders(drawn_folder(1000, 32, variation=EASY), BASE.data, bs=BASE.recipe.bs)
    for configuration, seed in pairs:
        if (seed, *configuration.values()) in done: continue
        rows.append(train(configuration, seed, dls))
        write(file, rows)
        print(len(rows), rows[-1], flush=True)


def table(args):
    "Every configuration once"
    train_all([(configuration, 0) for configuration in full_grid(**FIELDS)], args.out/"search_table.csv")


SEEDS = 20
METHODS = {
    "random": ("random", "none"), "TPE": ("tpe", "none"), "random, median pruner": ("random", "median"),
    "TPE, median pruner": ("tpe", "median"), "TPE, successive halving": ("tpe", "halving")}
BUDGETS = range(5, 61, 5)   # in whole runs


class Table:
    "Trainings that are looked up"
    def __init__(self, rows):
        self.curves = {self.key(row): [float(loss) for loss in row["valid_losses"].split()] for row in rows}
        # what a run costs does not depend on its learning rate; medians, since the machine had other work too
        groups = {}
        for row in rows:
            groups.setdefault(self.group(row), []).append(row["cpu_seconds"])
        self.seconds = {self.key(row): float(np.median(groups[self.group(row)])) for row in rows}
        self.epochs = BASE.recipe.epochs
        # numbers in their order
        self.kinds = {
            name: optuna.distributions.CategoricalDistribution(values) if isinstance(values[0], str)
            else optuna.distributions.IntDistribution(0, len(values) - 1)
            for name, values in FIELDS.items()}

    @staticmethod
    def group(row):
        return row["augment"], row["optimizer"]

    @staticmethod
    def key(values):
        return tuple(values[name] for name in FIELDS)

    def ask(self, study):
        "A trial, and the run that it stands for"
        trial = study.ask(self.kinds)
        chosen = {
            name: value if isinstance(value, str) else FIELDS[name][value] for name, value in trial.params.items()}
        return trial, self.key(chosen)


def search(table, sampler, pruner, seed, budget):
    "One search in the table: after each whole run its seconds so far, the lowest loss so far, and runs begun"
    study = optuna.create_study(
        sampler=SAMPLERS[sampler](seed), pruner=PRUNERS[pruner](table.epochs) or optuna.pruners.NopPruner())
    spent, best, path, begun = 0., float("inf"), [], 0
    while spent < budget:
        trial, key = table.ask(study)
        begun += 1
        for epoch, loss in enumerate(table.curves[key]):
            spent += table.seconds[key] / table.epochs
            trial.report(loss, epoch)
            if trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, min(table.curves[key]))
            best = min(best, min(table.curves[key]))
            path.append((spent, best, begun))
    return path


def at(path, seconds):
    "The lowest loss and the runs begun after so many seconds"
    before = [point for point in path if point[0] <= seconds] or path[:1]
    return before[-1][1:]


def replay(args):
    "All methods at all budgets"
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    table, rows, losses = Table(read(args.out/"search_table.csv")), [], {}
    whole = float(np.mean(list(table.seconds.values())))
    for method, (sampler, pruner) in METHODS.items():
        start = time.process_time()
        paths = [search(table, sampler, pruner, seed, (BUDGETS[-1] + 1) * whole) for seed in range(SEEDS)]
        print(method, f"{time.process_time() - start:.0f} s", flush=True)
        for budget in BUDGETS:
            points = [at(path, budget * whole) for path in paths]
            losses[method, budget] = [loss for loss, _ in points]
            loss = t_interval(losses[method, budget])
            gain = t_interval(a - b for a, b in zip(losses["random", budget], losses[method, budget], strict=True))
            rows.append(dict(
                method=method, seeds=SEEDS, runs=budget, seconds=budget * whole,
                begun=float(np.mean([begun for _, begun in points])),
                loss=loss.mean, low=loss.low, high=loss.high, gain=gain.mean, gain_low=gain.low, gain_high=gain.high))
    write(args.out/"search.csv", rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=("table", "replay"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent/"results")
    args = parser.parse_args()
    for part in args.part or ("table", "replay"):
        globals()[part](args)


if __name__ == "__main__":
    main()
