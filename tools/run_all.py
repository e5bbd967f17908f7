"""Run every check of the project, each to its end, and close with a plain summary: what `make test` calls.

First the checks that take seconds (tools/check.py). Then the network that the lessons share is trained, once.
Then notebooks and pytest run side by side, the slowest first, each notebook in a process of its own with one thread.
If only a few of them fail, these run once more, alone. What passes only then is named as unsteady.
pytest often waits for browsers and other processes, so one of its jobs may run beside a notebook on each core.

python tools/run_all.py [NOTEBOOK …]    everything, or only these notebooks
    --workers N     how many at once; without it one more than there are cores, if memory allows
    --record        write the seconds that were measured into tools/notebook_seconds.json, which orders the next run

The environment variable CATSDOGS_PHOTOS (the folder with Kaggle's train.zip) switches the tests on real photos on.
"""
import argparse
import contextlib
import gc
import io
import json
import multiprocessing
import os
import sys
import time
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import wait
from pathlib import Path

try: import resource
except ImportError: resource = None     # not on Windows

from check import ENVIRONMENT, ROOT, Result, line, run_checks

SECONDS = ROOT/"tools"/"notebook_seconds.json"
# What the fork server imports once for all jobs. The first alone is enough for a few notebooks.
HEAVY = [
    "nbdev.test", "catsdogs.cli", "catsdogs.training.train", "catsdogs.demo",
    "catsdogs.study.effects", "catsdogs.toolbox.page", "matplotlib.pyplot", "captum.attr", "timm",
    "optuna", "pytest", "scipy.stats", "PIL.Image", "networkx", "alembic.command",
    "psycopg", "accelerate", "tools.quick_export"]
# pytest in several jobs, so that all workers have work to the end: (name, its files; all others)
TESTS = ROOT/"tests"
PYTEST = {
    "pytest: command line": [
        "test_kaggle.py", "test_newest.py", "test_layouts.py", "test_project.py", "test_course.py",
        "test_bulk.py", "test_trials.py"],      # they share a run
    "pytest: processes": ["test_study_storage.py", "test_processes.py", "test_kills.py"],
    "pytest: toolbox": ["test_toolbox.py"],
    "pytest: toolbox, networks": ["test_toolbox_networks.py"],
    "pytest: toolbox, Python": ["test_toolbox_python.py"],
    "pytest: the rest": [],
}
IN_CHECK = {"test_benchmarks.py"}   # run by make check
# glibc keeps freed memory for the next batch: fresh memory costs up to a tenth of a training
MALLOC = {
    "MALLOC_TOP_PAD_": str(2**26), "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1),
    "MALLOC_MMAP_THRESHOLD_": str(2**30)}
PHOTOS = os.environ.get("CATSDOGS_PHOTOS")
MEMORY_EACH = 5 * 2**30         # bytes that a worker is given
FEW = 3                         # failures that may be those of a busy machine
LESSON_NETWORK = "the lessons' network is there"


def find_notebooks(names):
    "The notebooks that nbdev_test would take, or those that are named"
    from nbdev.doclinks import nbglob
    from nbdev.test import _keep_file
    if names:
        return [Path(name).absolute() for name in names]
    files = [file.absolute() for file in nbglob(as_path=True)]
    return [file for file in files if _keep_file(file, ".notest")]


def run_notebook(path):
    "Run one notebook as nbdev_test does: (passed, what it said on failure)"
    from nbdev.config import get_config
    from nbdev.test import test_nb
    use_small_figures()
    config = get_config()
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        skipped, forced = config.tst_flags.split(), ["photos"] if PHOTOS else []
        passed, _ = test_nb(
            path, skip_flags=skipped, force_flags=forced, basepath=config.config_path)
    return passed, "" if passed else said.getvalue()


SMALL_FIGURES = "set_matplotlib_formats('png', bbox_inches=None, dpi=50)"


def use_small_figures():
    "Figures that nobody sees are drawn once and small; otherwise they are drawn twice, and large"
    from execnb.shell import CaptureShell
    start = CaptureShell.__init__
    def start_small(shell, *args, **kwargs):
        start(shell, *args, **kwargs)
        shell._run(SMALL_FIGURES)
    CaptureShell.__init__ = start_small


