"""One training on several processes: the same curve, one run folder, and one line when something goes wrong."""
import csv, json, os, signal, time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from conftest import free_port
from typing_in import command, PLAIN_REPORTS, SERVER, type_in

pytest.importorskip("accelerate")
TINY = ("--model", "classic", "--size", "32", "--bs", "17", "--no-fast")


def environment(rank, size, board):
    "What a launcher tells a process"
    told = dict(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE=size, MASTER_ADDR="127.0.0.1", MASTER_PORT=board.port,
                TORCHELASTIC_USE_AGENT_STORE=True, OMP_NUM_THREADS=1)
    return {**os.environ, **{name: str(value) for name, value in told.items()}}


def notice_board():
    "What `torchrun` keeps for its processes"
    from torch.distributed import TCPStore
    return TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)


def launch(size, folder, *args, ranks=None, **more):
    "Type a command in several processes at once; an argument may be a function of the rank. What each of them said"
    board = notice_board()
    def one(rank):
        own = [a(rank) if callable(a) else a for a in args]
        return type_in(own, folder, environment(rank, size, board) | {PLAIN_REPORTS: "1"} | more)
    with ThreadPoolExecutor(size) as pool: return list(pool.map(one, ranks or range(size)))


def curve(run):
    with open(run/"history.csv", newline="") as file: rows = list(csv.DictReader(file))
    return np.array([[float(row[k]) for k in ("train_loss", "valid_loss", "accuracy")] for row in rows])


