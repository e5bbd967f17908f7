"""The overfitting study of study/effects on real photos: what each remedy is worth, and what more
photos are worth.

Usage: python benchmarks/study.py PHOTOS [--weights FILE] [--work FOLDER] [--seeds 3]
                                         [--out benchmarks/results]
                                         [--part remedies|mix|control|curves|transfer]

PHOTOS is the folder that holds Kaggle's train.zip. WORK holds the studies while they run (default:
the cache); stop and start again at any time, nothing finished is repeated.

remedies, mix → study.csv
    The codelab's CNN at 96×96 on the small photo set (photos 0 to 999 of each class are learned,
    1000 to 1499 judged), one cycle of Adam. Each remedy alone, and a mix. 15 epochs, after which all
    networks whose pictures do not change overfit; with augmentation 40, the mix 120. First filters
    of seed 0: study_filters.safetensors.
control → study_control.csv
    Plain training for 40 epochs: is it the remedy, or the number of epochs? A shorter mix, at 96×96
    and at 150×150: is it the size of the photos?
curves → curves_scratch.csv
    The same network at 64×64 with 250 to 12,800 photos, with and without augmentation; a tenth of
    train.zip is judged. More epochs where there are fewer photos. Up to 1,000 photos three seeds,
    above one.
transfer → curves_transfer.csv
    A new last layer on the features of timm's mobilenet_edgetpu_100 (ImageNet weights in FILE) at
    160×160, which are computed once; the same photos, the same sizes.
"""
import argparse, csv, time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from catsdogs.core import cache_dir, progress, seed_everything
from catsdogs.speed import speed_settings
from catsdogs.data.splits import DataSettings, split_photos
from catsdogs.data.cache import build_cache
from catsdogs.training.train import RunSettings
from catsdogs.training.recipes import find_recipe
from catsdogs.models.zoo import build_model
from catsdogs.models.pretrained import load_backbone
from catsdogs.data.photos import list_photos
from catsdogs.runs.folder import Run
from catsdogs.study.study import StudySettings, run_study, study_rows

BASE = find_recipe("one_cycle", size=96, epochs=15, lr=1.5e-3, bs=32)
MIX = dict(augment="standard", dropout=.5, l2=3e-4, mixup=.2, epochs=120)
SHORT_MIX = dict(augment="standard", dropout=.4, l2=3e-4, epochs=80)    # the first try
CONTROLS = [dict(epochs=40), SHORT_MIX, SHORT_MIX | dict(size=150, bs=64, lr=2e-3, epochs=50)]
CONDITIONS = [
    {},
    dict(augment="standard", epochs=40),
    dict(dropout=0.5),
    dict(l1=0.06),
    dict(l2=1e-3),
    dict(mixup=0.2),
    dict(label_smoothing=0.1),
    dict(model="codelab,width=0.5")]
SIZES = (250, 500, 1000, 2000, 4000, 8000, 12800)
TIMM = "timm:mobilenet_edgetpu_100,pad_type=same"
CURVE_DATA = DataSettings(64, split="hash", valid=.1)

def remedies(args): _conditions(args, "remedies", CONDITIONS)

def mix(args): _conditions(args, "mix", [MIX])

def _conditions(args, name, configurations):
    "Conditions seed by seed; the first filters of each are kept. The table holds those of all parts so far"
    settings = StudySettings(
        configurations, RunSettings(BASE, DataSettings(split="small")), args.seeds, keep_models=True
    )
    def done(row):
        run = args.work/name/"runs"/f"{row['run']:04}"
        if (run/"model.safetensors").exists():
            model = Run.open(run).model()
            save_file(
                {k: v.clone() for k, v in model.state_dict().items() if k == "0.0.weight"},
                run / "filters.safetensors")
            (run/"model.safetensors").unlink()
        print_row(row)
        _publish_conditions(args)
    run_study(args.photos/"train.zip", args.work/name, settings, done)
    _publish_conditions(args)

def _publish_conditions(args):
    "study.csv and study_filters.safetensors, with runs numbered through"
    rows, filters = [], {}
    plain = asdict(BASE)
    fields = list(dict.fromkeys(k for c in [*CONDITIONS, MIX] for k in c))
    for folder in (args.work/"remedies", args.work/"mix"):
        for row in study_rows(folder):
            kept = folder/"runs"/f"{row['run']:04}"/"filters.safetensors"
            row = (
                {"run": len(rows)}
                | {k: row.get(k, plain[k]) for k in fields}
                | {k: v for k, v in row.items() if k not in ("run", *fields)})
            if row["seed"] == 0 and kept.exists():
                filters[f"{row['run']}.0.0.weight"] = load_file(kept)["0.0.weight"]
            rows.append(row)
    write(args.out/"study.csv", rows)
    save_file(filters, args.out/"study_filters.safetensors")

