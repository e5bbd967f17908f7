"""Train PetNet from scratch on all photos, judge it, and write the run folder that ships with the package: `catsdogs/petnet`.

Usage: python benchmarks/petnet.py PHOTOS [--originals FOLDER] [--epochs 50] [--seed 0] [--work FOLDER] [--no-ship]

PHOTOS is the folder that holds Kaggle's train.zip; a tenth of its photos, chosen by a hash of their names, is never learned from and judges. ORIGINALS is a folder of other photos, a folder for each class, at full
size and odd shapes; without it the model card has no line for them. Stop it and start it again at any time: it goes on. Writes results/petnet.json and petnet_history.csv, and unless --no-ship the weights in half precision, run.json, split.csv.gz
and CARD.md into catsdogs/petnet.
"""
import argparse, gzip, json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from catsdogs.core import cache_dir
from catsdogs.data.splits import DataSettings
from catsdogs.evaluation.evaluate import evaluate_run
from catsdogs.training.train import RunSettings, train_run
from catsdogs.training.recipes import find_recipe
from catsdogs.data.photos import list_photos
from catsdogs.evaluation.ood import fit_ood
from catsdogs.runs.folder import OOD_FILE, Run, SPLIT_FILE

HERE = Path(__file__).parent

def labelled(folder):
    "The photos of a folder whose class folders may be called cats and dogs"
    return [replace(p, label=p.label.lower().removesuffix("s")) for p in list_photos(folder)]

def ship(run, dest, scores, seconds):
    "Weights in half precision and what a stranger must know of them; no path of this machine"
    info = replace(run.info, data=replace(run.info.data, source=None, left_out={}))
    Run.create(dest, info).save(run.model(), half=True)
    (dest/OOD_FILE).write_bytes((run.path/OOD_FILE).read_bytes())
    with gzip.GzipFile(dest/f"{SPLIT_FILE}.gz", "wb", mtime=0) as f: f.write((run.path/SPLIT_FILE).read_bytes())
    (dest/"CARD.md").write_text(card(info, scores, seconds))

def interval(s): return f"{s['accuracy']:.1%} ({s['low']:.1%} to {s['high']:.1%}) of {s['n']:,}"

def card(info, scores, seconds):
    r = info.recipe
    rows = "\n".join(f"| {name} | {interval(s)} | {s['log_loss']:.3f} | {s['calibration_error']:.1%} | {s['called_neither']:.1%} |" for name, s in scores.items())
    return f"""# PetNet: cat or dog?

The network that `catsdogs predict` uses when no run is given: {info.model}, {info.size}×{info.size} pixels, in half precision.

**Data.** {info.data.train:,} photos of Kaggle's Dogs vs. Cats, squashed to a square of 180×180. Nothing else: no pretrained weights. The {info.data.valid:,} validation photos (a tenth, by a hash of their names) were not learned from; they chose the epoch and the temperature, which flatters the first line of the table a little.

**Recipe.** `race`: {r['epochs']} epochs, batches of {r['bs']}, one cycle of {r['optimizer'].title()} up to {r['lr']}, weight decay {r['wd']}, augmentation `{r['augment']}`, MixUp {r['mixup']}, pictures that grow from {r['resize_from']} to {r['resize_to'] or r['size']} pixels, a running mean of the weights over {r['ema']:.0%} of the training;
the answer is the mean over the photo and its mirror image at {r['size']} pixels, its logits divided by {info.temperature:.2f}. Seed {info.seed}; {seconds / 60:.0f} minutes on {info.hardware['threads']} thread(s) of an {info.hardware['cpu']}.

| judged on | right (95% interval) | log loss | calibration error | called neither |
| --- | --- | --- | --- | --- |
{rows}

**What it is bad at.** It knows two words. Of what is unlike all that it has learned from it says "neither": of noise mostly, of photos of other things most of the time (evaluation/ood measures it), and, by the choice of the limit, of one pet in twenty. The rest gets one of the two words, often with confidence. Photos that are much wider than high are squashed, and lose their shape.

**Again.** `python benchmarks/petnet.py PHOTOS --originals FOLDER --epochs {r['epochs']} --seed {info.seed}` trains it, judges it, and writes this folder.
"""

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--originals", type=Path)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=cache_dir()/"petnet")
    parser.add_argument("--no-ship", action="store_true")
    args = parser.parse_args()
    recipe = find_recipe("race", epochs=args.epochs)
    def show(row): print({k: round(v, 4) for k, v in row.items()}, flush=True)
    settings = RunSettings(recipe, DataSettings(split="hash", valid=.1), args.seed)
    run = train_run(args.photos/"train.zip", args.work/f"race-{recipe.epochs}-{args.seed}", settings, resume=True, on_epoch=show)
    if run.detector() is None: fit_ood(run)
    judged = {"validation photos": evaluate_run(run)}
    if args.originals: judged["other photos, full size, odd shapes"] = evaluate_run(run, labelled(args.originals))
    sure = np.quantile([max(a.probabilities.values()) for a in judged["validation photos"].predictions], .05)
    run.update(confidence_limit=round(float(sure), 4))
    scores = {name: asdict(e.scores) | {"called_neither": round(sum(a.neither for a in e.predictions) / e.scores.n, 4)} for name, e in judged.items()}
    for name, s in scores.items(): print(name, interval(s), s["log_loss"], s["called_neither"])
    seconds = sum(row["train_seconds"] + row["valid_seconds"] for row in run.history())
    (HERE/"results"/"petnet_history.csv").write_bytes((run.path/"history.csv").read_bytes())
    (HERE/"results"/"petnet.json").write_text(json.dumps(scores, indent=1) + "\n")
    if not args.no_ship: ship(run, HERE.parent/"catsdogs"/"petnet", scores, seconds)

if __name__ == "__main__": main()
