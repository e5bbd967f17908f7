"""What was fast stays fast: the same work by another version of the package and by this one, in turns.

Usage: python benchmarks/versions.py PHOTOS COMMIT [--rounds 5] [--work NAME …]

PHOTOS is the folder that holds Kaggle's train.zip, and COMMIT any version of this project that
git knows. Each version runs in a process of its own, on one core. The measure is CPU seconds,
which other programs do not change; each kind of work counts with its least seconds, and the ratio is
this version's to the other's. Below 1 this version is faster. Writes results/versions.json.
"""
import argparse, importlib, json, os, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent/"results"
PETNET_SIZE = 128

def load(*modules):
    "Import modules for what their import costs"
    for module in modules: importlib.import_module(module)

def import_command(photos):
    "Import what the command line needs"
    load("catsdogs.cli", "catsdogs.runs.predict")

def draw_pets(photos):
    "Draw 150 pets at 128 pixels, with their parts"
    from catsdogs.drawing.dataset import draw, pet_spec
    for number in range(150): draw(pet_spec(number, 1), 128)

def some_photos(photos, n):
    "Photos of both classes out of the archive"
    from catsdogs.data.photos import list_photos
    found = list_photos(photos/"train.zip")
    return found[::len(found) // n][:n]

def fill_cache(photos):
    "Decode 800 photos into an empty cache"
    from catsdogs.data.cache import build_cache
    from catsdogs.data.splits import DataSettings
    build_cache(some_photos(photos, 800), DataSettings(PETNET_SIZE))

def train_epoch(photos):
    "Train PetNet's recipe for an epoch on 512 photos out of the cache, its changes of photos included"
    from catsdogs.data.dataloaders import photo_dataloaders
    from catsdogs.data.splits import DataSettings
    from catsdogs.training.learner import photo_learner
    dls = photo_dataloaders(some_photos(photos, 600), DataSettings(PETNET_SIZE), bs=64)
    learn = photo_learner(dls, "petnet", "race_small", seed=0)
    with learn.no_bar(), learn.no_logging(): learn.fit(1)

def predict_folder(photos):
    "Answer 400 photos with the network that ships"
    from catsdogs.runs.predict import Predictor, predict_photos
    for _ in predict_photos(Predictor(), some_photos(photos, 400)): pass

def shipped_network():
    "The network that ships, as a module"
    from catsdogs.runs.predict import Predictor
    return Predictor().model

def batch(n):
    "Drawings as a batch of pixels"
    from catsdogs.drawing.dataset import draw, pet_spec
    from catsdogs.models.hooks import as_batch
    return as_batch([draw(pet_spec(i, 2), PETNET_SIZE).image for i in range(n)])

def attribute_batch(photos):
    "Integrated gradients and HiResCAM of eight drawings"
    from catsdogs.interpret.attribution import attribute
    net, xb = shipped_network(), batch(8)
    attribute(net, xb, "integrated_gradients", "cat", steps=8)
    attribute(net, xb, "hirescam", "cat")

def find_top_images(photos):
    "The nine photos that each unit of each layer likes best, out of 256"
    from catsdogs.interpret.top_images import top_images
    from catsdogs.data.cache import build_cache
    from catsdogs.data.splits import DataSettings
    top_images(shipped_network(), build_cache(some_photos(photos, 256), DataSettings(PETNET_SIZE)))

def dissect_network(photos):
    "Hold each unit against the parts of 48 drawings"
    from catsdogs.interpret.annotations import draw_annotated
    from catsdogs.drawing.dataset import pet_spec
    from catsdogs.interpret.dissection import dissect
    fit, judge = (
        draw_annotated([pet_spec(i, seed) for i in range(24)], PETNET_SIZE) for seed in (3, 4))
    dissect(shipped_network(), fit, judge, step=2)

def visualize_units(photos):
    "Preferred pictures of eight units"
    from catsdogs.interpret.feature_visualization import preferred_images
    from catsdogs.models.hooks import computing_layers
    net = shipped_network()
    preferred_images(net, computing_layers(net, None)[3], range(8), steps=16)

WORK = [
    import_command, draw_pets, fill_cache, train_epoch, predict_folder, attribute_batch,
    find_top_images, dissect_network, visualize_units]

def import_the_rest():
    "What all kinds of work need, so that none of them pays for it"
    import torch
    load(
        "catsdogs.training.train", "catsdogs.interpret.attribution",
        "catsdogs.interpret.dissection", "catsdogs.interpret.feature_visualization")
    torch.set_num_threads(1)

def do_work(photos, names):
    "What one process does: print the CPU seconds of each kind of work as JSON"
    seconds = {}
    for work in WORK:
        if work.__name__ not in names: continue
        with tempfile.TemporaryDirectory() as cache:
            os.environ["CATSDOGS_CACHE"] = cache
            start = time.process_time()
            work(photos)
            seconds[work.__name__] = round(time.process_time() - start, 2)
        import_the_rest()
    print(json.dumps(seconds))

def run_version(folder, photos, names):
    "CPU seconds of each kind of work with the package that lies in `folder`"
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, str(photos), "-", "--work", *names]
    done = subprocess.run(
        command, env=environment, cwd=folder, text=True, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])

def compare(photos, other, names, rounds):
    "The least seconds of the other version and of this one, for each kind of work"
    seconds = {name: ([], []) for name in names}
    for turn in range(rounds):
        for version, folder in enumerate((other, ROOT)):
            for name, needed in run_version(folder, photos, names).items():
                seconds[name][version].append(needed)
        print(f"round {turn + 1} of {rounds}", file=sys.stderr)
    return {
        name: {"before": min(before), "now": min(now), "ratio": round(min(now) / min(before), 2)}
        for name, (before, now) in seconds.items()}

def git(*arguments):
    "What git answers"
    return subprocess.run(
        ["git", "-C", str(ROOT), *arguments], text=True, check=True, stdout=subprocess.PIPE).stdout.strip()

def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("commit", help="a version of this project; -: measure what Python finds")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--work", nargs="+", default=[work.__name__ for work in WORK])
    parser.add_argument("--out", type=Path, default=RESULTS/"versions.json")
    return parser.parse_args()

def main():
    args = arguments()
    if args.commit == "-": return do_work(args.photos, args.work)
    with tempfile.TemporaryDirectory() as other:
        git("worktree", "add", "--quiet", "--detach", other, args.commit)
        try: found = compare(args.photos.absolute(), other, args.work, args.rounds)
        finally: git("worktree", "remove", "--force", other)
    for name, row in found.items():
        print(f"{name:18} {row['before']:7.2f} s {row['now']:7.2f} s  {row['ratio']:.2f}")
    report = {
        "before": git("rev-parse", "--short", args.commit), "rounds": args.rounds,
        "cpu_seconds": found}
    args.out.write_text(json.dumps(report, indent=1) + "\n")

if __name__ == "__main__": main()
