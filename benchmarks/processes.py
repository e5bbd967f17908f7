"""What a second process is worth in training, and how far the curve of two is from the curve of one.

python benchmarks/processes.py [codelab] [petnet] [--photos N] [--repeats N] [--save]

On drawings. The first process notes its seconds and its CPU seconds at the end of each epoch; the first epoch, in which
memory is found and buffers are made, does not count. On a shared machine the wall clock says more about the others than
about this work. So each measurement is repeated, the fastest repeat counts, and CPU seconds stand beside it.
"""
import argparse
import json
import multiprocessing
import os
import socket
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch
import torch.distributed as dist

from catsdogs.data.drawn import drawn_folder
from catsdogs.models.zoo import build_model
from catsdogs.runs.folder import Run
from catsdogs.training.recipes import RECIPES
from catsdogs.training.train import RunSettings, train_run

RESULTS = Path(__file__).resolve().parent/"results"/"processes.json"
EPOCHS = 3
NETWORKS = dict(
    codelab=replace(RECIPES["one_cycle"], size=128, epochs=EPOCHS, bs=64, augment="standard", keep="last"),
    petnet=replace(RECIPES["petnet"], size=64, epochs=EPOCHS, bs=64, keep="last"))
FORK = multiprocessing.get_context("fork")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def place(rank, size, port, threads):
    "What a launcher tells a process, and how many threads it may use"
    told = dict(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE=size, MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    os.environ.update({name: str(value) for name, value in told.items()}, CATSDOGS_DEVICE="cpu")
    torch.set_num_threads(threads)


def train(rank, size, port, threads, job):
    "One process of a training; the first one writes its clocks beside the run"
    place(rank, size, port, threads)
    photos, out, recipe, seed = job
    clocks = []
    def note(row): clocks.append((time.perf_counter(), time.process_time()))
    train_run(photos, out, RunSettings(recipe, seed=seed), on_epoch=note)
    if rank == 0: out.with_suffix(".json").write_text(json.dumps(clocks))


def add_up(rank, size, port, threads, job):
    "Seconds that two processes take to add up n numbers"
    place(rank, size, port, threads)
    numbers, file = job
    dist.init_process_group("gloo", rank=rank, world_size=size, init_method="env://")
    seconds = {}
    for n in numbers:
        tensor, times = torch.ones(n), []
        for _ in range(8):
            dist.barrier()
            start = time.perf_counter()
            dist.all_reduce(tensor)
            times.append(time.perf_counter() - start)
        seconds[n] = min(times)
    if rank == 0: file.write_text(json.dumps(seconds))


def together(work, size, threads, job):
    "Do some work in several processes"
    port = free_port()
    processes = [FORK.Process(target=work, args=(rank, size, port, threads, job)) for rank in range(size)]
    for process in processes: process.start()
    for process in processes: process.join()
    if any(process.exitcode for process in processes): raise SystemExit("a process has failed")


def measure(folder, args, name, size, threads):
    "Seconds of an epoch by the wall and by the CPUs of all processes; the last run"
    walls, cpus, recipe = [], [], NETWORKS[name]
    for repeat in range(args.repeats):
        out = folder/f"{name}-{size}-{threads}-{repeat}"
        together(train, size, threads, (drawn_folder(args.photos, recipe.size), out, recipe, 7))
        (start, cpu), *_, (end, cpu_end) = json.loads(out.with_suffix(".json").read_text())
        walls.append((end - start) / (EPOCHS - 1))
        cpus.append(size * (cpu_end - cpu) / (EPOCHS - 1))
        took = f"{walls[-1]:.2f} s an epoch, {cpus[-1]:.2f} CPU s"
        print(f"{name}: {size} processes of {threads} threads: {took}", flush=True)
    return dict(seconds=round(min(walls), 3), slowest=round(max(walls), 3), cpu_seconds=round(min(cpus), 3)), out


def other_seed(folder, args, name):
    "The same training in one process from another seed, to compare distances with"
    recipe, out = NETWORKS[name], folder/f"{name}-seed"
    together(train, 1, 1, (drawn_folder(args.photos, recipe.size), out, recipe, 8))
    return out


def distance(one, two):
    "The largest difference between two curves, by column"
    rows = list(zip(Run.open(one).history(), Run.open(two).history(), strict=True))
    names = ("train_loss", "valid_loss", "accuracy")
    return {name: max(abs(a[name] - b[name]) for a, b in rows) for name in names}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", default=list(NETWORKS), help="which to measure")
    parser.add_argument("--photos", type=int, default=480)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name}")
    args = parser.parse_args()
    result = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name in args.networks:
            recipe = NETWORKS[name]
            weights = sum(p.numel() for p in build_model(recipe.model, recipe.size).parameters())
            rows, runs = {}, {}
            for size, threads in ((1, 1), (1, 2), (2, 1)):
                key = f"{size}x{threads}"
                rows[key], runs[key] = measure(folder, args, name, size, threads)
            file = folder/f"{name}-sum.json"
            together(add_up, 2, 1, ([weights], file))
            steps = -(-Run.open(runs["1x1"]).info.data.train // recipe.bs)
            result[name] = dict(
                weights=weights, steps=steps, size=recipe.size, bs=recipe.bs,
                repeats=args.repeats, load=round(os.getloadavg()[0], 1), epochs=rows,
                sum_seconds=round(json.loads(file.read_text())[str(weights)], 4),
                distance=distance(runs["1x1"], runs["2x1"]),
                distance_of_seeds=distance(runs["1x1"], other_seed(folder, args, name)))

            print(json.dumps(result[name]), flush=True)
    result["cores"] = os.cpu_count()
    if args.save: RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf8")


if __name__ == "__main__": main()
