"""The recorded experiment of interpret/detectors_in_training: when do units learn to detect parts, and
what do the remedies against overfitting do to them?

Usage: python benchmarks/dissection.py [--out benchmarks/results/dissection.csv] [--seeds 3] [--only none,dropout]

The codelab CNN learns from drawings by each of CONDITIONS, is dissected on 240 drawings that no
network has seen (half for thresholds and names, half for judging), and every unit gives a row: what
it is named after, its IoU, chance, the best pixel measure's IoU, and whether it detects. Where
EPOCHS says so, it is dissected after those epochs, too. Two controls: "untrained" has the first
weights, and for "ears only" heads of cats and dogs were drawn that differ in nothing but their
ears, so that there must be something to find. For units that detect ears `mirrored` is the IoU on
mirrored pictures, where the part is on the other side, with the same name. Rows are added as a
network is ready; what is there already is skipped, and so are conditions that this version's
`Recipe` has no field for. About 12 minutes on one core.
"""
import argparse, tempfile, time
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
from fastai.callback.core import Callback

from catsdogs.data.splits import DataSettings
from catsdogs.data.drawn import drawn_folder
from catsdogs.data.dataloaders import photo_dataloaders
from catsdogs.interpret.annotations import CONCEPTS, annotate_drawings
from catsdogs.interpret.dissection import dissect
from catsdogs.drawing.pets import TRAITS, swap_traits
from catsdogs.drawing.dataset import Variation, pet_spec
from catsdogs.drawing.scenes import draw
from catsdogs.training.recipes import RECIPES, Recipe
from catsdogs.training.learner import photo_learner
from catsdogs.training.train import fit_recipe

SIZE, DRAWINGS = 128, 1000
BASE = replace(RECIPES["one_cycle"], size=SIZE, epochs=12, lr=2e-3, bs=32, wd=0.)
CONDITIONS = {
    "none": {},
    "untrained": {},
    "light": dict(augment="light"),
    "standard": dict(augment="standard"),
    "weight decay": dict(wd=2.0),
    "more drawings": {},
    "ears only": dict(epochs=30),
    "dropout": dict(dropout=0.5),
    "L1": dict(l1=0.06),
    "L2": dict(l2=1e-3)}
EPOCHS = {"none": (1, 2, 4, 8, 12)}

def ears_only(i, seed):
    """A head whose ears alone tell the species: cats' are pricked, dogs' droop.

    Its other traits are tossed for, and so is its place.
    """
    spec = pet_spec(i, seed, Variation(clutter=0, occlusion=0.))
    rng = np.random.default_rng([seed, i])
    if rng.random() < 0.5:
        spec = swap_traits(spec, pet_spec(i ^ 1, seed), *(t for t in TRAITS if t != "ears"))
    x, y = rng.uniform(.35, .65, 2).tolist()
    return replace(
        spec, ears="pricked" if spec.species == "cat" else "drooping", ear_length=0.9, pose="face",
        scale=0.6, x=x, y=y)

def photos_of(condition):
    "The folder of drawings to learn from"
    if condition == "more drawings": return drawn_folder(2400, SIZE)
    if condition != "ears only": return drawn_folder(DRAWINGS, SIZE)
    folder = Path(tempfile.gettempdir())/f"ears-only-heads-{DRAWINGS}-{SIZE}"
    for i in range(DRAWINGS):
        d = draw(ears_only(i, 0), SIZE) if not (folder/"done").exists() else None
        file = folder/("cat", "dog")[i % 2]/f"{('cat', 'dog')[i % 2]}.{i // 2}.jpg"
        if d:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(d.jpeg)
    (folder/"done").touch()
    return folder

def unseen(condition):
    "Drawings to fit on and to judge on"
    heads = condition == "ears only"
    data = annotate_drawings(
        [draw(ears_only(i, 5) if heads else pet_spec(i, 5), SIZE) for i in range(240)],
        [p for p in CONCEPTS if not (heads and p in ("tail", "body", "legs"))])
    return data[:120], data[120:]

class DissectEpochs(Callback):
    "Calls `report(number of epochs, model)` after some epochs"
    order = 70
    def __init__(self, epochs, report): self.epochs, self.report = epochs, report
    def after_epoch(self):
        if self.epoch + 1 in self.epochs: self.report(self.epoch + 1, self.model)

def rows_of(model, fit, judge):
    "A row for each unit"
    result = dissect(model, fit, judge, step=3)
    ears = [n for n in result.names() if n.detects and n.part in ("left ear", "right ear", "ears")]
    mirrored = dissect(model, fit, judge.mirrored(), step=3) if ears else None
    for n in result.names():
        row = dict(
            layer=n.layer, unit=n.unit, part=n.part, iou=n.iou, chance=n.chance,
            measure=n.measure_iou, detects=int(n.detects))
        if n in ears: row["mirrored"] = mirrored.name(n.layer, n.unit, n.part).iou
        yield {k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()}

def one_run(condition, seed, drawings):
    "Train one network; yield all its rows"
    recipe, rows = replace(BASE, **CONDITIONS[condition]), []
    dls = photo_dataloaders(photos_of(condition), DataSettings(SIZE), recipe.bs)
    learn = photo_learner(dls, recipe.model, recipe, seed=seed)
    def report(epoch, model):
        rows.extend(
            dict(condition=condition, seed=seed, epoch=epoch, **r)
            for r in rows_of(model, *drawings))
    score = lambda: round(float(learn.validate()[1]), 4)
    with learn.no_bar(), learn.no_logging():
        if condition == "untrained": report(0, learn.model)
        else: fit_recipe(learn, 0, [DissectEpochs(EPOCHS.get(condition, (recipe.epochs,)), report)])
        return [r | {"accuracy": score()} for r in rows]

def detectors(rows):
    "Layer → how many of its units detect a part"
    found = dict.fromkeys(sorted({r["layer"] for r in rows}), 0)
    for r in rows: found[r["layer"]] += r["detects"]
    return found

def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results" / "dissection.csv")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", help="conditions, separated by commas")
    return parser.parse_args()

def main():
    args = arguments()
    rows, drawings = pd.read_csv(args.out).to_dict("records") if args.out.exists() else [], {}
    for condition, changes in CONDITIONS.items():
        if args.only and condition not in args.only.split(","): continue
        lacking = set(changes) - {f.name for f in fields(Recipe)}
        if lacking:
            print(f"skipped {condition!r}: Recipe has no field {', '.join(lacking)}", flush=True)
            continue
        for seed in range(args.seeds):
            if any(r["condition"] == condition and r["seed"] == seed for r in rows): continue
            kind = "ears only" if condition == "ears only" else "usual"
            if kind not in drawings: drawings[kind] = unseen(condition)
            start = time.perf_counter()
            rows += one_run(condition, seed, drawings[kind])
            args.out.parent.mkdir(parents=True, exist_ok=True)
            pd.DataFrame(rows).to_csv(args.out, index=False)
            last = [
                r
                for r in rows
                if (r["condition"], r["seed"], r["epoch"]) == (condition, seed, rows[-1]["epoch"])]
            print(
                f"{condition}, seed {seed}: accuracy {rows[-1]['accuracy']}, detectors",
                detectors(last),
                f"{time.perf_counter() - start:.0f} s",
                flush=True)

if __name__ == "__main__": main()
