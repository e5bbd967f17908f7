"""Judge the weights that `petnet_gpu.py` made, and write the run folder that ships with the
package: `catsdogs/petnet`.

Usage: python benchmarks/petnet.py PHOTOS TRAINED --others FOLDER --originals FOLDER [--dest catsdogs/petnet]
       python benchmarks/petnet.py --card

PHOTOS is the folder that holds Kaggle's train.zip, TRAINED the folder that `petnet_gpu.py` wrote.
ORIGINALS holds labelled photos at full size and odd shapes, OTHERS photos of things and animals, of
which every second one, from the first, was kept aside. Fits the temperature on the validation
photos, learns what is familiar from the training photos, and writes the folder with its card, and
results/petnet.json. --card measures nothing: it writes the card that is there again, from
results/petnet.json and results/corruptions.csv.
"""
import argparse
import csv
import gzip
import hashlib
import json
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from catsdogs.data.photos import list_photos
from catsdogs.data.splits import DataSettings, split_photos
from catsdogs.evaluation.calibration import calibrate
from catsdogs.evaluation.evaluate import evaluate_run
from catsdogs.evaluation.ood import fit_ood
from catsdogs.models.zoo import build_model
from catsdogs.runs.folder import MODEL_FILE, Run, RunData, RunInfo, SPLIT_FILE
from catsdogs.runs.predict import predict_photos
from catsdogs.training.train import data_fingerprint

HERE = Path(__file__).parent
SIZE = 128

def labelled(folder):
    "The photos of a folder whose class folders may be called cats and dogs"
    return [
        replace(photo, label=photo.label.lower().removesuffix("s")) for photo in list_photos(folder)
    ]

def make_run(source, trained, dest):
    "A run folder with these weights, whose photos are known"
    photos = list_photos(source)
    settings = DataSettings(size=SIZE, split="hash", valid=.1)
    in_train, in_valid = split_photos(photos, settings)
    train, valid = [photos[i] for i in in_train], [photos[i] for i in in_valid]
    made = json.loads((trained/"petnet_gpu.json").read_text())
    versions = dict(catsdogs=version("catsdogs"), torch=made["torch"])
    data = RunData(settings, len(train), len(valid), data_fingerprint(train, valid), str(source))
    info = RunInfo(
        "petnet", ["cat", "dog"], SIZE, flip_tta=True, seed=made["seed"], data=data,
        versions=versions, hardware=dict(device=made["device"]), epochs=made["epochs"],
        kept_epoch=made["epochs"] - 1)
    run = Run.create(dest, info)
    model = build_model("petnet", SIZE).eval()
    model.load_state_dict({name: t.float() if t.is_floating_point() else t
                           for name, t in load_file(trained/"petnet.safetensors").items()})
    run.save(model, half=True)
    run.save_split(train, valid)
    return run, made

def interval(s): return f"{s['accuracy']:.1%} ({s['low']:.1%} to {s['high']:.1%}) of {s['n']:,}"

def card_row(name, s):
    numbers = f"{interval(s)} | {s['log_loss']:.3f} | {s['calibration_error']:.1%} | {s['called_neither']:.1%}"
    return f"| {name} | {numbers} |"

