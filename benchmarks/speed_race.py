"""A speed race, as airbench is one for CIFAR-10: how little computing makes a network that is right
on so many photos of cats and dogs?

Usage: python benchmarks/speed_race.py PHOTOS [--goal small-90] [--record NAME] [--runs 5] [--save]
       python benchmarks/speed_race.py PHOTOS --try "epochs=30 bs=64" --why WORDS [--goal small-90]
           [--record NAME] [--network NAME] [--seed 0] [--save]
       python benchmarks/speed_race.py --table

PHOTOS is the folder that holds Kaggle's train.zip. The first form repeats a record, by default the
last one of the goal, with the seeds 0, 1, 2, …, and says how often each network is right on the test
photos, and what its training cost. The second form changes a record, by default the last one, or the
recipe race_small if there is none, trains it once, and judges it on the validation photos alone.
--save adds the runs to results/speed_race.csv or results/speed_race_tries.csv, and trains none again
that is there. --threads says how many threads compute (1). --table writes the table of the records
into README.md.

The rules:

1. Every weight starts from chance and is learned from the goal's training photos alone. For the
   goals `small-…` these are photos 0 to 999 of each class. For the goals `all-…` they are four fifths
   of all photos, by a hash of their names.
2. The clock starts when the photos lie decoded in the cache, at the size that the recipe names, and
   stops with the finished weights. It counts CPU seconds, of all threads together, on a computer
   without a GPU, and else seconds. Loading packages and judging do not count, nor does decoding.
3. A record is a recipe of this library, trained by the library's own learner. The network is one of
   the library's, or one of `NETWORKS` here. Whoever makes the library faster has made a record too.
4. Choose everything by the validation photos: 1000 to 1499 of each class for `small-…`, a tenth of
   all photos for `all-…`. The test photos (1500 to 2499 of each class, or the last tenth) judge once,
   when nothing is going to change any more. How the answers are made does not count as training: a
   network may be asked about a photo and its mirror image.
5. A record is the mean of five runs or more with the seeds 0, 1, 2, … that nobody has picked from.
   Their mean must reach the goal. The new recipe must take less time than the old one on the same
   machine, where both have been measured.
"""
import argparse
import csv
import statistics
import sys
import time
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch
from fastai.callback.core import Callback, CancelValidException
from torch import nn

from catsdogs.core import CatsDogsError, seed_everything
from catsdogs.data.cache import build_cache
from catsdogs.data.dataloaders import photo_dataloaders
from catsdogs.data.photos import list_photos
from catsdogs.data.splits import DataSettings, hash_fraction
from catsdogs.evaluation.metrics import score
from catsdogs.models.layers import blur_pool, conv_bn
from catsdogs.runs.predict import class_probabilities
from catsdogs.training.learner import photo_learner
from catsdogs.training.recipes import Recipe, RECIPES
from catsdogs.training.train import fit_recipe

HERE = Path(__file__).parent
RUNS, TRIES = HERE/"results"/"speed_race.csv", HERE/"results"/"speed_race_tries.csv"

@dataclass(frozen=True)
class Goal:
    "What a network must reach, and on which photos"
    accuracy: float     # share of right answers that the mean of the runs must reach
    photos: str         # "small" or "all"

@dataclass(frozen=True)
class Record:
    "A recipe that reached its goal, and what is new in it"
    name: str
    change: str         # against the record before it
    recipe: Recipe
    network: str|None = None    # one of `NETWORKS`; None: the recipe's model

GOALS = {
    "small-90": Goal(.90, "small"), "small-93": Goal(.93, "small"),
    "all-96": Goal(.96, "all"), "all-97": Goal(.97, "all")}

HALF = replace(
    RECIPES["race_small"], model="petnet,width=0.5", epochs=44, lr=6e-3, size=96, resize_from=64,
    resize_to=80, mixup=0.)

RECORDS = {
    "small-90": [Record(
        "half", "PetNet at half its width, smaller pictures, 44 epochs in place of 60, no MixUp, a larger "
        "learning rate", HALF),
        Record("one blur", "the same recipe; the library's blur is one convolution", HALF),
        Record("shorter", "40 epochs in place of 44", replace(HALF, epochs=40))],
    "small-93": [Record(
        "longer", "the recipe race_small with 72 epochs in place of 60 and a larger learning rate",
        replace(RECIPES["race_small"], epochs=72, lr=6e-3))],
    "all-96": [Record(
        "24 epochs", "PetNet at its whole width, smaller pictures, 24 epochs, no MixUp, a larger learning rate",
        replace(HALF, model="petnet", bs=64, epochs=24))],
    "all-97": [Record(
        "40 epochs", "the recipe race_small with 40 epochs in batches of 64, no MixUp, a larger learning rate",
        replace(RECIPES["race_small"], bs=64, epochs=40, lr=6e-3, mixup=0.))]}


