"""The recorded experiment of study/codelab: the codelab's recipe, by network, number of photos and
number format.

Usage: python benchmarks/codelab.py PHOTOS [--out benchmarks/results/codelab.csv] [--seeds 3]
                                           [--only small|all] [--model codelab|dense]

PHOTOS is the folder that holds Kaggle's train.zip. Each run adds its epochs to the table as it
ends; runs that are in the table already are skipped, so that an interrupted experiment goes on
where it stopped. About half an hour on two cores.

The dense network does not learn at all by the codelab's recipe. It gets the one that served it best
of six tried on the small set (RMSprop at 1e-3, 1e-4, 3e-5, 1e-5 and 3e-6, all between 49.6% and
57%; Adam, one cycle, at 1e-4: 60%).
"""
import argparse, tempfile
from pathlib import Path

import pandas as pd

from catsdogs.data.splits import DataSettings
from catsdogs.training.train import RunSettings, train_run
from catsdogs.training.recipes import find_recipe

PLAN = [
    ("small", "codelab", "fast"),
    ("small", "codelab", "float32"),
    ("small", "dense", "fast"),
    ("all", "codelab", "fast"),
    ("all", "dense", "fast")]

def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent/"results"/"codelab.csv")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=("small", "all"))
    parser.add_argument("--model", choices=("codelab", "dense"))
    return parser.parse_args()

def main():
    args = arguments()
    table = (
        pd.read_csv(args.out)
        if args.out.exists()
        else pd.DataFrame(columns=["photos", "model", "precision", "seed"]))
    for seed in range(args.seeds):
        for photos, model, precision in PLAN:
            done = table.query(
                "photos == @photos and model == @model and "
                "precision == @precision and seed == @seed")
            if len(done) or args.only not in (None, photos) or args.model not in (None, model):
                continue
            recipe = (
                find_recipe("codelab", keep="last")
                if model == "codelab"
                else find_recipe("one_cycle", model=model, lr=1e-4, epochs=15, bs=100, keep="last"))
            settings = RunSettings(
                recipe, DataSettings(split="small" if photos == "small" else "auto"), seed,
                precision == "fast")
            with tempfile.TemporaryDirectory() as d:
                run = train_run(args.photos/"train.zip", Path(d)/"run", settings)
                rows = pd.read_csv(run.path / "history.csv").assign(
                    photos=photos, model=model, precision=precision, seed=seed)
                print(
                    photos,
                    model,
                    precision,
                    seed,
                    rows.iloc[-1][["train_loss", "valid_loss", "accuracy", "images_per_second"]]
                    .round(3)
                    .to_dict(),
                    run.info.hardware,
                    flush=True)
            table = pd.concat(
                [
                    table,
                    rows[
                        [
                            "photos",
                            "model",
                            "precision",
                            "seed",
                            *[c for c in rows if c not in ("photos", "model", "precision", "seed")]]
                    ]])
            args.out.parent.mkdir(parents=True, exist_ok=True)
            table.to_csv(args.out, index=False)

if __name__ == "__main__": main()
