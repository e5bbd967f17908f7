"""How long `catsdogs show` takes from the shell to the page, starting Python and loading the model
included.

Usage: python benchmarks/show.py PHOTOS [--rounds 3] [--out benchmarks/results/show.json]

PHOTOS is the folder with Kaggle's train.zip. Two runs are trained for one epoch on 400 photos (how
good they are does not matter here): the codelab CNN at 150×150 and PetNet at 128×128. A first page
searches the top images among the run's validation photos (1,000 of the small set) and makes the
preferred pictures; for the pages after it, of other photos, most of that is in the cache. Each time
the command is a process of its own.
"""
import argparse, json, os, platform, subprocess, sys, tempfile, time
from pathlib import Path

from catsdogs.data.photos import list_photos

def seconds(*args, env):
    start = time.perf_counter()
    subprocess.run(
        [Path(sys.executable).parent / "catsdogs", *map(str, args)], env=env, check=True,
        stdout=subprocess.DEVNULL)
    return round(time.perf_counter() - start, 2)

def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent/"results"/"show.json")
    return parser.parse_args()

def main():
    args = arguments()
    found = {"cores": os.cpu_count(), "machine": platform.processor() or platform.machine()}
    with tempfile.TemporaryDirectory() as tmp:
        tmp = Path(tmp)
        photos = [p for p in list_photos(args.photos / "train.zip") if p.number >= 2500][
            : args.rounds + 1]
        for i, p in enumerate(photos): (tmp/f"{i}.jpg").write_bytes(p.read())
        for model, size in (("codelab", 150), ("petnet", 128)):
            run = tmp/model
            env = {**os.environ, "CATSDOGS_CACHE": str(tmp/"cache")}
            seconds(
                "train", args.photos / "train.zip", "--model", model, "--size", size, "--split",
                "small", "--limit", 400, "--epochs", 1, "--out", run, env=env)
            first, *later = [
                seconds(
                    "show", run, tmp / f"{i}.jpg", "--out", tmp / "page.html", "--no-open", env=env)
                for i in range(len(photos))]
            found[model] = {
                "size": size,
                "first_page_s": first,
                "later_pages_s": later,
                "page_bytes": (tmp / "page.html").stat().st_size}
            print(model, found[model], flush=True)
    args.out.write_text(json.dumps(found, indent=1) + "\n")

if __name__ == "__main__": main()
