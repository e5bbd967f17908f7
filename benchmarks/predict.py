"""How long an answer takes: one photo from the shell, and a folder of photos, beside what decoding
alone and the bare network would need.

Usage: python benchmarks/predict.py PHOTOS [--rounds 5] [--photos 2000] [--run RUN]

PHOTOS is the folder with Kaggle's train.zip; photos from number 1500 on are written to files and
asked about, by the network that comes with the package or by the run RUN. For one photo the command
is a process of its own, started `rounds` times. For the folder everything happens in one process,
once around first, and then in alternation: the whole (`predict_photos`), decoding and squashing
alone, and the network alone on pixels that are there already, as `catsdogs predict` does it
(bfloat16, layers folded), and the whole in plain float32 too. Writes results/predict.json.
"""
import argparse, json, os, platform, statistics, subprocess, sys, tempfile, time
from pathlib import Path

import numpy as np
import torch

from catsdogs.data.photos import list_photos, map_photos
from catsdogs.runs.predict import Predictor, predict_photos
from catsdogs.runs.folder import shipped_run

BS = 128

def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start

def decode(predictor, photos): return list(map_photos(predictor.pixels, photos, "decoding"))
def network(predictor, pixels):
    return [predictor.answer(pixels[i : i + BS]) for i in range(0, len(pixels), BS)]

def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--photos", type=int, default=2000, dest="n")
    return parser.parse_args()

def main():
    args = arguments()
    run = args.run or shipped_run()
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        for p in [p for p in list_photos(args.photos / "train.zip") if p.number >= 1500][: args.n]:
            (folder / p.name).write_bytes(p.read())
        photos = list_photos(folder, part="test")
        command = [
            Path(sys.executable).parent / "catsdogs",
            "predict",
            *(["--run", run] if args.run else []),
            photos[0].path]
        one = [
            round(
                seconds(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)), 2)
            for _ in range(args.rounds)]
        plain, fast = Predictor(run), Predictor(run, fast=True)
        pixels = np.stack(decode(fast, photos))
        parts = {
            "whole": lambda: list(predict_photos(fast, photos)),
            "decoding": lambda: decode(fast, photos),
            "network": lambda: network(fast, pixels),
            "whole, float32": lambda: list(predict_photos(plain, photos))}
        for work in parts.values(): work()
        rates = {name: [] for name in parts}
        for _ in range(args.rounds):
            for name, work in parts.items():
                rates[name].append(round(len(photos) / seconds(work), 1))
    middle = {name: statistics.median(r) for name, r in rates.items()}
    found = dict(
        photos=len(photos), cores=os.cpu_count(), threads=torch.get_num_threads(),
        machine=platform.processor() or platform.machine(), one_photo_s=one,
        photos_per_second=rates, whole_to_decoding=round(middle["whole"] / middle["decoding"], 4),
        whole_to_network=round(middle["whole"] / middle["network"], 4),
        fast_to_float32=round(middle["whole"] / middle["whole, float32"], 3))
    print(json.dumps(found, indent=1))
    (Path(__file__).parent/"results"/"predict.json").write_text(json.dumps(found, indent=1) + "\n")

if __name__ == "__main__": main()
