"""Kill the long commands at random moments, start them again, and compare with a run that nobody disturbed.

python tools/kill_commands.py [COMMAND …]     data, archive, cache, train, study, submit, check, quarantine,
                                              pack, demo
    --kills N       how many for each command (24)
    --seed S        which moments (0)
    --record FILE   add the counts of this call to a JSON file

A moment is drawn in one of three ways: a time between start and end, a step that changes a file (the process kills
itself just before it), or a time in a fresh Python that still imports PyTorch. The signals are KILL, TERM and INT; INT
goes to all processes of the command, as Ctrl-C does. Then the same command is typed again. It must succeed, leave the
files of an undisturbed run and no other, and no process may be left over.
"""
import argparse
import csv
import hashlib
import io
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).resolve().parent.parent
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    ["catsdogs.cli", "catsdogs.training.train", "catsdogs.demo", "catsdogs.study.effects", "matplotlib.pyplot"])
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
PATIENCE = 300      # seconds after which a command counts as hanging
GOES = 5            # seconds that processes of a killed command have to end


# What is killed

def _draw(place, n=40, size=32):
    from catsdogs.drawing.dataset import draw_pets
    draw_pets(place/"pets", n, size)


def _pack(place):
    "Drawings as Google packs its photos"
    _draw(place)
    archive = shutil.make_archive(place/"photos", "zip", place, "pets")
    shutil.rmtree(place/"pets")
    return Path(archive)


def _pack_as_google(place):
    import zipfile
    _draw(place)
    with zipfile.ZipFile(place/"photos.zip", "w") as archive:
        for i, file in enumerate(sorted((place/"pets").glob("*/*.jpg"))):
            side = "train" if i % 2 else "validation"
            archive.write(file, f"cats_and_dogs_filtered/{side}/{file.parent.name}s/{file.name}")
    shutil.rmtree(place/"pets")


def _spoil(place):
    "Drawings of which some are broken, empty or there twice"
    _draw(place)
    cats = sorted((place/"pets"/"cat").glob("*.jpg"))
    for file in cats[:3]:
        file.write_bytes(b"")
    for file in cats[3:6]:
        file.write_bytes(file.read_bytes()[:300])
    for file in cats[6:9]:
        shutil.copy(file, file.with_name(f"copy-of-{file.name}"))


def _test_photos(place):
    "Photos with numbers for names, as the competition's"
    _draw(place)
    (place/"test").mkdir()
    for i, file in enumerate(sorted((place/"pets").glob("*/*.jpg")), 1):
        file.rename(place/"test"/f"{i}.jpg")
    shutil.rmtree(place/"pets")


def fill_cache(arguments):
    "The photo cache by itself, without a training after it"
    from catsdogs.data.cache import build_cache
    from catsdogs.data.photos import list_photos
    from catsdogs.data.splits import DataSettings
    build_cache(list_photos("photos.zip"), DataSettings(64))


@dataclass(frozen=True)
class Command:
    "A command to kill"
    prepare: Callable           # folder → None: makes what the command needs
    arguments: tuple            # what is typed
    function: Callable|None = None  # what is called in place of the command line


TRAIN = ("--model", "codelab", "--size", "32", "--bs", "16")
COMMANDS = {
    "data": Command(lambda place: None, ("data", "drawn", "pets", "--n", "40", "--size", "32")),
    "archive": Command(_pack_as_google, ("data", "filtered", "pets", "--archive", "photos.zip")),
    "cache": Command(_pack, (), fill_cache),
    "train": Command(_pack, ("train", "photos.zip", *TRAIN, "--epochs", "3", "--out", "run", "--resume")),
    "study": Command(
        _pack,
        ("study", "photos.zip", "--model", "codelab", "--size", "32", "--epochs", "1", "--vary", "dropout=0,0.5",
         "--seeds", "1", "--out", "study")),
    "submit": Command(_test_photos, ("submit", "test", "--out", "submission.csv")),
    "check": Command(_spoil, ("check", "pets", "--out", "page.html")),
    "quarantine": Command(_spoil, ("check", "pets", "--quarantine", "aside")),
    "pack": Command(_draw, ("pack", "pets", "packed", "--size", "24", "--per-shard", "6")),
    "demo": Command(
        lambda place: None, ("demo", "--n", "20", "--size", "32", "--epochs", "2", "--no-open", "--out", "demo")),
}


# One process

@dataclass(frozen=True)
class Moment:
    "When a command is killed, and how"
    signal: int
    step: int|None = None       # before this change of a file, counted from 1
    seconds: float|None = None  # after so many seconds
    fresh: bool = False         # in a Python of its own, which imports everything first