CARD = """# PetNet: cat or dog?

The network that `catsdogs predict` uses when no run is given: a small residual network \
(`petnet`), {size}×{size} pixels, 1.2 million weights in half precision.

**Data.** {train:,} photos of Kaggle's Dogs vs. Cats, squashed to 180×180, and {outliers} photos \
of things and other animals, about which it was taught to be undecided. None of its weights are pretrained. \
The {valid:,} validation photos (a tenth, by a hash of their names) were not learned from. They \
fitted the temperature and the limit of "neither", which flatters the first row of the tables a \
little.

**Training.** {epochs} epochs in {seconds:.0f} seconds on one {device}: batches of 256, Muon up \
to {lr} with a warm-up and a cosine, weight decay 0.1, crops, odd proportions, light, blur, noise \
and erased rectangles, MixUp or CutMix in 45% of the batches, pictures of 112 pixels, a running \
mean of the weights. {teacher}The answer is the mean over the photo and its mirror image at {size} pixels \
(`catsdogs predict` asks about the mirror image in doubt only), and its logits are divided by {temperature:.2f}.

| cats and dogs | right (95% interval) | log loss | calibration error | called neither |
| --- | --- | --- | --- | --- |
{rows}

| photos of neither, kept aside | photos | called neither |
| --- | --- | --- |
{others}

{corruptions}{beside}**What it is bad at.** It calls about one pet in twenty "neither": that is how its limit \
was set. Of the other animals kept aside it takes {missed:.0%} for a cat or a dog. Photos that are much \
wider than high are squashed, and lose their shape.

**Again.** `python benchmarks/petnet_gpu.py PHOTOS OUT --others FOLDER` trains such a network on \
a GPU (for as long as this one: `--seconds {seconds:.0f}`; with a teacher: `--teacher FILE`), and \
`python benchmarks/petnet.py PHOTOS OUT --others FOLDER --originals FOLDER` judges \
it and writes this folder. The learning rate follows the clock, so another GPU makes other weights.
"""

TEACHER = (
    "A teacher answered every changed picture, and PetNet learned to give its answers and to have its "
    "features: timm's mobilenet_edgetpu_100 with ImageNet's weights, tuned on the same photos and right "
    "on {accuracy:.1%} of the validation photos. PetNet carries none of its weights "
    "(`training/distillation`). ")

BESIDE = (
    "**Beside it.** The same network from labels alone, without a teacher, for {epochs} epochs, is "
    "right on {valid} validation photos and on {others} other photos.\n\n")

FAMILIES = {
    "noise": ("gaussian_noise", "shot_noise", "impulse_noise"),
    "blur": ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    "weather": ("snow", "frost", "fog", "brightness"),
    "digital": ("contrast", "elastic_transform", "pixelate", "jpeg_compression")}

CORRUPTIONS = """**Spoiled photos.** {n} of the validation photos were spoiled in fifteen ways, each at five \
strengths (`benchmarks/corruptions.py`). Each number is a mean over kinds and strengths. "Before" is the \
network that shipped before this one. `study/corruptions` shows every kind.

| photos | right, before | now | log loss, before | now | calibration error, before | now |
| --- | --- | --- | --- | --- | --- | --- |
{rows}

"""

def weights_digest(run):
    "What tells a run's weights from all others"
    return hashlib.sha256((run.path/MODEL_FILE).read_bytes()).hexdigest()[:12]

def mean_of(rows, field): return sum(float(row[field]) for row in rows)/len(rows)

def corruption_row(name, before, now):
    "A line of the card: three means, for two networks each"
    cells = [name]
    for field, form in (("accuracy", ".1%"), ("log_loss", ".3f"), ("calibration_error", ".1%")):
        cells += [format(mean_of(rows, field), form) for rows in (before, now)]
    return f"| {' | '.join(cells)} |"

def tell_corruptions(run, table):
    "The card's table of spoiled photos; empty if it does not compare this run's network with another"
    if not table or table[-1]["weights"] != weights_digest(run): return ""
    networks = list(dict.fromkeys(row["network"] for row in table))
    if len(networks) < 2: return ""
    before, now = networks[-2:]
    kinds = {"as they are": ("none",), **FAMILIES, "all fifteen": sum(FAMILIES.values(), ())}
    lines = []
    for name, members in kinds.items():
        found = [row for row in table if row["corruption"] in members]
        lines.append(corruption_row(
            name, [row for row in found if row["network"] == before],
            [row for row in found if row["network"] == now]))
    return CORRUPTIONS.format(n=table[-1]["photos"], rows="\n".join(lines))

def read_corruptions():
    "The rows that `corruptions.py` wrote; none if it never ran"
    file = HERE/"results"/"corruptions.csv"
    if not file.exists(): return []
    with open(file, newline="", encoding="utf8") as lines: return list(csv.DictReader(lines))

