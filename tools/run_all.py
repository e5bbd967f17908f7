"""Run every check of the project, each to its end, and close with a plain summary. `make test` calls this.

The environment variable CATSDOGS_PHOTOS (the folder with Kaggle's train.zip) switches the tests on real photos on.
"""
import os, subprocess, sys, time
from pathlib import Path

root = Path(__file__).resolve().parent.parent
bin = Path(sys.executable).parent
env = {**os.environ, "PATH": f"{bin}{os.pathsep}{os.environ['PATH']}", "PYTHONWARNINGS": "ignore", "PYTHONHASHSEED": "0", "MPLBACKEND": "agg"}

def unchanged(*commands):
    "The commands leave notebooks and package as they were"
    before = snapshot()
    for c in commands:
        if run(c): return 1
    after = snapshot()
    changed = sorted(str(f.relative_to(root)) for f in before.keys() | after.keys() if before.get(f) != after.get(f))
    if changed: print(f"changed by {' and '.join(map(' '.join, commands))}: {', '.join(changed)}; commit what they make")
    return len(changed)

def snapshot():
    "What the notebooks and the package hold"
    files = [*(root/"nbs").rglob("*.ipynb"), *(root/"catsdogs").rglob("*.py")]
    return {f: f.read_bytes() for f in files}

def run(command): return subprocess.run(command, cwd=root, env=env).returncode

photos = os.environ.get("CATSDOGS_PHOTOS")
CHECKS = {
    "notebooks clean, package exported": lambda: unchanged(["nbdev_clean"], ["nbdev_export"]),
    "README in step with index": lambda: run([sys.executable, "tests/make_readme.py", "--check"]),
    "layers contract": lambda: run(["lint-imports", "--no-cache"]),
    "notebooks" + (" with photos" if photos else ""): lambda: run(["nbdev_test", "--n_workers", "1", *(["--flags", "photos"] if photos else [])]),
    "command line, project and browser": lambda: run([sys.executable, "-m", "pytest", "-q", "-rs", "tests"]),
}

results = []
for name, check in CHECKS.items():
    print(f"== {name}", flush=True)
    start = time.perf_counter(); failed = bool(check())
    results.append((name, failed, time.perf_counter() - start))
print("\n== summary")
for name, failed, seconds in results: print(f"{'FAILED' if failed else 'ok':7} {seconds:6.0f} s  {name}")
if not photos: print("SKIPPED   the tests on real photos: set CATSDOGS_PHOTOS to the folder that holds Kaggle's train.zip")
bad = sum(failed for _, failed, _ in results)
print(f"{len(results) - bad} passed, {bad} failed{'' if photos else ', 1 skipped'}")
sys.exit(bool(bad))