def find_tests():
    "Which files each pytest job runs: every file of tests/ is in one of them, or in make check"
    named = {file for files in PYTEST.values() for file in files} | IN_CHECK
    others = sorted(file.name for file in TESTS.glob("test_*.py") if file.name not in named)
    return {job: files or others for job, files in PYTEST.items()}


def run_pytest(files):
    "Run pytest over these files of tests/"
    import pytest
    said = io.StringIO()
    paths = [str(TESTS/file) for file in files]
    with contextlib.redirect_stdout(said):
        status = pytest.main(["-q", "-rs", "--durations=5", "-p", "no:cacheprovider", *paths])
    print(said.getvalue(), end="", flush=True)
    return status == 0, ""


def train_lesson_network(_):
    "The network that many notebooks look into, trained before they ask for it at the same time"
    import torch
    from catsdogs.training.train import drawn_run
    torch.set_num_threads(os.cpu_count())       # nothing else runs yet
    drawn_run()
    return True, ""


def work(job, path, answer):
    "What a worker does: one job, and its result through the pipe"
    # what the fork server has imported is no garbage: collecting it would copy its memory into every job
    gc.freeze()
    # a job that needs a fork server takes the one that it comes from: another would import everything once more
    forkserver._forkserver.ensure_running = resource_tracker.ensure_running
    start = time.perf_counter()
    passed, output = job(path)
    answer.send((passed, time.perf_counter() - start, computed_seconds(), output))
    answer.close()


def computed_seconds():
    "CPU seconds of this process and of those that it has started: they do not grow when others use the machine"
    if resource is None: return 0.
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def name_of(path):
    "How a notebook is called in the tables"
    return str(path.relative_to(ROOT/"nbs")) if path.is_relative_to(ROOT/"nbs") else str(path)


def slowest_first(jobs, seconds):
    "Unknown ones first, then by the seconds that they took when they were last recorded"
    return sorted(jobs, key=lambda job: seconds.get(job[0], float("inf")), reverse=True)


def allowed_workers():
    "One for each core, and one for what waits, if there is memory for them"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores + 1, available_memory() // MEMORY_EACH))


def available_memory():
    "Bytes that Linux would give to a new program; enough for two workers where it cannot be asked"
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 2 * MEMORY_EACH
    kibibytes = [int(text.split()[1]) for text in lines if text.startswith("MemAvailable:")]
    return kibibytes[0] * 1024


def start_job(context, name, job, path):
    "Start a worker; its end of the pipe is closed here, so that its death is seen as an end of file"
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(job, path, sender))
    process.start()
    sender.close()
    return receiver, (name, process, time.perf_counter())


def finish_job(receiver, name, process, started):
    "The result of a worker that has answered or died"
    try:
        passed, seconds, computed, output = receiver.recv()
        process.join()
    except EOFError:
        process.join()
        passed, seconds, computed = False, time.perf_counter() - started, 0.
        output = f"{name}: its process ended with exit status {process.exitcode} and no answer (out of memory?)\n"
    receiver.close()
    return Result(name, passed, seconds, output, computed)


def next_job(pending, waits):
    "Take the first of the pending jobs; while a job of pytest is `waits`, notebooks come first"
    notebooks = [job for job in pending if job[0] not in PYTEST]
    job = notebooks[0] if waits and notebooks else pending[0]
    pending.remove(job)
    return job


def run_jobs(jobs, workers):
    "Run (name, job, path) in that order, so many at once, of pytest one at a time if possible; results as they end"
    context = multiprocessing.get_context("forkserver")
    pending, running, results = list(jobs), {}, []
    while pending or running:
        while pending and len(running) < workers:
            waits = any(name in PYTEST for name, *_ in running.values())
            receiver, state = start_job(context, *next_job(pending, waits))
            running[receiver] = state
        for receiver in wait(list(running)):
            result = finish_job(receiver, *running.pop(receiver))
            print(result.output, end="")
            print(line(result), flush=True)
            results.append(result)
    return results


def once_more(results, jobs):
    """What failed, again and alone: its own fault then, and not that of a busy machine

    Returns the results, and the names of those that passed only now. More than a few failures are not tried again.
    """
    failed = [result.name for result in results if not result.passed]
    if not 0 < len(failed) <= FEW: return results, []
    print("\n== once more, alone", flush=True)
    again = {result.name: result for result in run_jobs([job for job in jobs if job[0] in failed], 1)}
    return [again.get(r.name, r) for r in results], [name for name in failed if again[name].passed]