# runs that make a record
FEWEST = 5


# --- networks ---

class StridedBlock(nn.Module):
    """PetNet's residual block, but its first convolution takes every second place only.

    PetNet convolves at every place and then halves the sides by a blur, for four times the work.
    n×n_in×h×w → n×n_out×⌈h/2⌉×⌈w/2⌉
    """
    def __init__(self, n_in, n_out):
        super().__init__()
        self.main = nn.Sequential(
            *conv_bn(n_in, n_out, 3, 2), nn.ReLU(inplace=True), *conv_bn(n_out, n_out, 3))
        self.short_cut = nn.Sequential(nn.AvgPool2d(2, ceil_mode=True), *conv_bn(n_in, n_out, 1))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x): return self.relu(self.short_cut(x) + self.main(x))

class EarlyBlock(StridedBlock):
    """PetNet's residual block, but the blur comes first, once for both ways through the block.

    So the first convolution, too, has a quarter of the places.
    """
    def __init__(self, n_in, n_out):
        super().__init__(n_in, n_out)
        self.blur = blur_pool()
        self.main = nn.Sequential(
            *conv_bn(n_in, n_out, 3), nn.ReLU(inplace=True), *conv_bn(n_out, n_out, 3))
        self.short_cut = nn.Sequential(*conv_bn(n_in, n_out, 1))

    def forward(self, x): return super().forward(self.blur(x))

class MaxBlock(StridedBlock):
    """PetNet's residual block, with the maximum of 2×2 numbers in place of its blur.

    It is taken right after the convolution, so that a quarter of the numbers is left to normalise.
    """
    def __init__(self, n_in, n_out):
        super().__init__(n_in, n_out)
        convolution, norm = conv_bn(n_in, n_out, 3)
        self.main = nn.Sequential(
            convolution, nn.MaxPool2d(2, ceil_mode=True), norm, nn.ReLU(inplace=True),
            *conv_bn(n_out, n_out, 3))

def chain(block, *channels):
    "PetNet with other blocks, for two classes"
    blocks = [block(a, b) for a, b in zip(channels, channels[1:], strict=False)]
    stem = [*conv_bn(3, channels[0], 5, 2), nn.ReLU(inplace=True)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(channels[-1], 1)]
    return nn.Sequential(*stem, *blocks, *head)

# name → a function that makes the network with its first weights
NETWORKS = {
    "strided": lambda: chain(StridedBlock, 16, 32, 64, 128),
    "strided, wider": lambda: chain(StridedBlock, 24, 48, 96, 192),
    "early blur": lambda: chain(EarlyBlock, 16, 32, 64, 128),
    "maxima": lambda: chain(MaxBlock, 16, 32, 64, 128)}


# --- photos ---

def side_of(photo, kind):
    "train, valid, test or None: what a photo is for"
    if kind == "all":
        place = hash_fraction(photo.name)
        return "test" if place < .1 else "valid" if place < .2 else "train"
    number = photo.number
    return "train" if number < 1000 else "valid" if number < 1500 else "test" if number < 2500 else None

def photos_of(source, kind, side): return [p for p in list_photos(source) if side_of(p, kind) == side]

def learning_set(kind):
    "The library's split: what is on the side `train` there is on the side `train` here"
    return DataSettings(split="small") if kind == "small" else DataSettings(split="hash", valid=.2)


# --- one run ---

class WithoutValidation(Callback):
    "Nothing is chosen while the network learns, so nothing needs to be judged"
    def before_validate(self): raise CancelValidException

class SayEpochs(Callback):
    "A word after each tenth of the training"
    def before_fit(self): self.start = time.process_time()
    def after_epoch(self):
        share = (self.epoch + 1) / self.n_epoch
        if int(10 * share) > int(10 * (share - 1 / self.n_epoch)):
            print(
                f"{share:.0%} after {time.process_time() - self.start:.0f} CPU seconds, "
                f"loss {float(self.smooth_loss):.3f}",
                file=sys.stderr, flush=True)

