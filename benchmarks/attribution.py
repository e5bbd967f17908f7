"""The recorded experiment of interpret/attribution: which maps can be trusted?

Usage: python benchmarks/attribution.py [--out benchmarks/results/attribution.csv] [--seeds 3]
                                        [--drawings 100] [--model codelab]

Each seed trains a network of its own on the same 2,400 drawings (`drawn_run`) and is examined on
drawings that no network has seen. One row for each seed and method, the mean over the drawings;
`beats` is the mean of the paired difference in `gap` to the best of the baselines (random, centre,
edges), `beats_se` its standard error; `gap_grey` takes tiles away by painting them grey, not by
blurring; `forgets_k` (rank correlation with the map of the same network whose k last layers were
drawn anew) uses twelve drawings. Rows are added as they are ready; those that are there are
skipped. About three minutes a seed on one core.
"""
import argparse
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

from catsdogs.interpret.attribution_scores import (
    BASELINES, deletion_insertion, class_logit, part_shares, randomize_layers, rank_correlation,
    score_maps)
from catsdogs.interpret.annotations import draw_annotated
from catsdogs.interpret.attribution import ATTRIBUTION_METHODS, attribute
from catsdogs.drawing.dataset import pet_spec
from catsdogs.training.train import drawn_run
from catsdogs.training.recipes import find_recipe
from catsdogs.runs.predict import Predictor

# the set of the drawings; the networks learned from set 0
UNSEEN = 1010
VARIANTS = {
    "IG, black": ("integrated_gradients", dict(baseline=0.0, steps=16)),
    "IG, grey": ("integrated_gradients", dict(baseline=0.5, steps=16)),
    "occlusion, black": ("occlusion", dict(baseline=0.0)),
    "occlusion, grey": ("occlusion", dict(baseline=0.5)),
    "Grad-CAM, conv3": ("grad_cam", dict(layer="conv3")),
    "HiResCAM, conv3": ("hirescam", dict(layer="conv3"))}
QUICK = {
    "integrated_gradients": dict(steps=16),
    "smoothgrad": dict(samples=16),
    "occlusion": dict(stride=16)}

def ways(model):
    "Name → function of network, pictures and classes that makes maps"
    named = {m: (m, QUICK.get(m, {})) for m in ATTRIBUTION_METHODS} | {
        n: (m, QUICK.get(m, {}) | o)
        for n, (m, o) in VARIANTS.items()
        if model == "codelab" or "layer" not in o}
    baselines = {b: (lambda net, xb, classes, b=b: BASELINES[b](xb)) for b in BASELINES}
    return baselines | {
        n: (lambda net, xb, classes, m=m, o=o: attribute(net, xb, m, classes, **o))
        for n, (m, o) in named.items()}

def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results" / "attribution.csv")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--drawings", type=int, default=100)
    parser.add_argument("--model", default="codelab")
    args = parser.parse_args()
    rows = pd.read_csv(args.out).to_dict("records") if args.out.exists() else []
    truth = draw_annotated([pet_spec(i, UNSEEN) for i in range(args.drawings)], 128)
    for seed in range(42, 42 + args.seeds):
        done = {r["method"] for r in rows if r["seed"] == seed and r["model"] == args.model}
        if set(ways(args.model)) <= done: continue
        recipe = (
            {} if args.model == "codelab" else dict(recipe=replace(find_recipe("petnet"), epochs=8))
        )
        for row in one_network(args.model, Predictor(drawn_run(seed=seed, **recipe)), truth, done):
            rows.append({"model": args.model, "seed": seed, **row})
            print(
                {k: v for k, v in rows[-1].items() if k in ("seed", "method", "gap", "head_mass")},
                flush=True)
            args.out.parent.mkdir(parents=True, exist_ok=True)
            pd.DataFrame(rows).round(4).to_csv(args.out, index=False)

def one_network(name, predictor, truth, done, few=12):
    "Yield the rows of one network that are not `done`"
    net, labels = predictor.model, torch.tensor([s.species == "dog" for s in truth.specs]).long()
    classes = torch.where(
        class_logit(net, truth.xb, torch.ones(len(labels), dtype=torch.long)) > 0, 1, 0)
    forgetful = [randomize_layers(net, k) for k in range(1, 6)]
    chance = []
    for method, way in ways(name).items():
        if method in done and method not in BASELINES: continue
        maps = way(net, truth.xb, classes)
        score = score_maps(method, maps, net, truth, classes)
        if method in BASELINES: chance.append(score.gap)
        down, up = deletion_insertion(net, truth.xb, maps, classes, baseline=.5)
        ahead = score.gap - max(chance, key=lambda g: g.mean())
        row = {
            k: getattr(score, k).mean().item()
            for k in (
                "animal_point", "head_point", "animal_mass", "head_mass", "deletion", "insertion",
                "gap")}
        row |= dict(
            gap_grey=(up - down).mean().item(), beats=ahead.mean().item(),
            beats_se=(ahead.std() / len(ahead) ** 0.5).item(),
            accuracy=(classes == labels).float().mean().item())
        row |= {
            f"forgets_{k}": rank_correlation(maps[:few], way(f, truth.xb[:few], classes[:few]))
            .mean()
            .item()
            for k, f in enumerate(forgetful, 1)}
        if method not in done:
            yield {
                "method": method,
                **row,
                **{f"on {p}": v for p, v in part_shares(maps, truth).items()}}

if __name__ == "__main__": main()
