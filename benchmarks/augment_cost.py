"""What augmentation costs: training throughput of the codelab network at 150×150, batch 100, with
each policy against none.

Usage: python benchmarks/augment_cost.py [--rounds 7] [--photos 850] [--threads 1]

Real epochs of `photo_learner` on drawings, with batches cut from the cache; the validation that
ends each epoch is not counted. Each round trains one epoch with every policy in turn, and one
without augmentation before, between and after them: cost = 1 - throughput with / mean throughput of
the two neighbours without, once by the clock on the wall and once by processor time (other programs
on the machine disturb the first more). "fastai" is fastai's own `aug_transforms` at the strengths
of "standard".
"""
import argparse, json, os, platform, statistics, tempfile, time
from pathlib import Path

import torch
from fastai.callback.core import Callback
from fastai.vision.augment import aug_transforms

from catsdogs.data.augment import AUGMENTATIONS, augmentations, mix_callbacks
from catsdogs.core import seed_everything
from catsdogs.data.splits import DataSettings
from catsdogs.data.dataloaders import photo_dataloaders
from catsdogs.drawing.dataset import draw_pets
from catsdogs.training.learner import photo_learner

BASE = "none"

class Clock(Callback):
    "Seconds that the training part of an epoch takes: on the wall, and of processor time"
    order = 55
    def before_train(self): self.start = time.perf_counter(), time.process_time()
    def after_train(self):
        self.seconds = time.perf_counter() - self.start[0], time.process_time() - self.start[1]

def arms():
    "Batch transforms and callbacks by name"
    # costs what "classic" does
    ours = {
        name: (augmentations(name), mix_callbacks(name))
        for name in AUGMENTATIONS
        if name != "classic-sheared"}
    return ours | {
        "fastai": (aug_transforms(max_rotate=10, max_zoom=1.1, max_warp=0.1, max_lighting=0.2), [])}

def make_learners(folder, photos):
    draw_pets(folder/"pets", n=photos, size=150)
    learners = {}
    for name, (tfms, cbs) in arms().items():
        dls = photo_dataloaders(
            folder / "pets", DataSettings(150, valid=0.05), bs=100, batch_tfms=tfms)
        learners[name] = photo_learner(dls, "codelab", "codelab", seed=0, cbs=[Clock(), *cbs])
    return learners

def epoch(learn):
    "Images per second in training, over one epoch: by the wall's clock, and per second of processor time"
    seed_everything(0)
    with learn.no_bar(), learn.no_logging(): learn.fit(1)
    wall, cpu = (len(learn.dls.train_ds) / s for s in learn.clock.seconds)
    return dict(wall=wall, cpu=cpu)

def one_round(learners):
    "The cost of each policy, between two epochs without"
    before, cost, rates = epoch(learners[BASE]), {}, []
    for name, learn in learners.items():
        if name == BASE: continue
        this, after = epoch(learn), epoch(learners[BASE])
        cost[name] = {
            clock: 1 - 2 * this[clock] / (before[clock] + after[clock]) for clock in ("wall", "cpu")
        }
        before = after
        rates.append(after["wall"])
    return dict(cost=cost, images_per_second=statistics.median(rates))

def summary(values): return dict(min=min(values), median=statistics.median(values), max=max(values))

def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--photos", type=int, default=850)
    parser.add_argument(
        "--threads", type=int,
        help="of PyTorch; 1 gives the steadiest processor times on a busy machine")
    return parser.parse_args()

def main():
    args = arguments()
    if args.threads: torch.set_num_threads(args.threads)
    rounds = []
    with tempfile.TemporaryDirectory() as d:
        os.environ["CATSDOGS_CACHE"] = f"{d}/cache"
        learners = make_learners(Path(d), args.photos)
        for learn in learners.values(): epoch(learn)                    # to warm up
        for _ in range(args.rounds):
            rounds.append(one_round(learners))
            print(
                {name: round(c["wall"], 3) for name, c in rounds[-1]["cost"].items()},
                f'{rounds[-1]["images_per_second"]:.0f} images/s', flush=True)
    cost = {"wall": {}, "cpu": {}}
    for clock, costs in cost.items():
        for name in learners:
            if name != BASE: costs[name] = summary([r["cost"][name][clock] for r in rounds])
    result = dict(
        cost=cost, rounds=rounds, photos=args.photos, cores=os.cpu_count(),
        threads=torch.get_num_threads(), torch=torch.__version__, machine=platform.machine(),
        speed=str(learners[BASE].speed))
    out = Path(__file__).parent/"results"/"augment_cost.json"
    out.write_text(json.dumps(result, indent=1) + "\n")
    for clock, costs in cost.items():
        for name, c in costs.items():
            print(
                f"{clock:5s}{name:16s} costs {c['median']:.1%} of "
                f"the throughput ({c['min']:.1%} to {c['max']:.1%})")

if __name__ == "__main__": main()