@dataclass(frozen=True)
class Ended:
    "How a command ended"
    status: int
    steps: int          # changes of files that it made
    seconds: float
    said: str           # on standard error
    left_over: int = 0  # processes of it that were still there


_CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.utime", "os.chmod", "os.truncate", "os.link")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def count_steps(place, counter, at, number):
    "Count the changes of files below `place` in this process; before change `at` the process sends itself a signal"
    me, below = os.getpid(), f"{place}{os.sep}"

    def hook(event, arguments):
        if event not in _CHANGES and not (event == "open" and (arguments[2] or 0) & _WRITES):
            return
        if os.getpid() != me or not os.path.abspath(str(arguments[0])).startswith(below):
            return
        counter.value += 1
        if counter.value == at:
            os.kill(me, number)
    sys.addaudithook(hook)


def work(name, place, moment, counter):
    "What the forked process does: the command, in the place, in a session of its own"
    command = COMMANDS[name]
    os.setsid()
    os.chdir(place)
    os.environ["CATSDOGS_CACHE"] = str(place/"cache")
    for path, number in ((os.devnull, 0), (place.parent/"out", 1), (place.parent/"err", 2)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC), number)
    from catsdogs.cli import main
    count_steps(place, counter, moment and moment.step, moment and moment.signal)
    sys.exit((command.function or main)(list(command.arguments)))


def _members(session):
    "The processes of a session that are still at work"
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def _left_over(session):
    "How many processes of a session do not end by themselves; they are ended here"
    end = time.monotonic() + GOES
    while (members := _members(session)) and time.monotonic() < end:
        time.sleep(.05)
    for pid in members:
        os.kill(pid, signal.SIGKILL)
    return len(members)


def _start(name, place, moment, counter):
    "The command as a process of its own: `pid`, and a function that waits for its exit status"
    if not (moment and moment.fresh):
        process = SERVER.Process(target=work, args=(name, place, moment, counter))
        process.start()

        def wait(seconds):
            process.join(seconds)
            return process.exitcode
        return process.pid, wait
    environment = {**os.environ, "CATSDOGS_CACHE": str(place/"cache"), "PYTHONPATH": str(ROOT)}
    with open(place.parent/"out", "wb") as out, open(place.parent/"err", "wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "catsdogs", *COMMANDS[name].arguments], cwd=place, env=environment,
            stdout=out, stderr=err, start_new_session=True)

    def wait_fresh(seconds):
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
    return process.pid, wait_fresh


def run(name, place, moment=None):
    "Run a command to its end, or kill it at a moment"
    counter, start = SERVER.Value("i", 0), time.monotonic()
    pid, wait = _start(name, place, moment, counter)
    status = None
    if moment and moment.seconds is not None:
        status = wait(moment.seconds)
        if status is None:
            send(pid, moment.signal)
    status = wait(PATIENCE) if status is None else status
    seconds, left_over = time.monotonic() - start, _left_over(pid)
    said = (place.parent/"err").read_text(encoding="utf8", errors="replace") if (place.parent/"err").exists() else ""
    if status is None:
        raise TimeoutError(f"{name} does not end ({moment})")
    return Ended(status, counter.value, seconds, said, left_over)


def send(pid, number):
    "A signal to a command; Ctrl-C reaches all its processes"
    try:
        os.killpg(pid, number) if number == signal.SIGINT else os.kill(pid, number)
    except ProcessLookupError:
        pass


# What is compared

_TIMES = re.compile(r"second|photos/s|images_per_second|time")


def _without_times(rows):
    "A table without the columns that differ from run to run"
    header, *rest = rows
    kept = [i for i, name in enumerate(header) if not _TIMES.search(name)]
    return [[row[i] for i in kept] for row in (header, *rest)]


def content(file):
    "What must be the same each time in a file"
    if file.name in ("journal.log", "report.html") or file.suffix == ".lock":
        return None                                     # with times; that they are there is enough
    data = file.read_bytes()
    if file.name == "quarantine.csv":
        return sorted(set(data.decode().splitlines()))  # a move that was noted and not made is noted again
    if file.name in ("history.csv", "results.csv"):
        return _without_times(list(csv.reader(io.StringIO(data.decode()))))
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def files_of(place):
    "Each file of a place with what must be the same; names in the cache hold hashes of times"
    found = Counter()
    for file in sorted(p for p in place.rglob("*") if not p.is_dir()):
        name = re.sub(r"[0-9a-f]{12,}", "HASH", str(file.relative_to(place)))
        found[name, repr(content(file))] += 1
    folders = sorted(str(p.relative_to(place)) for p in place.rglob("*") if p.is_dir())
    return found + Counter((re.sub(r"[0-9a-f]{12,}", "HASH", name), "folder") for name in folders)


