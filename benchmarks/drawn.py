"""The recorded experiment of drawing/dataset: are the drawings as hard as they should be, and does
what is learned on them carry over to photos?

Usage: python benchmarks/drawn.py [PHOTOS] [--out benchmarks/results/drawn.csv] [--seeds 3]

Each seed draws its own 2,000 training and 1,000 validation pictures at 128×128. PHOTOS is the
folder that holds Kaggle's train.zip; with it, the codelab CNN that learned on drawings is tested on
photos 1000 to 2499 of each class, and one that learned on photos 0 to 999 on the drawings. Rows are
added as they are ready; those that are there already are skipped. About seven minutes on two cores,
nine with photos.
"""
import argparse, tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from catsdogs.data.splits import DataSettings
from catsdogs.data.dataloaders import photo_dataloaders
from catsdogs.drawing.dataset import draw_pets
from catsdogs.evaluation.evaluate import evaluate_run
from catsdogs.training.train import RunSettings, train_run
from catsdogs.training.recipes import find_recipe
from catsdogs.data.photos import list_photos

SIZE, TRAIN, VALID = 128, 2000, 1000
# the recipe that served the dense network best, see codelab.py
DENSE = dict(model="dense", lr=1e-4, epochs=15, bs=100)

def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="?")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent/"results"/"drawn.csv")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    rows = pd.read_csv(args.out).to_dict("records") if args.out.exists() else []
    with tempfile.TemporaryDirectory() as d:
        for seed in range(args.seeds):
            for row in one_seed(
                seed, Path(d), args.photos,
                {(r["model"], r["n_train"]) for r in rows if r["seed"] == seed}):
                rows.append({"seed": seed, **row})
                print(rows[-1], flush=True)
                args.out.parent.mkdir(parents=True, exist_ok=True)
                pd.DataFrame(rows).to_csv(args.out, index=False)

def one_seed(seed, folder, photos, done):
    "Yield the rows of one seed that are not `done`"
    drawn = {n: folder/f"{n}-drawings-{seed}" for n in (TRAIN, 200)}
    for n, d in drawn.items():
        draw_pets(d/"train", n, SIZE, 1000 + 2 * seed)
        draw_pets(d/"valid", VALID, SIZE, 1001 + 2 * seed)
    both = list_photos(drawn[TRAIN])
    if ("logistic", TRAIN) not in done: yield logistic(both)
    for model, n, recipe in (
        ("dense", TRAIN, find_recipe("one_cycle", size=SIZE, **DENSE)),
        ("codelab", TRAIN, find_recipe("codelab", size=SIZE)),
        ("codelab", 200, find_recipe("codelab", size=SIZE))):
        if (model, n) in done: continue
        run = train_run(drawn[n], folder/f"{model}-{n}-{seed}", RunSettings(recipe, seed=seed))
        row = scored(run, model, n, list_photos(drawn[n]))
        if photos and n == TRAIN and model == "codelab":
            row["photo_accuracy"] = evaluate_run(
                run, [p for p in list_photos(photos / "train.zip") if 1000 <= p.number < 2500]
            ).scores.accuracy
        yield row
    if photos and ("codelab on photos", TRAIN) not in done:
        run = train_run(
            photos / "train.zip", folder / f"photos-{seed}",
            RunSettings(find_recipe("codelab", size=SIZE), DataSettings(split="small"), seed))
        row = {
            "model": "codelab on photos",
            "n_train": TRAIN,
            "valid_accuracy": evaluate_run(run).scores.accuracy}
        yield row | {
            "drawing_accuracy": evaluate_run(
                run, [p for p in both if p.split == "valid"]).scores.accuracy}

def scored(run, model, n, both):
    "Training and validation accuracy of the weights that were kept"
    from catsdogs.runs.predict import Predictor, predict_photos
    right = {}
    for part in ("train", "valid"):
        answers = predict_photos(Predictor(run), [p for p in both if p.split == part])
        right[part] = np.mean([a.label == a.photo.label for a in answers])
    return {
        "model": model,
        "n_train": n,
        "train_accuracy": right["train"],
        "valid_accuracy": right["valid"]}

def pixels_and_labels(cache, photos):
    rows = [cache.rows[p] for p in photos]
    pixels = cache.pixels[rows].reshape(len(photos), -1) / np.float32(255)
    return pixels, [p.label for p in photos]

def logistic(both):
    "Logistic regression on all pixels; of four strengths of the L2 penalty, the one that does best in validation"
    dls = photo_dataloaders(both, DataSettings(SIZE))
    x, y = pixels_and_labels(dls.cache, dls.train.items)
    vx, vy = pixels_and_labels(dls.cache, dls.valid.items)
    mean = x.mean(0)
    # with an L2 penalty the solution lies in the span of the pictures: 2,000 numbers in place of
    # 49,152
    u, s, vt = np.linalg.svd(x - mean, full_matrices=False)
    models = [
        LogisticRegression(C=c, max_iter=5000).fit(u * s, y) for c in (1e-5, 1e-4, 1e-3, 1e-2)]
    best = max(models, key=lambda m: m.score((vx - mean) @ vt.T, vy))
    return {
        "model": "logistic",
        "n_train": TRAIN,
        "train_accuracy": best.score(u * s, y),
        "valid_accuracy": best.score((vx - mean) @ vt.T, vy)}

if __name__ == "__main__": main()
