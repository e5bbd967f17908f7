"""How commands begin with 100,000 files in a folder, and 20,000 in a zip: seconds, and the longest silence.

python benchmarks/many_files.py [--files 100000] [--members 20000] [--save]

Each command runs in a terminal of its own, so that it shows its progress bars. It is stopped when the bar of the photos
is there: `check` and `train` decode them then, `predict` answers. A silence is the time between two outputs until then;
the same command on eight photos shows how much of the first one is Python's imports. CPU seconds count what
the command took, also while other programs were at work. The photos are JPEGs of 32×32 pixels; those of the folder are
links to eight files.
"""
import argparse
import io
import json
import os
import pty
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

RESULTS = Path(__file__).resolve().parent/"results"/"many_files.json"
MOST = 900          # seconds for one command


def pictures():
    "Eight small JPEGs"
    for seed in range(8):
        noise = np.random.default_rng(seed).integers(0, 255, (16, 16, 3), np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(noise.repeat(2, 0).repeat(2, 1)).save(buffer, "JPEG")
        yield buffer.getvalue()


def name(i):
    "A cat or a dog, as the competition names them"
    return f"{('cat', 'dog')[i % 2]}.{i // 2}.jpg"


def make_folder(folder, n):
    "A folder for each class, with links to eight files"
    for kind in ("cat", "dog"):
        (folder/kind).mkdir(parents=True)
    for i, data in enumerate(pictures()):
        (folder.parent/f"{i}.jpg").write_bytes(data)
    for i in range(n):
        os.link(folder.parent/f"{i % 8}.jpg", folder/name(i)[:3]/name(i))
    return folder


def make_zip(file, n):
    "All in the folder train, as Kaggle's zip has them"
    data = list(pictures())
    with zipfile.ZipFile(file, "w") as archive:
        for i in range(n):
            archive.writestr(f"train/{name(i)}", data[i % 8])
    return file


def outputs(arguments, place, until):
    """Run a command in a terminal until it shows one of some texts

    (Seconds since its start, text) for everything that it shows, and its seconds of CPU."""
    terminal, end = pty.openpty()
    termios.tcsetwinsize(end, (30, 100))                # without a width there is no bar
    environment = {**os.environ, "CATSDOGS_CACHE": str(place/"cache"), "COLUMNS": "100"}
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(
        [sys.executable, "-m", "catsdogs", *map(str, arguments)], cwd=place, env=environment,
        stdin=end, stdout=end, stderr=end, start_new_session=True)
    os.close(end)
    shown = [(0., "start")]
    while time.monotonic() - start < MOST:
        if select.select([terminal], [], [], .1)[0]:
            try:
                text = os.read(terminal, 65536).decode("utf8", "replace")
            except OSError:                             # it has ended
                break
            shown.append((time.monotonic() - start, text.strip()))
            if any(words in text for words in until):
                os.killpg(process.pid, signal.SIGKILL)
                break
    process.wait()
    os.close(terminal)
    shutil.rmtree(place/"run", ignore_errors=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return shown, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


# what to type, and the bar, or the end, of eight photos
COMMANDS = {
    "check": (("check",), ("checking:", "seconds")),
    "train": (
        ("train", "--model", "classic", "--size", "32", "--epochs", "1", "--out", "run"),
        ("decoding photos, once:", "train_loss")),
    "predict": (("predict",), ("predicting:", "%  ", "neither"))}


def measure(source, few, place):
    "Seconds, of CPU and of the longest silence, of each command; `few` is what eight photos take"
    for command, ((first, *options), until) in COMMANDS.items():
        shown, cpu = outputs([first, source, *options], place, until)
        times = [when for when, _ in shown]
        # the first output comes after the imports, and after two silent seconds at most
        silences = [b - a for a, b in zip(times[1:], times[2:], strict=False)]
        yield command, dict(
            cpu_seconds=round(cpu, 1), cpu_seconds_with_eight=few[command],
            seconds=round(times[-1], 1), longest_silence_after_the_first_words=round(max(silences, default=0.), 1))


def main():
    "Print the table, and keep it if asked"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--members", type=int, default=20_000)
    parser.add_argument("--save", action="store_true")
    asked = parser.parse_args()
    rows = {}
    with tempfile.TemporaryDirectory(prefix="many-") as place:
        place = Path(place)
        eight = make_zip(place/"few.zip", 8)
        few = {
            command: round(outputs([first, eight, *options], place, until)[1], 1)
            for command, ((first, *options), until) in COMMANDS.items()}
        sources = {
            f"{asked.files:,} files": make_folder(place/"photos", asked.files),
            f"{asked.members:,} in a zip": make_zip(place/"many.zip", asked.members),
        }
        for title, source in sources.items():
            for command, row in measure(source, few, place):
                rows[f"{command}, {title}"] = row
                print(f"{command}, {title}: {row}", flush=True)
    if asked.save:
        RESULTS.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()
