"""Training speed of the codelab's network: catsdogs beside what else a user would choose, in turns,
each in a process of its own.

Usage: python benchmarks/peers.py PHOTOS [--keras-python PYTHON] [--turns 3] [--epochs 6]
           [--threads 1] [--only NAME,…] [--all-settings] [--add]
       python benchmarks/peers.py --table

All train the same network on photos 0-999 of each class, 150×150, in batches of 100, by RMSprop:

  catsdogs    `photo_dataloaders`; its first epoch includes building the cache
  keras       Keras 3: `image_dataset_from_directory`, `cache()`, `prefetch`, at its best setting here
  fastai      fastai alone: `ImageDataLoaders.from_folder`, at its best setting here
  generator   Keras' `ImageDataGenerator`, as the codelab has it

--all-settings tries the settings of Keras and fastai, from which `BEST` was chosen; bfloat16 only
where the CPU multiplies such numbers. --add keeps the turns that results/peers.json holds, which
must be of this machine. Each process is told to compute on as many threads as --threads says; what
loads photos may use more. Other programs may run on the same machine and take time from all. So CPU
seconds are counted beside seconds, those of the loaders' own processes too, and of several turns the
least counts. Writes results/peers.json, and --table puts it into README.md.
"""
import argparse, json, os, resource, subprocess, sys, tempfile, time
from functools import partial
from pathlib import Path

from catsdogs.speed import cpu_has_bf16

HERE = Path(__file__).parent
SIZE, BATCH = 150, 100

# what was tried; the first of each is the plainest
KERAS_SETTINGS = {
    "plain": (), "jit": ("--jit",), "bfloat16": ("--bfloat16",)}
FASTAI_SETTINGS = {
    "plain": (), "no workers, channels last": ("--workers", "0", "--channels-last"),
    "no workers, channels last, bfloat16": ("--workers", "0", "--channels-last", "--bfloat16")}
BEST = {"keras": "plain", "fastai": "no workers, channels last"} if not cpu_has_bf16() else {
    "keras": "bfloat16", "fastai": "no workers, channels last, bfloat16"}


# --- the programs of this environment ---

def clock():
    "Seconds, and CPU seconds of this process and of those that it started and that have ended"
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return time.perf_counter(), sum(u.ru_utime + u.ru_stime for u in used)

def report(start, **more):
    "A line of JSON: how long it took since then"
    seconds, cpu_seconds = (b - a for a, b in zip(start, clock(), strict=True))
    print(json.dumps(dict(seconds=seconds, cpu_seconds=cpu_seconds, **more)), flush=True)

def epoch_reporter():
    "A fastai callback that reports each epoch's training"
    from fastai.callback.core import Callback
    class ReportEpochs(Callback):
        def before_train(self): self.start = clock()
        def after_train(self): report(self.start, epoch=self.epoch, loss=float(self.recorder.smooth_loss.value))
    return ReportEpochs()

def train_catsdogs(args):
    "This library, as `catsdogs train` would"
    from catsdogs.data.dataloaders import photo_dataloaders
    from catsdogs.data.splits import DataSettings
    from catsdogs.training.learner import photo_learner
    start = clock()
    dls = photo_dataloaders(args.photos, DataSettings(), bs=BATCH)
    learn = photo_learner(dls, "codelab", seed=0, cbs=epoch_reporter())
    report(start, speed=str(learn.speed))
    fit_training_only(learn, args.epochs)

def codelab_network():
    "The same network in plain PyTorch, with fastai's usual two outputs"
    from torch import nn
    layers, channels = [], 3
    for filters in (16, 32, 64):
        layers += [nn.Conv2d(channels, filters, 3), nn.ReLU(), nn.MaxPool2d(2)]
        channels = filters
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(64 * 17 * 17, 512), nn.ReLU(), nn.Linear(512, 2))