def said(processes): return [line for p in processes for line in p.stderr.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def pets(folder):
    from catsdogs.drawing.dataset import draw_pets
    return draw_pets(folder/"shared-pets", n=150, size=32, seed=4)


RECIPES = {
    "augmented": ("--augment", "standard", "--epochs", "3"),
    "one_cycle": ("--recipe", "one_cycle", "--augment", "race", "--l1", "1e-4", "--l2", "1e-3",
                  "--label-smoothing", "0.1", "--ema", "0.1", "--patience", "2", "--epochs", "3"),
}

@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("size", [2, 3])
def test_same_curve(name, size, folder, pets, catsdogs):
    "Pieces of a batch in several processes take the steps of the whole batch in one"
    one, many = folder/f"one-{name}", folder/f"{size}-{name}"
    if not one.exists():
        done = catsdogs("train", pets, *RECIPES[name], *TINY, "--out", one)
        assert done.returncode == 0, done.stderr
    figures = {PLAIN_REPORTS: ""} if size == 2 else {}
    done = launch(size, folder, "train", pets, *RECIPES[name], *TINY, "--out", many, **figures)
    assert [p.returncode for p in done] == [0] * size, said(done)
    assert [p.stdout for p in done[1:]] == [""] * (size - 1)    # the first one alone prints
    assert said(done) == []
    np.testing.assert_allclose(curve(many), curve(one), atol=2e-5)
    assert sorted(f.name for f in many.iterdir()) == sorted(f.name for f in one.iterdir())
    assert json.loads((many/"run.json").read_text())["hardware"]["processes"] == size


LONG = ("--augment", "standard", "--epochs", "12")

def wait_for(happened, seconds=60):
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(.02)


def kill_one(victim, folder, out, *args):
    "Start two processes, kill one after two epochs; exit statuses, lines about errors, seconds until all have ended"
    board, started = notice_board(), []
    for rank in (0, 1):
        files = [folder/f"{out.name}-{rank}.{end}" for end in ("out", "err")]
        for file in files: file.touch()
        arguments = [str(a) for a in args], str(folder), environment(rank, 2, board), *map(str, files)
        started.append((SERVER.Process(target=command, args=arguments), files[1]))
    for process, _ in started: process.start()
    wait_for(lambda: (out/"history.csv").exists() and len(curve(out)) >= 2)
    started[victim][0].kill()
    start = time.monotonic()
    for process, _ in started: process.join(60)
    lines = [line for _, err in started for line in err.read_text().splitlines() if line.strip()]
    return [process.exitcode for process, _ in started], lines, time.monotonic() - start


@pytest.mark.parametrize("victim", [0, 1])
def test_killed_and_resumed_by_another_number(victim, folder, pets, catsdogs):
    "A process that is killed ends the other in one line; three go on, and the curve is that of one"
    whole, out = folder/"one-long", folder/f"killed-{victim}"
    args = ("train", pets, *LONG, *TINY, "--out", out)
    if not whole.exists(): assert catsdogs(*args[:-1], whole).returncode == 0
    statuses, lines, seconds = kill_one(victim, folder, out, *args)
    assert statuses[victim] == -signal.SIGKILL and statuses[1 - victim] == 2
    assert len(lines) == 1 and lines[0].startswith("catsdogs: error: another process of this training has ended")
    assert "--resume" in lines[0] and seconds < 20
    done = len(curve(out))
    assert 2 <= done < 12 and (out/"checkpoint.pt").exists()
    np.testing.assert_allclose(curve(out), curve(whole)[:done], atol=2e-5)
    resumed = launch(3, folder, "train", pets, "--out", out, "--resume")
    assert [p.returncode for p in resumed] == [0, 0, 0], said(resumed)
    np.testing.assert_allclose(curve(out)[:8], curve(whole)[:8], atol=5e-5)
    # training doubles what rounding did, epoch by epoch
    np.testing.assert_allclose(curve(out), curve(whole), atol=.01)
    again = launch(2, folder, "train", pets, "--out", out, "--resume")   # finished: nothing to do
    assert [p.returncode for p in again] == [0, 0] and said(again) == []


def test_missing_process(folder, pets):
    "Two of three are there: one line names the third, and nothing is begun"
    out = folder/"missing"
    args = ("train", pets, *TINY, "--epochs", "1", "--out", out)
    done = launch(3, folder, *args, ranks=(0, 1), CATSDOGS_TIMEOUT="4")
    assert [p.returncode for p in done] == [2, 2] and not out.exists()
    assert said(done) == ["catsdogs: error: process 2 of 3 did not come within 4 seconds: start all of them, "
                          "or give more time by CATSDOGS_TIMEOUT"]
    done = launch(2, folder, *args, ranks=(1,), CATSDOGS_TIMEOUT="2", MASTER_PORT=str(free_port()))
    assert [p.returncode for p in done] == [2]
    assert "process 1 of 2 found no process 0 within 2 seconds" in said(done)[0] and len(said(done)) == 1


def test_slips_are_told_once(folder, pets, tmp_path):
    "What all processes find out is told by one of them; what one finds out is told too, and nothing else"
    def lines(*args, size=2, **more):
        done = launch(size, folder, *args, **more)
        assert {p.returncode for p in done} == {2}
        return said(done)
    new = ("--out", tmp_path/"new")
    assert lines("train", tmp_path/"nowhere", *TINY, *new) == [
        f"catsdogs: error: {tmp_path}/nowhere: no such file or folder"]
    assert lines("train", pets, "--model", "classics", *new)[0].startswith("catsdogs: error: unknown model")
    assert len(lines("predict", pets)) == 1
    too_small = lines("train", pets, *TINY[:-3], "--bs", "1", "--epochs", "1", *new)
    assert too_small == ["catsdogs: error: a batch of 1 photos cannot be shared by 2 processes: give --bs 2 or more"]
    alone = lines("train", lambda rank: pets if rank == 0 else tmp_path/"nowhere", *TINY, "--out", tmp_path/"other")
    assert alone == [f"catsdogs: error: {tmp_path}/nowhere: no such file or folder"]


def test_other_photos(folder, pets, tmp_path):
    "Processes that see other photos do not train together"
    from catsdogs.drawing.dataset import draw_pets
    others = draw_pets(tmp_path/"others", n=150, size=32, seed=5)
    done = launch(2, folder, "train", lambda rank: (pets, others)[rank], *TINY, "--epochs", "1", "--out", tmp_path/"x")
    assert [p.returncode for p in done] == [2, 2]
    assert said(done) == ["catsdogs: error: process 1 of 2 has other photos than process 0: give all of them the same"]


def test_no_number(folder, pets, tmp_path):
    "A loss that is no number stops all processes in the same step"
    done = launch(2, folder, "train", pets, *TINY, "--lr", "1e18", "--epochs", "2", "--out", tmp_path/"nan")
    assert [p.returncode for p in done] == [2, 2]
    assert len(said(done)) == 1 and "try a smaller learning rate" in said(done)[0]


def test_what_cannot_be_the_same_curve(folder, pets, tmp_path):
    "Dropout, MixUp, batch normalisation and layers that thaw: another curve, and a training that ends"
    import timm
    from safetensors.torch import save_file
    save_file(timm.create_model("test_resnet", num_classes=10).state_dict(), tmp_path/"tiny.safetensors")
    for name, args in {
        "dropout": (*TINY, "--dropout", "0.3", "--mixup", "0.2", "--augment", "strong", "--epochs", "2"),
        "petnet": ("--recipe", "race_small", "--size", "32", "--resize-from", "32", "--resize-to", "32",
                   "--epochs", "2"),
        "thaw": ("--model", "timm:test_resnet", "--weights", tmp_path/"tiny.safetensors", "--size", "32",
                 "--bs", "16", "--epochs", "3"),
    }.items():
        done = launch(2, folder, "train", pets, *args, "--out", tmp_path/name)
        assert [p.returncode for p in done] == [0, 0], (name, said(done))
        assert said(done) == [] and np.isfinite(curve(tmp_path/name)).all(), name
