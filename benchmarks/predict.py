"""How long an answer takes: one photo from the shell, and a folder of photos, beside what decoding
alone and the bare network would need.

Usage: python benchmarks/predict.py PHOTOS [--rounds 5] [--photos 2000]

PHOTOS is the folder with Kaggle's train.zip and test1.zip. Photos of test1.zip, which no network of
this project has learned from, are written to files and asked about, by the network that comes with
the package. For one photo the command is a process of its own, started `rounds` times, by each
engine. For the folder everything happens in one process, once around first, and then in turns:

  whole                       `predict_photos`, as `catsdogs predict` does it: layers folded, bfloat16
                              where the processor has it, the mirror image only in doubt
  decoding                    photos opened and squashed, no network
  network                     the network alone, on pixels that are there already
  whole, every mirror image   as whole, but each photo is asked about twice
  whole, float32              nothing folded, every mirror image
  whole, onnxruntime          prepared before

CPU seconds are of the process and its threads; on a machine that others use too, only these can be
compared. What the short cuts change is counted on the network's validation photos, which have also
set its temperature and its limit for "neither". Writes results/predict.json.
"""
import argparse, json, os, platform, statistics, subprocess, sys, tempfile, time
from pathlib import Path

import numpy as np
import torch

from catsdogs.data.photos import list_photos, map_photos
from catsdogs.data.splits import hash_fraction
from catsdogs.evaluation.metrics import score
from catsdogs.runs.engine import OnnxPredictor, prepare_engine
from catsdogs.runs.predict import Predictor, predict_photos
from catsdogs.runs.folder import shipped_run

BS, ENGINES = 128, ("torch", "onnxruntime")

def one_photo(command, engine):
    "Wall seconds, and CPU seconds, from the shell to the answer"
    before, start = os.times(), time.perf_counter()
    subprocess.run(
        [*command, "--engine", engine, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return round(wall, 2), round(cpu, 2)

def rates_of(function, n):
    "Photos a second, and photos for a second of CPU time"
    start, cpu = time.perf_counter(), time.process_time()
    function()
    return round(n / (time.perf_counter() - start), 1), round(n / (time.process_time() - cpu), 1)

def decode(predictor, photos): return list(map_photos(predictor.pixels, photos, "decoding"))
def network(predictor, pixels):
    return [predictor.answer(pixels[i : i + BS]) for i in range(0, len(pixels), BS)]

def answers_to(predictor, pixels):
    "Probabilities, and which are neither"
    probabilities, neither = zip(*(answer for batch in network(predictor, pixels) for answer in batch), strict=True)
    return np.array(probabilities), np.array(neither)

def quality(predictors, photos):
    "name → how good the answers to these photos are, and how far from those of the first predictor"
    plain = next(iter(predictors.values()))
    pixels = np.stack(decode(plain, photos))
    targets = [plain.classes.index(p.label) for p in photos]
    found, first = {}, None
    for name, predictor in predictors.items():
        probabilities, neither = answers_to(predictor, pixels)
        first = first or (probabilities, neither)
        scores = score(probabilities, targets, plain.classes)
        found[name] = dict(
            accuracy=round(scores.accuracy, 4), log_loss=round(scores.log_loss, 4),
            neither=round(float(neither.mean()), 4), other_neither=int((neither != first[1]).sum()),
            other_class=int((probabilities.argmax(1) != first[0].argmax(1)).sum()),
            furthest=round(float(np.abs(probabilities - first[0]).max()), 3))
    return dict(photos=len(photos), **found)

def asked_again(predictor, pixels):
    "Share of the pictures whose mirror image is asked about, too"
    seen = 0
    def count(module, inputs):
        nonlocal seen
        seen += len(inputs[0])
    hook = predictor.model.register_forward_pre_hook(count)
    network(predictor, pixels)
    hook.remove()
    return round(seen / len(pixels) - 1, 3)

def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--photos", type=int, default=2000, dest="n")
    return parser.parse_args()

def main():
    args = arguments()
    run = shipped_run()
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        for p in list_photos(args.photos/"test1.zip", part="test")[: args.n]:
            (folder / p.name).write_bytes(p.read())
        photos = list_photos(folder, part="test")
        command = [Path(sys.executable).parent / "catsdogs", "predict", photos[0].path]
        prepare_engine(run)
        pairs = [[one_photo(command, engine) for engine in ENGINES] for _ in range(args.rounds)]
        one = list(zip(*pairs, strict=True))
        plain, fast, engine = Predictor(run), Predictor(run, fast=True), OnnxPredictor(run)
        both = Predictor(run, fast=True)
        both.mirrors_in_doubt = False
        pixels = np.stack(decode(fast, photos))
        parts = {
            "whole": lambda: list(predict_photos(fast, photos)),
            "decoding": lambda: decode(fast, photos),
            "network": lambda: network(fast, pixels),
            "whole, every mirror image": lambda: list(predict_photos(both, photos)),
            "whole, float32": lambda: list(predict_photos(plain, photos)),
            "whole, onnxruntime": lambda: list(predict_photos(engine, photos))}
        for work in parts.values(): work()
        rates = {name: [] for name in parts}
        for _ in range(args.rounds):
            for name, work in parts.items(): rates[name].append(rates_of(work, len(photos)))
    unseen = [p for p in list_photos(args.photos/"train.zip") if hash_fraction(p.name) < .1]
    ways = {
        "plain": plain, "fast, every mirror image": both, "fast": fast, "onnxruntime": engine}
    middle = {name: statistics.median(cpu for _, cpu in r) for name, r in rates.items()}
    found = dict(
        photos=len(photos), cores=os.cpu_count(), threads=torch.get_num_threads(),
        machine=platform.processor() or platform.machine(), bfloat16=fast.bfloat16,
        one_photo_wall_s={e: [wall for wall, _ in r] for e, r in zip(ENGINES, one, strict=True)},
        one_photo_cpu_s={e: [cpu for _, cpu in r] for e, r in zip(ENGINES, one, strict=True)},
        photos_per_second={name: [wall for wall, _ in r] for name, r in rates.items()},
        photos_per_cpu_second={name: [cpu for _, cpu in r] for name, r in rates.items()},
        whole_to_decoding=round(middle["whole"] / middle["decoding"], 4),
        whole_to_network=round(middle["whole"] / middle["network"], 4),
        fast_to_float32=round(middle["whole"] / middle["whole, float32"], 3),
        onnxruntime_to_fast=round(middle["whole, onnxruntime"] / middle["whole"], 3),
        mirror_images_asked=asked_again(fast, pixels), quality=quality(ways, unseen))
    print(json.dumps(found, indent=1))
    (Path(__file__).parent/"results"/"predict.json").write_text(json.dumps(found, indent=1) + "\n")

if __name__ == "__main__": main()