def train_fastai(args):
    "fastai alone, as its own pages do"
    import torch
    from fastai.callback.channelslast import ChannelsLast
    from fastai.optimizer import OptimWrapper
    from fastai.vision.all import CrossEntropyLossFlat, ImageDataLoaders, Learner, Resize, accuracy
    start = clock()
    dls = ImageDataLoaders.from_folder(
        args.photos, train="train", valid="validation", bs=BATCH, seed=0, num_workers=args.workers,
        item_tfms=Resize(SIZE, method="squash"))
    rmsprop = partial(OptimWrapper, opt=partial(torch.optim.RMSprop, alpha=.9, eps=1e-7))
    learn = Learner(
        dls, codelab_network(), loss_func=CrossEntropyLossFlat(), opt_func=rmsprop, lr=1e-3,
        metrics=accuracy, cbs=epoch_reporter())
    if args.channels_last: learn.add_cb(ChannelsLast())
    if args.bfloat16: learn.add_cb(autocaster())
    report(start)
    fit_training_only(learn, args.epochs)

def autocaster():
    "A callback that computes in bfloat16 on the CPU; fastai's own does so on GPUs only"
    import torch
    from fastai.callback.core import Callback
    class Autocast(Callback):
        def before_batch(self):
            self.cast = torch.autocast("cpu", torch.bfloat16)
            self.cast.__enter__()
        def after_pred(self): self.learn.pred = self.pred.float()
        def after_loss(self): self.cast.__exit__(None, None, None)
    return Autocast()

def fit_training_only(learn, epochs):
    "Train without judging, as Keras does here"
    from fastai.callback.core import Callback, CancelValidException
    class WithoutValidation(Callback):
        def before_validate(self): raise CancelValidException
    with learn.no_bar(), learn.no_logging(): learn.fit(epochs, cbs=WithoutValidation())

PROGRAMS = {"catsdogs": train_catsdogs, "fastai": train_fastai}


# --- one process of each ---

def command(name, setting, args, folder):
    "The command line of a peer"
    keras = [args.keras_python, str(HERE/"keras_codelab.py"), str(folder), "--threads", str(args.threads)]
    epochs = ["--epochs", str(args.epochs)]
    if name == "generator": return keras + epochs
    if name == "keras": return [*keras, "--loader", "dataset", *epochs, *KERAS_SETTINGS[setting]]
    own = [sys.executable, "-W", "ignore", __file__, "--run", name]
    return [*own, str(folder), *epochs, *(FASTAI_SETTINGS[setting] if name == "fastai" else ())]