def tell_beside():
    "What a network from labels alone was worth, if it was judged"
    file = HERE/"results"/"petnet_labels.json"
    if not file.exists(): return ""
    found = json.loads(file.read_text())
    valid, others = found["scores"].values()
    return BESIDE.format(epochs=found["made"]["epochs"], valid=interval(valid), others=interval(others))

def write_card(run, made, scores, others, dest):
    rows = "\n".join(card_row(name, s) for name, s in scores.items())
    kinds = "\n".join(f"| {kind} | {n} | {share:.0%} |" for kind, (n, share) in others.items())
    info, teacher = run.info, made.get("teacher")
    text = CARD.format(
        teacher=TEACHER.format(**teacher) if teacher else "",
        beside=tell_beside() if teacher else "",
        corruptions=tell_corruptions(run, read_corruptions()),
        size=SIZE, train=info.data.train, valid=info.data.valid, outliers=made["outliers"],
        epochs=made["epochs"], seconds=made["seconds"], device=made["device"], lr=made["lr"],
        temperature=info.temperature, rows=rows, others=kinds, missed=1 - others["animals"][1])
    (dest/"CARD.md").write_text(text, encoding="utf8")

def share_neither(answers): return round(float(np.mean([a.neither for a in answers])), 4)

def judge_others(run, folder):
    "kind → how many photos of neither were kept aside, and the share that is called neither"
    kept_aside = list_photos(folder)[::2]
    predictor, found = run.predictor(), {}
    for kind in sorted({photo.label for photo in kept_aside}):
        answers = list(
            predict_photos(predictor, [photo for photo in kept_aside if photo.label == kind]))
        found[f"{kind}s"] = len(answers), share_neither(answers)
    return found

def forget_paths(run):
    "Nothing of this machine in the folder; the split compressed"
    run.update(data=replace(run.info.data, source=None))
    with gzip.GzipFile(run.path/f"{SPLIT_FILE}.gz", "wb", mtime=0) as file:
        file.write((run.path/SPLIT_FILE).read_bytes())
    (run.path/SPLIT_FILE).unlink()

def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="?")
    parser.add_argument("trained", type=Path, nargs="?")
    parser.add_argument("--others", type=Path)
    parser.add_argument("--originals", type=Path)
    parser.add_argument("--dest", type=Path, default=HERE.parent/"catsdogs"/"petnet")
    parser.add_argument("--card", action="store_true")
    args = parser.parse_args()
    if not args.card and None in (args.photos, args.trained, args.others, args.originals):
        parser.error("give PHOTOS, TRAINED, --others and --originals, or --card alone")
    return args

def write_card_again(dest):
    "The card of the network in `dest`, from what was recorded of it"
    found = json.loads((HERE/"results"/"petnet.json").read_text())
    write_card(Run.open(dest), found["made"], found["scores"], found["called_neither"], dest)

def main():
    args = arguments()
    if args.card: return write_card_again(args.dest)
    torch.set_num_threads(1)
    run, made = make_run(args.photos/"train.zip", args.trained, args.dest)
    calibrate(run, evaluate_run(run))
    fit_ood(run)
    judged = {"validation photos": evaluate_run(run),
              "other photos, full size, odd shapes": evaluate_run(run, labelled(args.originals))}
    sure = [max(a.probabilities.values()) for a in judged["validation photos"].predictions]
    run.update(
        confidence_limit=round(float(np.quantile(sure, 0.05)), 4),
        scores=judged["validation photos"].scores)
    scores = {
        name: asdict(evaluation.scores) | {"called_neither": share_neither(evaluation.predictions)}
        for name, evaluation in judged.items()}
    others = judge_others(run, args.others)
    forget_paths(run)
    write_card(run, made, scores, others, args.dest)
    result = dict(made=made, scores=scores, called_neither=others)
    (HERE/"results"/"petnet.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))

if __name__ == "__main__": main()