def train(source, kind, record, seed):
    "A learner with its finished weights, and the seconds that they took"
    if not (source/"train.zip").exists():
        raise CatsDogsError(f"{source}: holds no train.zip; give the folder of Kaggle's photos")
    recipe = record.recipe
    data = replace(learning_set(kind), size=recipe.size)
    dls = photo_dataloaders(source/"train.zip", data, bs=recipe.bs)
    cpu, wall = time.process_time(), time.perf_counter()
    seed_everything(seed)
    network = NETWORKS[record.network]() if record.network else recipe.model
    learn = photo_learner(dls, network, recipe, seed=seed, cbs=[WithoutValidation(), SayEpochs()])
    with learn.no_bar(), learn.no_logging(): fit_recipe(learn)
    if dls.device.type == "cuda": torch.cuda.synchronize()
    took = dict(
        cpu_seconds=round(time.process_time() - cpu, 1), seconds=round(time.perf_counter() - wall, 1))
    return learn, took

@torch.no_grad()
def judge(learn, photos):
    "Scores for these photos, answered as the library answers"
    cache, device = build_cache(photos, DataSettings(size=learn.recipe.size)), learn.dls.device
    model, logits = learn.model.eval(), []
    for start in range(0, len(photos), 100):
        rows = [cache.rows[photo] for photo in photos[start:start + 100]]
        x = cache.batch(rows).to(device).float() / 255
        views = [x, x.flip(-1)] if learn.recipe.flip_tta else [x]
        logits.append(sum(model(view) for view in views) / len(views))
    targets = [learn.dls.vocab.o2i[photo.label] for photo in photos]
    probabilities = class_probabilities(torch.cat(logits)).cpu().numpy()
    return score(probabilities, targets, list(learn.dls.vocab))

def run_once(source, kind, record, seed, side):
    "Train and judge: what both tables say of a run"
    learn, took = train(source, kind, record, seed)
    scores = judge(learn, photos_of(source/"train.zip", kind, side))
    return dict(
        seed=seed, photos=scores.n, accuracy=round(scores.accuracy, 4),
        log_loss=round(scores.log_loss, 4), **took, device=learn.dls.device.type,
        precision=learn.speed.precision, threads=torch.get_num_threads(), torch=torch.__version__)


# --- tables ---

def read(file):
    if not file.exists(): return []
    with open(file, newline="", encoding="utf8") as lines: return list(csv.DictReader(lines))

def append(file, row):
    "Add a line to a table, so that what a killed training had finished is there"
    new = not file.exists()
    with open(file, "a", newline="", encoding="utf8") as lines:
        writer = csv.DictWriter(lines, list(row), lineterminator="\n")
        if new: writer.writeheader()
        writer.writerow(row)

def mean_and_spread(values, form):
    values = list(values)
    spread = statistics.stdev(values) if len(values) > 1 else 0
    return f"{format(statistics.mean(values), form)} ± {format(spread, form)}"

def clock_of(row): return "cpu_seconds" if row["device"] == "cpu" else "seconds"

def one_kind_of_machine(goal, record, rows):
    "Runs in another number format, on another device or on more threads are not averaged"
    kinds = {(r["device"], r["precision"], str(r["threads"])) for r in rows}
    if len(kinds) > 1:
        raise SystemExit(
            f"{goal}, {record.name}: its runs differ in device, number format or threads, "
            f"{sorted(kinds)}; take those of one kind out of {RUNS}")

def table_line(goal, record, rows):
    "A line of the README's table"
    if not rows: return f"| {goal} | {record.name}, not run yet | {record.change} | | | |"
    accuracy = mean_and_spread((100 * float(r["accuracy"]) for r in rows), ".1f")
    one_kind_of_machine(goal, record, rows)
    seconds = mean_and_spread((float(r[clock_of(r)]) for r in rows), ".0f")
    if clock_of(rows[0]) == "seconds": seconds += ", by the clock of a GPU"
    name = record.name if len(rows) >= FEWEST else f"{record.name}, not a record yet"
    kind = rows[0]["precision"]
    return f"| {goal} | {name} | {record.change} | {accuracy}% ({len(rows)}) | {seconds} | {kind} |"