def measure(name, setting, args, folder):
    "One turn of a peer: its rates after the first epoch, and its first epoch with all that it needs"
    with tempfile.TemporaryDirectory() as cache:
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(args.threads))
        done = subprocess.run(
            command(name, setting, args, folder), env={**os.environ, "CATSDOGS_CACHE": cache, **threads},
            capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or len(lines) != args.epochs + 1:
        return dict(name=name, setting=setting, error=(done.stderr.strip().splitlines() or ["?"])[-1])
    ready, first, *others = lines
    found = dict(name=name, setting=setting)
    for kind in ("seconds", "cpu_seconds"):
        found[f"first_{kind}"] = ready[kind] + first[kind]
        found[f"rate_per_{kind[:-1]}"] = 2000 * len(others) / sum(line[kind] for line in others)
    waits = sum(line.get("wait_seconds", 0) for line in others)
    found["rate_without_waits"] = 2000 * len(others) / (sum(line["seconds"] for line in others) - waits)
    return {k: v if isinstance(v, str) else round(v, 2) for k, v in found.items()}

def unpack(zip_file, folder):
    "Photos 0-999 of each class as files in folders, and five for catsdogs to validate by"
    from catsdogs.data.photos import list_photos
    for p in list_photos(zip_file):
        side = "train" if p.number < 1000 else "validation" if p.number < 1005 else None
        if side:
            f = folder/side/f"{p.label}s"/p.name
            f.parent.mkdir(parents=True, exist_ok=True)
            f.write_bytes(p.read())


# --- all of them ---

def settings_of(name, args):
    "Which settings of a peer are measured"
    known = {"keras": KERAS_SETTINGS, "fastai": FASTAI_SETTINGS}.get(name)
    if known is None: return ["as it is"]
    if not args.all_settings: return [BEST[name]]
    return [setting for setting in known if "bfloat16" not in setting or cpu_has_bf16()]

def least(turns):
    "Of each quantity the best that any turn had"
    numbers = [k for k in turns[0] if k not in ("name", "setting")]
    return {k: (max if k.startswith("rate") else min)(t[k] for t in turns) for k in numbers}

def summary(turns):
    "name → its best numbers, and how many times as fast catsdogs is"
    peers = {}
    for turn in turns:
        if "error" not in turn: peers.setdefault(f"{turn['name']}: {turn['setting']}", []).append(turn)
    best = {name: least(own) for name, own in peers.items()}
    ours = next((b for name, b in best.items() if name.startswith("catsdogs")), None)
    for b in best.values() if ours else ():
        b["times_per_cpu_second"] = round(ours["rate_per_cpu_second"] / b["rate_per_cpu_second"], 2)
        b["times_per_second"] = round(ours["rate_per_second"] / b["rate_per_second"], 2)
        b["first_epoch_times_cpu"] = round(b["first_cpu_seconds"] / ours["first_cpu_seconds"], 2)
    return best

START, END = "<!-- peers.py --table writes this -->", "<!-- until here -->"

def table(best):
    "What was measured, the fastest first, in Markdown"
    lines = [
        "| program: setting | photos per CPU second after the first epoch | catsdogs, times as many | "
        "CPU seconds of the first epoch | times those of catsdogs |",
        "| --- | --- | --- | --- | --- |"]
    for name, b in sorted(best.items(), key=lambda item: -item[1]["rate_per_cpu_second"]):
        lines.append(
            f"| {name} | {b['rate_per_cpu_second']:.0f} | {b['times_per_cpu_second']:.1f} | "
            f"{b['first_cpu_seconds']:.0f} | {b['first_epoch_times_cpu']:.1f} |")
    return "\n".join(lines)

def write_table(args):
    "Put the table where the README has it"
    best, readme = json.loads(args.out.read_text())["best"], HERE/"README.md"
    if not any(name.startswith("catsdogs") for name in best):
        raise SystemExit("the table compares with catsdogs, which was not measured")
    before, rest = readme.read_text(encoding="utf8").split(START)
    after = rest.split(END, 1)[1]
    readme.write_text(f"{before}{START}\n{table(best)}\n{END}{after}", encoding="utf8")

def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="?")
    parser.add_argument("--keras-python", default=sys.executable)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="catsdogs,keras,fastai,generator")
    parser.add_argument("--all-settings", action="store_true")
    parser.add_argument("--add", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--out", type=Path, default=HERE/"results"/"peers.json")
    parser.add_argument("--run", choices=PROGRAMS)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--bfloat16", action="store_true")
    args = parser.parse_args()
    if not (args.table or args.photos): parser.error("give PHOTOS, or --table alone")
    return args

def hardware():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return dict(cpu=cpu, cores=os.cpu_count())

def save(args, turns):
    "Write what is known now, so that a killed measurement loses nothing"
    result = dict(hardware=hardware(), threads=args.threads, best=summary(turns), turns=turns)
    args.out.write_text(json.dumps(result, indent=1) + "\n")

def main():
    args = arguments()
    if args.run: return PROGRAMS[args.run](args)
    if args.table: return write_table(args)
    turns = json.loads(args.out.read_text())["turns"] if args.add else []
    with tempfile.TemporaryDirectory() as folder:
        unpack(args.photos/"train.zip", Path(folder))
        for _ in range(args.turns):
            for name in args.only.split(","):
                for setting in settings_of(name, args):
                    turns.append(measure(name, setting, args, folder))
                    print(turns[-1], flush=True)
                    save(args, turns)

if __name__ == "__main__": main()
