"""Studies in one storage: workers with folders of their own are killed at random; each run is done and counted once."""
import os, random, signal

import pytest

from typing_in import SERVER

SEEDS = 3


def settings():
    from catsdogs.data.splits import DataSettings
    from catsdogs.study.study import StudySettings
    from catsdogs.training.recipes import find_recipe
    from catsdogs.training.train import RunSettings
    base = RunSettings(find_recipe("classic", size=16, epochs=3), DataSettings(16))
    return StudySettings([dict(dropout=0.), dict(dropout=.5)], base, seeds=SEEDS)


def work(environment, pets, folder, storage):
    "A worker on a machine of its own; signs of life come often, so that the test is short"
    os.environ.update(environment)
    import torch
    from catsdogs.study import study
    torch.set_num_threads(1)
    study.BEAT, study.STALE = .2, 3.
    study.run_study(pets, folder, settings(), storage=storage)


@pytest.fixture(scope="module")
def pets(folder):
    from catsdogs.drawing.dataset import draw_pets
    return draw_pets(folder/"study-pets", n=60, size=16)


def start(*arguments):
    process = SERVER.Process(target=work, args=(dict(os.environ), *map(str, arguments)))
    process.start()
    return process


@pytest.mark.parametrize("name", ["study.db", "study.log"])
def test_killed_at_random(name, folder, pets):
    "Two workers, of which one after the other is killed; then two finish the study"
    from catsdogs.study.study import run_study, study_rows
    place = folder/name.replace(".", "-")
    place.mkdir()
    storage, dice, kills = place/name, random.Random(name), 0
    machines = [place/"machine 1", place/"machine 2"]
    workers = [start(pets, machine, storage) for machine in machines]
    for i in (0, 1, 0):
        workers[i].join(dice.uniform(1.5, 4))
        if workers[i].is_alive(): workers[i].kill()
        workers[i].join()
        kills += workers[i].exitcode == -signal.SIGKILL
        workers[i] = start(pets, machines[i], storage)
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    assert kills, "nothing was killed"
    rows = study_rows(machines[0], storage)
    assert sorted((row["dropout"], row["seed"]) for row in rows) == [(p, s) for p in (0, .5) for s in range(SEEDS)]
    assert len({row["run"] for row in rows}) == 2 * SEEDS
    alone = run_study(pets, place/"alone", settings())
    compared = ("dropout", "seed", "train_losses", "accuracies")
    def scores(rows): return sorted([row[name] for name in compared] for row in rows)
    assert scores(rows) == scores(alone)
    # what is finished is not done again
    done = {f: f.stat().st_mtime_ns for m in machines for f in m.glob("runs/*/history.csv")}
    for machine in machines: assert run_study(pets, machine, settings(), storage=storage) == rows
    assert {f: f.stat().st_mtime_ns for m in machines for f in m.glob("runs/*/history.csv")} == done


def test_slips(folder, pets, catsdogs):
    "A storage that cannot be used is one line, and no password is shown"
    def line(storage):
        done = catsdogs("study", pets, "--size", "16", "--epochs", "1", "--out", folder/"slips", "--storage", storage)
        assert done.returncode == 2
        return done.stderr
    assert "give a journal, as study.log" in line("study.txt")
    told = line("mysql9://me:secret@nowhere/x")
    assert "cannot be used" in told and "secret" not in told and len(told.splitlines()) == 1