def tries_table():
    "What was tried on the validation photos, also what did not help, in Markdown"
    lines = [
        "| goal | tried, one run each | changes to the recipe | right on the validation photos | log loss | "
        "CPU seconds |",
        "| --- | --- | --- | --- | --- | --- |"]
    for r in read(TRIES):
        lines.append(
            f"| {r['goal']} | {r['why']} | {r['start']}, {r['changes']} | {float(r['accuracy']):.1%} | "
            f"{float(r['log_loss']):.3f} | {float(r['cpu_seconds']):.0f} |")
    return "\n".join(lines)

def table():
    "All records, the oldest first, and all tries, in Markdown"
    rows = read(RUNS)
    lines = [
        "| goal | record | what is new in it | right on the test photos (runs) | CPU seconds | "
        "number format |",
        "| --- | --- | --- | --- | --- | --- |"]
    for goal, records in RECORDS.items():
        if not records: lines.append(f"| {goal} | open | | | | |")
        for record in records:
            own = [r for r in rows if (r["goal"], r["record"]) == (goal, record.name)]
            lines.append(table_line(goal, record, own))
    return "\n".join([*lines, "", tries_table()])

START, END = "<!-- speed_race.py --table writes this -->", "<!-- until here -->"

def write_table():
    "Put the table where the README has it"
    readme = HERE/"README.md"
    before, rest = readme.read_text(encoding="utf8").split(START)
    after = rest.split(END, 1)[1]
    readme.write_text(f"{before}{START}\n{table()}\n{END}{after}", encoding="utf8")


# --- the command ---

def changed(recipe, text):
    "A recipe with changes as in `epochs=30 lr=0.006 model=petnet,width=0.5`"
    changes = {}
    for pair in text.split():
        name, equals, value = pair.partition("=")
        known = {f.name for f in fields(Recipe)}
        if not equals or name not in known:
            raise SystemExit(f"{pair}: write NAME=VALUE, with a field of a recipe: {', '.join(sorted(known))}")
        changes[name] = value_of(name, getattr(recipe, name), value)
    return replace(recipe, **changes)

def value_of(name, now, text):
    "A field's new value, of the type that it has now; a number or a word where it has none"
    if text == "None": return None
    if isinstance(now, str): return text
    try:
        if isinstance(now, bool): return {"True": True, "False": False}[text]
        return type(now)(text) if now is not None else int(text) if text.isdecimal() else text
    except (KeyError, ValueError):
        raise SystemExit(f"{name}={text}: give a value such as {now}") from None

def repeat(args, goal, record):
    "The runs of a record"
    done = {r["seed"] for r in read(RUNS) if (r["goal"], r["record"]) == (args.goal, record.name)}
    for seed in range(args.runs):
        if args.save and str(seed) in done: continue
        row = dict(goal=args.goal, record=record.name)
        row |= run_once(args.photos, goal.photos, record, seed, "test")
        print(row, flush=True)
        if args.save: append(RUNS, row)

def try_out(args, goal, record):
    "One run of a changed record, judged on the validation photos"
    network = args.network or record.network
    changes = f"{args.changes} network={network}" if network else args.changes
    row = dict(goal=args.goal, why=args.why, start=record.name, changes=changes)
    told = ("goal", "start", "changes")
    done = [r for r in read(TRIES) if all(r[k] == row[k] for k in told) and r["seed"] == str(args.seed)]
    if args.save and done: return print(done[0], flush=True)
    record = replace(record, recipe=changed(record.recipe, args.changes), network=network)
    row |= run_once(args.photos, goal.photos, record, args.seed, "valid")
    print(row, flush=True)
    if args.save: append(TRIES, row)

def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="?")
    parser.add_argument("--goal", choices=GOALS, default="small-90")
    parser.add_argument("--record")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--try", dest="changes")
    parser.add_argument("--network", choices=NETWORKS)
    parser.add_argument("--why", default="")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    if not (args.table or args.photos): parser.error("give PHOTOS, or --table alone")
    return args

def main():
    args = arguments()
    if args.table: return write_table()
    torch.set_num_threads(args.threads)
    goal, records = GOALS[args.goal], {record.name: record for record in RECORDS[args.goal]}
    if args.record and args.record not in records:
        raise SystemExit(f"{args.goal} has no record {args.record!r}: {', '.join(records) or 'it is open'}")
    last = list(records.values())[-1] if records else None
    record = records.get(args.record, last)
    if args.changes is not None:
        return try_out(args, goal, record or Record("race_small", "", RECIPES["race_small"]))
    if record is None: raise SystemExit(f"{args.goal} is open: nobody holds a record yet")
    repeat(args, goal, record)

if __name__ == "__main__": main()
