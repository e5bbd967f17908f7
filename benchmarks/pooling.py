"""What pooling costs in a training step, and what the library's own pooling in bfloat16 saves of it
(models/layers, `pool_relu` and `blur_halves`).

Usage: python benchmarks/pooling.py PHOTOS [--epochs 16] [--blur]

One training on photos 0-999 of each class in batches of 100. In a random half of the steps somebody
listens to the layers, which makes the blocks compute layer by layer, as PyTorch does, and takes the
time of each; in the other half nobody does. Times are compared by their medians. This is the codelab's
network; with --blur it is PetNet at 96 pixels, in batches of 32, and only whole steps are timed.
"""
import argparse, json, random, statistics, time
from pathlib import Path

import torch
from fastai.callback.core import Callback

from catsdogs.data.splits import DataSettings
from catsdogs.data.dataloaders import photo_dataloaders
from catsdogs.training.learner import photo_learner
from catsdogs.models.layers import BlurPool, ConvBlock


class TakeTurns(Callback):
    """Time the steps, with listeners and without.

    Of those with listeners also the seconds in pooling and ReLU, there and back.
    """
    def __init__(self):
        self.seconds, self.pooling, self.random = (
            {"layer by layer": [], "at once": []},
            [],
            random.Random(0))
    def before_train(self): self.due = []

    def passed(self, counts):
        "Time since the last layer; added up if it `counts`"
        now = time.perf_counter()
        if counts: self.in_pooling += now - self.last
        self.last = now

    def listen(self, layer, starts):
        "From a block's convolution to its ReLU, and on the way back from its ReLU to its convolution"
        def forward(m, inputs, out):
            self.passed(not starts)
            if out.requires_grad: out.register_hook(lambda g: self.passed(starts))
        return layer.register_forward_hook(forward)

    def before_batch(self):
        if not self.training: return
        self.due = self.due or self.random.sample(list(self.seconds), 2)
        self.turn, self.in_pooling, self.hooks = self.due.pop(), 0., []
        if self.turn == "layer by layer":
            self.hooks = [
                self.listen(b[i], i == 0)
                for b in self.model
                if isinstance(b, ConvBlock)
                for i in (0, 2)]
        self.start = self.last = time.perf_counter()

    def after_batch(self):
        if not self.training: return
        self.seconds[self.turn].append(time.perf_counter() - self.start)
        if self.hooks: self.pooling.append(self.in_pooling)
        for h in self.hooks: h.remove()


class TakeTurnsWithBlur(Callback):
    "CPU seconds of steps in which somebody listens to the blur's layers, and of steps in which nobody does"
    def __init__(self): self.seconds, self.random = {"layer by layer": [], "at once": []}, random.Random(0)
    def before_train(self): self.due = []

    def before_batch(self):
        if not self.training: return
        self.due = self.due or self.random.sample(list(self.seconds), 2)
        self.turn, self.hooks = self.due.pop(), []
        if self.turn == "layer by layer":
            blurs = [m for m in self.model.modules() if isinstance(m, BlurPool)]
            self.hooks = [blur[0].register_forward_hook(lambda *_: None) for blur in blurs]
        self.start = time.process_time()

    def after_batch(self):
        if not self.training: return
        self.seconds[self.turn].append(time.process_time() - self.start)
        for hook in self.hooks: hook.remove()


def time_blur(photos, epochs):
    "What the blur at once saves of PetNet's training step"
    turns = TakeTurnsWithBlur()
    dls = photo_dataloaders(photos/"train.zip", DataSettings(96, split="small"), bs=32)
    learn = photo_learner(dls, "petnet", "one_cycle", seed=0, cbs=turns)
    with learn.no_bar(), learn.no_logging():
        learn.fit(1)                                    # memory is fresh, and slow
        for seconds in turns.seconds.values(): seconds.clear()
        learn.fit(epochs)
    median = {name: statistics.median(seconds) for name, seconds in turns.seconds.items()}
    return dict(
        saved=1 - median["at once"] / median["layer by layer"], steps=len(turns.seconds["at once"]),
        speed=str(learn.speed), threads=torch.get_num_threads(), cpu_seconds=median)


def save(result, name):
    print(result)
    (Path(__file__).parent/"results"/name).write_text(json.dumps(result, indent=1) + "\n", encoding="utf8")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--blur", action="store_true")
    args = parser.parse_args()
    if args.blur: return save(time_blur(args.photos, args.epochs), "blur.json")
    turns = TakeTurns()
    learn = photo_learner(
        photo_dataloaders(args.photos / "train.zip", DataSettings(split="small"), bs=100),
        "codelab", seed=0, cbs=turns)
    with learn.no_bar(), learn.no_logging():
        learn.fit(2)                                    # memory is fresh, and slow
        for s in (*turns.seconds.values(), turns.pooling): s.clear()
        learn.fit(args.epochs)
    median = {k: statistics.median(s) for k, s in turns.seconds.items()}
    saved = 1 - median["at once"] / median["layer by layer"]
    result = dict(
        share_of_pooling_and_relu=statistics.median(turns.pooling) / median["layer by layer"],
        saved=saved, steps=len(turns.pooling), speed=str(learn.speed), seconds=median)
    save(result, "pooling.json")


if __name__ == "__main__": main()
