"""Transfer on the small photo set by the recipe `transfer`: a new last layer on ImageNet's features
for one epoch, then everything, judged once on the test photos.

Usage: python benchmarks/transfer.py PHOTOS --weights FILE [--seeds 3] [--work FOLDER] [--size 224]

PHOTOS is the folder that holds Kaggle's train.zip: photos 0 to 999 of each class are learned, 1000
to 1499 choose the epoch and the temperature, 1500 to 2499 judge. FILE holds the weights of timm's
mobilenet_edgetpu_100. Stop it and start it again at any time: it goes on. Writes
results/transfer.csv.
"""
import argparse, csv
from pathlib import Path

from catsdogs.core import cache_dir
from catsdogs.data.splits import DataSettings
from catsdogs.evaluation.evaluate import evaluate_run
from catsdogs.training.train import RunSettings, train_run
from catsdogs.training.recipes import find_recipe
from catsdogs.data.photos import list_photos

MODEL = "timm:mobilenet_edgetpu_100,pad_type=same"

def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--work", type=Path, default=cache_dir()/"transfer")
    return parser.parse_args()

def main():
    args = arguments()
    recipe = find_recipe("transfer", model=MODEL, weights=args.weights, size=args.size)
    test = [p for p in list_photos(args.photos/"train.zip") if 1500 <= p.number < 2500]
    rows = []
    for seed in range(args.seeds):
        def show(row): print(seed, {k: round(v, 4) for k, v in row.items()}, flush=True)
        settings = RunSettings(recipe, DataSettings(split="small"), seed)
        run = train_run(
            args.photos / "train.zip", args.work / f"thawed-{args.size}-{seed}", settings,
            resume=True, on_epoch=show)
        info, tested, history = run.info, evaluate_run(run, test).scores, run.history()
        rows.append(
            dict(
                seed=seed, size=args.size, epochs=recipe.epochs, kept_epoch=info.kept_epoch,
                accuracies=" ".join(f"{r['accuracy']:.6g}" for r in history),
                valid_accuracy=info.scores.accuracy, valid_loss=info.scores.log_loss,
                test_photos=tested.n, test_accuracy=tested.accuracy, test_loss=tested.log_loss,
                seconds=round(sum(r["train_seconds"] + r["valid_seconds"] for r in history)),
                cpu=info.hardware["cpu"], threads=info.hardware["threads"]))
        print(rows[-1], flush=True)
        with open(Path(__file__).parent/"results"/"transfer.csv", "w", newline="") as f:
            w = csv.DictWriter(f, list(rows[0]), lineterminator="\n")
            w.writeheader()
            w.writerows(rows)

if __name__ == "__main__": main()
