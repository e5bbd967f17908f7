"""The checks that take seconds. `make check` calls this, and `make test` begins with it.

Notebooks clean and package exported, README in step, imports contract, ruff, documented parameters, and
import of every benchmark.
"""
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(sys.executable).parent
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{PROGRAMS}{os.pathsep}{os.environ.get('PATH', '')}",
    "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}".rstrip(os.pathsep),
    "PYTHONWARNINGS": "ignore",
    "PYTHONHASHSEED": "0",
    "MPLBACKEND": "agg",
}


@dataclass(frozen=True)
class Result:
    "What became of one check"
    name: str
    passed: bool
    seconds: float
    output: str = ""
    computed: float = 0.    # CPU seconds, if they were measured


def run(*command):
    "Run a command in the project's root: did it succeed, and what did it print?"
    together = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, text=True, **together)
    return done.returncode == 0, done.stdout


def snapshot():
    "What the notebooks and the package hold"
    files = [*(ROOT/"nbs").rglob("*.ipynb"), *(ROOT/"catsdogs").rglob("*.py")]
    return {file: file.read_bytes() for file in files if ".ipynb_checkpoints" not in file.parts}


def clean_and_export():
    "nbdev_clean and nbdev_export leave notebooks and package as they were"
    before = snapshot()
    for command in ("nbdev_clean", "nbdev_export"):
        passed, output = run(command)
        if not passed:
            return passed, output
    after = snapshot()
    everything = before.keys() | after.keys()
    changed = [file for file in everything if before.get(file) != after.get(file)]
    names = sorted(str(file.relative_to(ROOT)) for file in changed)
    if not names:
        return True, ""
    return (
        False,
        f"changed by nbdev_clean or nbdev_export, commit what they made: {', '.join(names)}\n")


def readme():
    "README.md is what index.ipynb says"
    return run(sys.executable, "tools/make_readme.py", "--check")


def contracts():
    "Imports run one way"
    passed, output = run("lint-imports", "--no-cache")
    return passed, "" if passed else output


def lint():
    "No more offences against ruff's rules than the baseline allows"
    return run(sys.executable, "tools/lint.py")


def docments():
    "Every parameter of a public function says what it is"
    return run(sys.executable, "tools/docments.py")


def benchmarks():
    "Every benchmark can be imported"
    passed, output = run(
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_benchmarks.py")
    return passed, "" if passed else output


# alone, since the others read what it writes
FIRST = {"notebooks clean, package exported": clean_and_export}
THEN = {
    "benchmarks import": benchmarks,
    "ruff": lint,
    "parameters documented": docments,
    "imports contract": contracts,
    "README in step with index": readme,
}


def timed(name, check):
    "The result of one check"
    start = time.perf_counter()
    passed, output = check()
    return Result(name, passed, time.perf_counter() - start, output)


def line(result):
    "One line for one result"
    return f"{'ok' if result.passed else 'FAILED':7} {result.seconds:6.1f} s  {result.name}"


def run_checks(exported=lambda: None):
    "All of them, each to its end, and printed as they end; `exported` is called when the package is written"
    results = []
    with ThreadPoolExecutor(max_workers=2) as pool:
        for group in (FIRST, THEN):
            if group is THEN: exported()
            for result in pool.map(timed, group.keys(), group.values()):
                print(result.output, end="")
                print(line(result), flush=True)
                results.append(result)
    return results


def main():
    "The exit status"
    start = time.perf_counter()
    results = run_checks()
    failed = sum(not result.passed for result in results)
    print(f"make check: {time.perf_counter() - start:.0f} seconds")
    print(f"{len(results) - failed} passed, {failed} failed")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
