"""The table of models/zoo: what each network costs, and how good it gets on drawings and on the
small photo set.

Usage: python benchmarks/models.py [PHOTOS] [--weights FILE] [--out benchmarks/results] [--seeds 3]
       python benchmarks/models.py --speed [--out benchmarks/results]

The first writes accuracies to models.csv, the second speeds to models_speed.json. Without PHOTOS
only the drawings are learned. A new model needs a line in `RECIPES` here, and one in `SIZES` in the
notebook models/zoo.

PHOTOS is the folder that holds Kaggle's train.zip; photos 0 to 999 of each class are learned, 1000
to 1499 judged. Drawings: 2,500, of which a fifth is judged. FILE holds ImageNet weights for timm's
mobilenet_edgetpu_100; they stay as they are, only a new last layer is trained. Each network has a
recipe of its own, none has augmentation; accuracy is that of the epoch with the lowest validation
loss. Runs that are in the table already are skipped. About 15 minutes on two cores. Speed: five
rounds over all networks in alternation, batches of 64.
"""
import argparse, json, statistics, time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

from catsdogs.speed import pick_device, speed_settings
from catsdogs.data.splits import DataSettings
from catsdogs.data.drawn import drawn_folder
from catsdogs.data.dataloaders import photo_dataloaders
from catsdogs.training.callbacks import freeze
from catsdogs.training.learner import photo_learner
from catsdogs.training.recipes import find_recipe
from catsdogs.models.zoo import build_model

TIMM = "timm:mobilenet_edgetpu_100,pad_type=same"
RECIPES = {
    "dense": find_recipe("one_cycle", model="dense", size=128, epochs=15, lr=1e-4, bs=100),
    "classic": find_recipe("classic", augment="none", epochs=15),
    "codelab": find_recipe("codelab", size=128),
    "petnet": find_recipe("one_cycle", model="petnet", size=96, epochs=10),
    TIMM: find_recipe(
        "transfer", model=TIMM, size=160, epochs=3, freeze_epochs=3, lr=5e-2, augment="none",
        flip_tta=False)}

def accuracy(name, source, split, seed, weights):
    "Train one network; its validation accuracy at the epoch with the lowest validation loss"
    recipe = RECIPES[name]
    dls = photo_dataloaders(source, DataSettings(recipe.size, split=split), bs=recipe.bs)
    if name == TIMM: recipe = replace(recipe, weights=str(weights))
    learn = photo_learner(dls, name, recipe, seed=seed)
    with learn.no_bar(), learn.no_logging():
        if recipe.schedule == "one_cycle": learn.fit_one_cycle(recipe.epochs, recipe.lr)
        else: learn.fit(recipe.epochs)
    return min((row[1], row[2]) for row in learn.recorder.values)[1]

def speed(rounds=5, bs=64):
    "Median photos per second of one training step and of prediction"
    speed_settings(True, pick_device())
    found = {name: {"train": [], "predict": []} for name in RECIPES}
    for _ in range(rounds):
        for name, recipe in RECIPES.items():
            model = build_model(name, recipe.size, 1).to(memory_format=torch.channels_last)
            x = torch.rand(bs, 3, recipe.size, recipe.size).contiguous(
                memory_format=torch.channels_last)
            y = torch.ones(bs, 1)
            opt = torch.optim.AdamW(model.parameters(), 1e-4)
            if recipe.freeze_epochs: freeze(model)
            def step():
                with torch.autocast("cpu", dtype=torch.bfloat16): out = model(x)
                torch.nn.functional.binary_cross_entropy_with_logits(out.float(), y).backward()
                opt.step()
                opt.zero_grad()
            found[name]["train"].append(timed(step, bs))
            model.eval()
            def answer():
                with torch.inference_mode(): model(x)
            found[name]["predict"].append(timed(answer, bs))
    return {name: in_short(rates) for name, rates in found.items()}

def in_short(rates):
    "Median and all rounds of what was measured: name → photos per second, one for each round"
    medians = {k: round(statistics.median(v)) for k, v in rates.items()}
    rounds = {}
    for k, v in rates.items(): rounds[k] = [round(rate) for rate in v]
    return medians | {"rounds": rounds}

def timed(function, bs, n=5):
    function()
    function()
    start = time.perf_counter()
    for _ in range(n): function()
    return n * bs / (time.perf_counter() - start)

def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="?")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent/"results")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--speed", action="store_true")
    return parser.parse_args()

def main():
    args = arguments()
    if args.speed:
        (args.out/"models_speed.json").write_text(json.dumps(speed(), indent=1) + "\n")
        return
    file = args.out/"models.csv"
    rows = pd.read_csv(file).to_dict("records") if file.exists() else []
    for seed in range(args.seeds):
        for data in ("drawings", "photos"):
            for name in RECIPES:
                if (
                    any((r["model"], r["data"], r["seed"]) == (name, data, seed) for r in rows)
                    or (data == "photos" and not args.photos)
                    or (name == TIMM and not args.weights)):
                    continue
                source, split = (
                    (drawn_folder(2500, 128, 2000 + seed), "auto")
                    if data == "drawings"
                    else (args.photos / "train.zip", "small"))
                start = time.perf_counter()
                rows.append(
                    {
                        "model": name,
                        "data": data,
                        "seed": seed,
                        "accuracy": accuracy(name, source, split, seed, args.weights),
                        "seconds": round(time.perf_counter() - start, 1)})
                print(rows[-1], flush=True)
                pd.DataFrame(rows).to_csv(file, index=False)

if __name__ == "__main__": main()
