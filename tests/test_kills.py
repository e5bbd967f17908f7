"""Commands that are killed in the middle and typed again. `python tools/kill_commands.py` is the long version."""
import random
import signal
import sys
import time
from pathlib import Path

import pytest
from conftest import root

sys.path.insert(0, str(root/"tools"))
import kill_commands

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
LATE = {"data": 14, "quarantine": 4, "cache": 15}       # steps at which a kill once did harm, or may


@pytest.mark.parametrize("name", ["data", "cache", "quarantine", "pack", "train"])
def test_killed_and_typed_again(name, tmp_path):
    trial = kill_commands.Trial(name, tmp_path)
    dice, number = random.Random(name), {"cache": signal.SIGKILL, "data": signal.SIGINT}.get(name, signal.SIGTERM)
    moments = [trial.moment(dice, signal.SIGKILL)]
    moments.append(kill_commands.Moment(number, step=LATE.get(name, trial.undisturbed.steps // 2)))
    for moment in moments:
        _, wrong = trial.kill(moment)
        assert not wrong, f"{moment}: {wrong}"


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_in_one_line(number, status, tmp_path, monkeypatch, capsys):
    "Every command says so when it is stopped, and the process has its own handlers again"
    from catsdogs.cli import main
    monkeypatch.setattr("catsdogs.drawing.dataset.draw_pets", lambda *arguments: signal.raise_signal(number))
    if number == signal.SIGINT: signal.signal(number, signal.default_int_handler)   # a shell may have it ignored
    before = signal.getsignal(number)
    assert main(["data", "drawn", str(tmp_path/"pets")]) == status
    assert capsys.readouterr().err == "catsdogs: stopped\n"
    assert signal.getsignal(number) == before


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_where_python_cannot_raise(number, status, tmp_path, monkeypatch, capsys):
    "A signal that comes in a destructor, or in the middle of a fork, stops the command as any other does"
    from catsdogs.cli import main
    class Gone:
        def __del__(self): signal.raise_signal(number)
    def draw(*arguments):
        Gone()
        time.sleep(20)
    monkeypatch.setattr("catsdogs.drawing.dataset.draw_pets", draw)
    if number == signal.SIGINT: signal.signal(number, signal.default_int_handler)
    before = time.monotonic()
    assert main(["data", "drawn", str(tmp_path/"pets")]) == status
    assert capsys.readouterr().err == "catsdogs: stopped\n" and time.monotonic() - before < 10


def test_the_suite_sees_what_is_left(tmp_path):
    "A file too many, one too few and one that differs are told apart from an undisturbed run"
    for name, text in {"one.csv": "a\n", "two.csv": "b\n"}.items():
        (tmp_path/name).write_text(text)
    wanted = kill_commands.files_of(tmp_path)
    assert kill_commands.difference(wanted, wanted) == ""
    (tmp_path/".one.csv.abcdefgh.tmp").touch()
    assert kill_commands.difference(wanted, kill_commands.files_of(tmp_path)) == "stray .one.csv.abcdefgh.tmp"
    (tmp_path/".one.csv.abcdefgh.tmp").unlink()
    (tmp_path/"two.csv").write_text("c\n")
    assert kill_commands.difference(wanted, kill_commands.files_of(tmp_path)) == "missing two.csv; stray two.csv"
