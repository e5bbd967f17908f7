"""How fast preferred pictures are made: all 112 filters of the codelab CNN at 150×150, and PetNet,
against a loop over units, each saving measured on its own.

Usage: python benchmarks/visualize.py [--rounds 3] [--steps 48] [--threads 1]

Each round goes through every layer of filters and times, one after the other, six ways to make the
same number of steps with the same settings: "loop": one unit at a time on 150×150 pixels, the whole
network computed for each step, as in a textbook; "stop": the same, but the forward pass ends after
the layer; "batch": as "stop", several units at once; "bfloat16": as "batch", in that number format;
"seen": several units at once, on a canvas as large as what the unit sees (and its margin), in
float32; "seen_bfloat16": that in bfloat16. The slow ways make a sample of units, and what is
reported is images per second. Weights are fresh: they do not matter for speed.
"""
import argparse, json, os, platform, statistics, time
from dataclasses import replace
from pathlib import Path

import torch

from catsdogs.models.hooks import list_layers, capture_outputs, Unit
from catsdogs.core import seed_everything
from catsdogs.speed import speed_settings
from catsdogs.interpret.feature_visualization import (
    AscentSettings, climb, preferred_images, visualize)
from catsdogs.models.zoo import build_model

SIZE, SETTINGS = 150, AscentSettings()

def loop(model, layer, units, steps):
    "One unit at a time, the whole network"
    for unit in units:
        with capture_outputs(model, [layer]) as kept:
            def value(xb):
                model(xb)
                a = kept[layer]
                return a[:, unit, a.shape[2] // 2, a.shape[3] // 2]
            climb(value, (1, SIZE), steps, SETTINGS, 0, torch.device("cpu"))

def stop(model, layer, units, steps):
    for unit in units: visualize(model, Unit(layer, unit, "centre"), SIZE, steps, SETTINGS)

def batch(model, layer, units, steps, settings=SETTINGS):
    visualize(model, [Unit(layer, u, "centre") for u in units], SIZE, steps, settings)
def bfloat16(model, layer, units, steps):
    batch(model, layer, units, steps, replace(SETTINGS, precision="bfloat16"))
def seen(model, layer, units, steps):
    visualize(model, [Unit(layer, u, "centre") for u in units], None, steps, SETTINGS)

def seen_bfloat16(model, layer, units, steps):
    visualize(
        model, [Unit(layer, u, "centre") for u in units], None, steps,
        replace(SETTINGS, precision="bfloat16"))

def seconds(f, *args):
    start = time.perf_counter()
    f(*args)
    return time.perf_counter() - start

def measure(model, layers, steps, rounds, sample):
    "Images per second: layer → way → one number for each round"
    rates = {layer: {} for layer in layers}
    for r in range(rounds):
        for layer, n in layers.items():
            for way, k in (
                (loop, 1),
                (stop, 1),
                (batch, min(n, sample)),
                (bfloat16, min(n, sample)),
                (seen, min(n, 4 * sample)),
                (seen_bfloat16, min(n, 4 * sample))):
                rates[layer].setdefault(way.__name__, []).append(
                    k / seconds(way, model, layer, range(k), steps))
            print(r, layer, {k: round(v[-1], 2) for k, v in rates[layer].items()}, flush=True)
    return rates

def summary(rates, layers):
    """Seconds for all units of all layers by way, and how many times the loop's images per second.

    There is one number for each round.
    """
    one_layer = next(iter(rates.values()))
    total, times_loop = {way: [] for way in one_layer}, {way: [] for way in one_layer}
    for way, rounds in one_layer.items():
        for r in range(len(rounds)):
            total[way].append(sum(n / rates[layer][way][r] for layer, n in layers.items()))
    for way, own_seconds in total.items():
        times_loop[way] = [loop / own for loop, own in zip(total["loop"], own_seconds)]
    return dict(
        units=layers, seconds=total, times_loop=times_loop,
        images_per_second={layer: medians(ways) for layer, ways in rates.items()})

def medians(ways): return {way: statistics.median(rates) for way, rates in ways.items()}

def all_channels(model, layers, steps):
    "Seconds for the preferred picture of every channel, sixteen at a time"
    total = 0
    for layer, n in layers.items():
        for first in range(0, n, 16):
            units = [Unit(layer, u) for u in range(first, min(first + 16, n))]
            total += seconds(visualize, model, units, SIZE, steps)
    return total

def all_units_seen(model, layers):
    "Seconds for the pictures of all units, at the size that a unit sees"
    return sum(seconds(preferred_images, model, layer, None, SIZE) for layer in layers)

def eight_units(model, layer):
    "Seconds for the pictures of eight units, as on the page of `catsdogs show`"
    return statistics.median(
        [seconds(preferred_images, model, layer, range(8)) for _ in range(3)])

def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=48)
    parser.add_argument("--threads", type=int)
    return parser.parse_args()

def main():
    args = arguments()
    if args.threads: torch.set_num_threads(args.threads)
    seed_everything(0)
    result = {}
    for name, sample in (("codelab", 16), ("petnet", 3)):
        model = build_model(name, SIZE, 1)
        layers = {
            layer: m.out_channels
            for layer, m in list_layers(model).items()
            if layer.startswith("conv")}
        # to warm up
        visualize(model, Unit("conv1", 0, "centre"), SIZE, 3)
        if name == "petnet": layers = {k: layers[k] for k in ("conv1", "conv3", "conv6", "conv9")}
        result[name] = summary(
            measure(model, layers, args.steps, args.rounds if name == "codelab" else 1, sample),
            layers)
        if name == "codelab":
            result["codelab_all_channels_150_seconds"] = all_channels(model, layers, args.steps)
            result["codelab_all_units_seen_seconds"] = [
                all_units_seen(model, layers) for _ in range(args.rounds)]
            result["page_8_units_seconds"] = {
                layer: eight_units(model, layer) for layer in layers}
    result |= dict(
        steps=args.steps, size=SIZE, cores=os.cpu_count(), threads=torch.get_num_threads(),
        torch=torch.__version__, processor=_processor(), speed=str(speed_settings()))
    (Path(__file__).parent / "results" / "visualize.json").write_text(
        json.dumps(result, indent=1) + "\n")
    for name in ("codelab", "petnet"):
        r = result[name]
        n = sum(r["units"].values())
        for way, v in r["seconds"].items():
            print(
                f"{name:8s}{n:5d} units, {way:14s}{statistics.median(v):8.1f} s, "
                f"{statistics.median(r['times_loop'][way]):6.1f} times the loop")

def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line for line in lines if line.startswith("model name"))
    except (OSError, StopIteration): return platform.machine()
    return f"{model.split(':')[1].strip()}, {platform.machine()}"

if __name__ == "__main__": main()