def difference(wanted, found):
    "What is missing and what is too much, in words; empty if nothing is"
    missing = [f"missing {name}" for name, _ in wanted - found]
    return "; ".join([*missing, *(f"stray {name}" for name, _ in found - wanted)])


# The trial

class Trial:
    "One command: what it needs, what it makes when nobody disturbs it, and how it takes being killed"
    def __init__(self, name, folder):
        self.name, self.command, self.folder = name, COMMANDS[name], Path(folder)
        self.place = self.folder/"place"
        (self.folder/"ready").mkdir(parents=True)
        self.command.prepare(self.folder/"ready")
        self._begin()
        warm = SERVER.Process(target=time.sleep, args=(0,))     # the server has imported everything now
        warm.start()
        warm.join()
        self.undisturbed = run(self.name, self.place)
        if self.undisturbed.status not in (0, 1):
            raise RuntimeError(f"{name}: {self.undisturbed.said}")
        self.wanted = files_of(self.place)

    def _begin(self):
        "A new copy of what the command needs, always at the same place"
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(self.folder/"ready", self.place)

    def moment(self, dice, number, fresh=False):
        "Any moment of the command"
        if fresh and not self.command.function:
            return Moment(number, seconds=dice.uniform(.1, 12), fresh=True)
        # what takes no second is over before a time comes
        if dice.random() < .5 or self.undisturbed.seconds < 1:
            return Moment(number, step=dice.randint(1, self.undisturbed.steps))
        return Moment(number, seconds=dice.uniform(0, self.undisturbed.seconds))

    def kill(self, moment):
        "Kill and start again: did the signal hit, and what was wrong, in words"
        self._begin()
        killed = run(self.name, self.place, moment)
        hit = killed.status not in (0, 1)
        wrong = [f"{killed.left_over} processes are left over"] if killed.left_over else []
        if hit and moment.signal != signal.SIGKILL and "Traceback" in killed.said:
            wrong.append(f"a traceback: {killed.said.strip().splitlines()[-1]}")
        again = run(self.name, self.place)
        differ = difference(self.wanted, files_of(self.place))
        # a command that had made everything may say that its place is taken
        if again.status != self.undisturbed.status and (differ or again.status not in (0, 1, 2)):
            wrong.append(f"then status {again.status}: {again.said.strip()[-300:]}")
        if differ:
            wrong.append(differ)
        return hit, "; ".join(wrong)


def signal_name(number):
    "KILL, TERM or INT"
    return signal.Signals(number).name.removeprefix("SIG")


def try_command(name, kills, seed, say=print):
    "Kill one command so often; counts by signal, and what was lost"
    dice, counts, lost = random.Random(f"{name} {seed}"), Counter(), []
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        trial = Trial(name, Path(folder).resolve())
        say(f"{name}: {trial.undisturbed.seconds:.1f} s and {trial.undisturbed.steps} steps undisturbed")
        for i in range(kills):
            moment = trial.moment(dice, SIGNALS[i % 3], fresh=i % 10 == 9)
            hit, wrong = trial.kill(moment)
            counts[signal_name(moment.signal) if hit else "ended before"] += 1
            if wrong:
                lost.append(f"{moment}: {wrong}")
                say(f"LOST {name} {moment}: {wrong}")
    say(f"{name}: {dict(counts)}, {len(lost)} lost")
    return dict(counts), lost


def record(file, results):
    "Add the counts to those of earlier calls"
    file = Path(file)
    all_counts = json.loads(file.read_text(encoding="utf8")) if file.exists() else {}
    for name, (counts, lost) in results.items():
        row = Counter(all_counts.get(name, {}))
        row.update({**counts, "lost": len(lost)})
        all_counts[name] = dict(row)
    file.write_text(json.dumps(all_counts, indent=1, sort_keys=True) + "\n", encoding="utf8")


def main():
    "The exit status"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commands", nargs="*", metavar="COMMAND", help=", ".join(COMMANDS))
    parser.add_argument("--kills", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.commands) - set(COMMANDS)):
        parser.error(f"unknown command {unknown[0]}: choose among {', '.join(COMMANDS)}")
    # a shell starts what ends with & without Ctrl-C, and children inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
    failed = False
    for name in asked.commands or COMMANDS:
        result = try_command(name, asked.kills, asked.seed, lambda text: print(text, flush=True))
        failed = failed or bool(result[1])
        if asked.record:
            record(asked.record, {name: result})
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