def prepare():
    "What comes before the notebooks: the quick checks, and the network that they share"
    print("== make check", flush=True)
    checks = run_checks(exported=lambda: start_server(HEAVY))
    return [*checks, *run_jobs([(LESSON_NETWORK, train_lesson_network, None)], 1)]


def start_server(modules):
    "A fork server imports the heavy packages once, and each job starts from there: fresh, and without the wait"
    multiprocessing.get_context("forkserver").set_forkserver_preload(modules)
    forkserver.ensure_running()     # it imports while this process goes on


def all_computed():
    "CPU seconds of the fork server and of all that came from it, the commands of pytest included; 0 if not on Linux"
    try: stat = Path(f"/proc/{forkserver._forkserver._forkserver_pid}/stat").read_text()
    except OSError: return 0.
    ticks = stat.rpartition(")")[2].split()[11:15]      # its own and its children's, in user and in system mode
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def use_environment():
    "What the workers find: one thread each, freed memory kept, this project first, no windows"
    # PyTorch reads its level of warnings once, in the fork server
    ENVIRONMENT.update(OMP_NUM_THREADS="1", TORCH_CPP_LOG_LEVEL="FATAL", **MALLOC)
    os.environ.update(ENVIRONMENT)
    sys.path.insert(0, str(ROOT))
    os.chdir(ROOT)


def recorded_seconds():
    "What each notebook took when it was last recorded"
    return json.loads(SECONDS.read_text(encoding="utf8")) if SECONDS.exists() else {}


def record(results, seconds):
    "Remember how long each job took: notebooks in CPU seconds, since others may use the machine, too"
    # pytest waits for browsers and commands, whose seconds are not its own
    measured = {
        result.name: round(result.seconds if result.name in PYTEST else result.computed or result.seconds)
        for result in results}
    text = json.dumps({**seconds, **measured}, indent=1, sort_keys=True)
    SECONDS.write_text(text + "\n", encoding="utf8")


def summary(results, slowest, only_alone):
    "The last lines: the slowest jobs, what failed, what passed `only_alone`, and how many passed"
    print("\n== the slowest")
    for result in sorted(slowest, key=lambda result: result.seconds, reverse=True)[:10]:
        print(line(result))
    failed = [result for result in results if not result.passed]
    if failed:
        print("\n== failed")
        print(*(line(result) for result in failed), sep="\n")
    for name in only_alone:
        print(f"\nUNSTEADY {name}: failed beside other jobs, and passed alone; look at its output above")
    if not PHOTOS:
        print(
            "\nSKIPPED the tests on real photos: set CATSDOGS_PHOTOS "
            "to the folder that holds Kaggle's train.zip")
    if computed := all_computed():
        print(f"\nthe jobs took {sum(r.seconds for r in slowest):,.0f} seconds, and {computed:,.0f} of a CPU")
    print(
        f"\n{len(results) - len(failed)} passed, {len(failed)} "
        f"failed{'' if PHOTOS else ', 1 skipped'}")
    return bool(failed)


def main():
    "The exit status"
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="*")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--record", action="store_true")
    asked = parser.parse_args()
    start = time.perf_counter()
    use_environment()
    if asked.notebooks: start_server(HEAVY if len(asked.notebooks) > 5 else HEAVY[:1])
    checks = [] if asked.notebooks else prepare()
    print("\n== notebooks" + (" with photos" if PHOTOS else ""), flush=True)
    seconds = recorded_seconds()
    jobs = [(name_of(path), run_notebook, path) for path in find_notebooks(asked.notebooks)]
    if not asked.notebooks:
        jobs += [(name, run_pytest, files) for name, files in find_tests().items()]
    results = run_jobs(slowest_first(jobs, seconds), asked.workers or allowed_workers())
    if asked.record:
        record(results, seconds)
    results, only_alone = once_more(results, jobs)
    failed = summary(checks + results, results, only_alone)
    print(f"make test: {(time.perf_counter() - start) / 60:.1f} minutes", file=sys.stderr)
    return failed


if __name__ == "__main__":
    sys.exit(main())
