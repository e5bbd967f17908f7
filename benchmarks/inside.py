"""How long it takes to look inside: the speed table of notebooks interpret/layers and following.

Usage: python benchmarks/inside.py PHOTOS --top [--limit N] [--out benchmarks/results]

The top nine of every unit of every layer go to inside_top.json.

PHOTOS is the folder with Kaggle's train.zip. All its 15,999 photos are looked at. A network's
weights are fresh, which changes the lists but not the time. For each network the pass over all
photos is timed in float32, the default; and on the first 1,600 photos, in alternation, float32,
bfloat16 (`fast=True`) and the bare network in float32: what finding costs beyond the network's own
work. The photo cache of each size is built before the clock starts, and its time is given apart.
`--limit` takes the first N photos only, to try it.
"""
import argparse, json, os, platform, resource, time
from pathlib import Path

import torch

from catsdogs.interpret.pictures import picture_batches
from catsdogs.models.hooks import run_model
from catsdogs.interpret.top_images import top_images
from catsdogs.speed import cpu_has_bf16
from catsdogs.core import seed_everything
from catsdogs.data.splits import DataSettings
from catsdogs.data.cache import build_cache
from catsdogs.models.zoo import build_model
from catsdogs.data.photos import list_photos

NETWORKS = {"codelab": 150, "petnet": 128}

def machine():
    "What the numbers depend on"
    names = (
        [
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")]
        if Path("/proc/cpuinfo").exists()
        else [platform.processor()])
    return {
        "cpu": names[0],
        "cores": len(os.sched_getaffinity(0)),
        "threads": torch.get_num_threads(),
        "bfloat16": cpu_has_bf16(),
        "torch": torch.__version__}

def timed(function):
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result

def bare(model, pictures):
    "The network alone, over the same batches"
    with torch.no_grad():
        for _, xb in picture_batches(pictures): run_model(model, xb)

def rates(model, pictures, rounds=2):
    "Photos per second of three passes in alternation, the best of each"
    passes = {
        "top_images": lambda: top_images(model, pictures),
        "top_images_bfloat16": lambda: top_images(model, pictures, fast=True),
        "network_alone": lambda: bare(model, pictures)}
    found = {name: [] for name in passes}
    for _ in range(rounds):
        for name, p in passes.items(): found[name].append(round(len(pictures) / timed(p)[0]))
    return {name: max(f) for name, f in found.items()}

def top_nine(photos):
    "Seconds for the top nine of every unit of every layer, by network"
    found = []
    for name, size in NETWORKS.items():
        cache_seconds, cache = timed(lambda: build_cache(photos, DataSettings(size)))
        seed_everything(0)
        model = build_model(name, size, 1).eval()
        sample = rates(model, cache.pixels[:1600])
        seconds, top = timed(lambda: top_images(model, cache))
        found.append(
            {
                "network": name,
                "size": size,
                "photos": top.n,
                "layers": len(top.values),
                "units": sum(map(len, top.values.values())),
                "seconds": round(seconds, 1),
                "photos_per_second": round(top.n / seconds),
                "photos_per_second_on_1600": sample,
                "seconds_to_find_or_build_the_photo_cache": round(cache_seconds, 1),
                "result_megabytes": round(
                    sum(
                        t.numel() * t.element_size()
                        for part in (top.values, top.images, top.places)
                        for t in part.values())
                    / 2**20,
                    2),
                "peak_memory_gigabytes": round(
                    resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)})
        print(found[-1], flush=True)
    return {
        "machine": machine(),
        "k": 9,
        "total_seconds": round(sum(f["seconds"] for f in found), 1),
        "networks": found}

def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--top", action="store_true", help="top nine of every unit of every layer")
    parser.add_argument("--limit", type=int, help="only so many photos, to try it")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent/"results")
    args = parser.parse_args()
    if args.top:
        (args.out / "inside_top.json").write_text(
            json.dumps(top_nine(list_photos(args.photos / "train.zip")[: args.limit]), indent=1)
            + "\n")

if __name__ == "__main__": main()
