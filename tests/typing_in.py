"""Type a command without waiting until Python has imported PyTorch and fastai.

Each command is a fork of a server that has imported them once: a process of its own, with its own exit status,
standard output and folder, and nothing left over from the command before.
"""
import gc
import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path

# the command sets this itself, but here PyTorch, which reads it once, is imported before the command
os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "FATAL")
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    ["catsdogs.cli", "catsdogs.training.train", "catsdogs.demo", "matplotlib.pyplot", "requests"])
SECONDS = 300   # more than any command of the tests takes
# set in the environment of a command: its reports have no figures, which take longer to draw than small trainings
PLAIN_REPORTS = "CATSDOGS_TEST_PLAIN_REPORTS"


def plain_reports():
    "From now on, this process writes reports without figures; that figures are drawn is tested elsewhere"
    from catsdogs.evaluation import report
    from catsdogs.plotting import Figure
    report._figures = lambda *parts: [Figure("curves", b"", "")]


def command(arguments, folder, environment, out, err):
    "What the fork does: the command, in that folder, with its output into these two files"
    gc.freeze()     # what the server has imported is no garbage
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for path, number in ((os.devnull, 0), (out, 1), (err, 2)):
        os.dup2(os.open(path, os.O_RDWR), number)
    if environment.get(PLAIN_REPORTS): plain_reports()
    from catsdogs.cli import main
    sys.exit(main(arguments))


def type_in(arguments, folder, environment=None):
    "The finished process: its `returncode`, `stdout` and `stderr`"
    arguments = [str(a) for a in arguments]
    environment = dict(os.environ if environment is None else environment)
    with tempfile.TemporaryDirectory() as place:
        out, err = Path(place)/"out", Path(place)/"err"
        for file in (out, err): file.touch()
        names = str(folder), environment, str(out), str(err)
        process = SERVER.Process(target=command, args=(arguments, *names))
        process.start()
        process.join(SECONDS)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(arguments, SECONDS)
        said = out.read_text(encoding="utf8"), err.read_text(encoding="utf8")
    return subprocess.CompletedProcess(arguments, process.exitcode, *said)