def control(args):
    """Is it the remedy, or the number of epochs? Plain training for as long as with augmentation.

    Is it the size of the photos? A shorter mix, and the same at 150×150, which is so slow that one
    seed must do.
    """
    rows = []
    for i, c in enumerate(CONTROLS):
        settings = StudySettings(
            [c], RunSettings(BASE, DataSettings(split="small")),
            1 if c.get("size", 96) > 96 else args.seeds)
        for row in run_study(
            args.photos / "train.zip", args.work / f"control-{i}", settings, print_row):
            rows.append(
                {
                    k: row.get(k, asdict(BASE)[k])
                    for k in ("augment", "dropout", "l2", "size", "epochs")}
                | {
                    k: v
                    for k, v in row.items()
                    if k not in ("run", "bs", "lr", "train_accuracy", "train_loss", "zero_weights")}
            )
        write(args.out/"study_control.csv", rows)

def curve_epochs(n, augment):
    """Fewer photos, more epochs, about as the inverse square root.

    So larger sets still see more photos. With augmentation half as many epochs again.
    """
    return round(max(5, min(36, 13 * (2000 / n)**.5)) * (1.5 if augment else 1))

def curves(args):
    "From scratch, by number of photos, with and without augmentation; large sets with one seed only"
    done = {}
    for name, sizes, seeds in (("small", SIZES[:3], args.seeds), ("large", SIZES[3:], 1)):
        configurations = [
            dict(limit=n, augment=a, epochs=curve_epochs(n, a != "none"))
            for n in sizes
            for a in ("none", "standard")]
        settings = StudySettings(
            configurations, RunSettings(replace(BASE, size=64), CURVE_DATA), seeds)
        def note(row):
            print_row(row)
            done[name] = study_rows(args.work/f"curves-{name}")
            write(args.out/"curves_scratch.csv", [r for rows in done.values() for r in rows])
        done[name] = run_study(args.photos/"train.zip", args.work/f"curves-{name}", settings, note)
    write(args.out/"curves_scratch.csv", [r for rows in done.values() for r in rows])

def features(args):
    "The network's last features of all photos, n×1280; computed once"
    file = args.work/"features.npz"
    photos = list_photos(args.photos/"train.zip")
    if file.exists(): return photos, np.load(file)["features"]
    speed_settings(True)
    cache = build_cache(photos, DataSettings(160))
    net = (
        load_backbone(build_model(TIMM, 160, 1), args.weights)
        .eval()
        .to(memory_format=torch.channels_last))
    net[-1].reset_classifier(0)
    found = []
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        for i in progress(range(0, len(photos), 64), "features"):
            found.append(
                net(cache.batch([cache.rows[p] for p in photos[i : i + 64]]).float() / 255)
                .float()
                .numpy())
    np.savez(file, features=np.concatenate(found))
    return photos, np.concatenate(found)

def last_layer(x, y, vx, vy, seed, steps=400):
    "Train one dense layer on features: Adam, one cycle, whole batches of at most 512"
    seed_everything(seed)
    layer = torch.nn.Linear(x.shape[1], 1)
    opt = torch.optim.AdamW(layer.parameters(), 5e-3, weight_decay=.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(opt, 5e-3, steps)
    for _ in range(steps):
        i = torch.randint(len(x), (min(512, len(x)),))
        torch.nn.functional.binary_cross_entropy_with_logits(layer(x[i])[:, 0], y[i]).backward()
        opt.step()
        opt.zero_grad()
        schedule.step()
    with torch.no_grad(): z, zt = layer(vx)[:, 0], layer(x)[:, 0]
    return dict(
        accuracy=((z > 0) == (vy > 0.5)).float().mean().item(),
        train_accuracy=((zt > 0) == (y > 0.5)).float().mean().item(),
        valid_loss=torch.nn.functional.binary_cross_entropy_with_logits(z, vy).item())

def transfer(args):
    "Pretrained features, the same photos and sizes; the seed draws batches and first weights"
    photos, x = features(args)
    x, y = torch.tensor(x), torch.tensor([float(p.label == "dog") for p in photos])
    rows = []
    for n in SIZES:
        train, valid = split_photos(photos, replace(CURVE_DATA, limit=n))
        for seed in range(args.seeds):
            start = time.perf_counter()
            rows.append(
                dict(limit=n, seed=seed, photos=len(train))
                | last_layer(x[train], y[train], x[valid], y[valid], seed)
                | dict(seconds=round(time.perf_counter() - start, 1)))
            print(rows[-1], flush=True)
    write(args.out/"curves_transfer.csv", rows)

def write(file, rows):
    with open(file, "w", newline="") as f:
        writer = csv.DictWriter(f, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})

def publish(source, target, row):
    "Copy a study's table to where the notebook reads it, after every run"
    if source.exists(): target.write_bytes(source.read_bytes())
    print_row(row)

def print_row(row):
    "One run, without its curves"
    print(
        {
            k: row.get(k)
            for k in row
            if k not in ("train_losses", "valid_losses", "accuracies", "cpu", "threads")},
        flush=True)

def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--work", type=Path, default=cache_dir()/"study")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent/"results")
    parser.add_argument(
        "--part", action="append", choices=("remedies", "mix", "control", "curves", "transfer"))
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    for part in args.part or ["remedies", "mix", "control", "curves"] + ["transfer"] * bool(
        args.weights):
        globals()[part](args)

if __name__ == "__main__": main()
