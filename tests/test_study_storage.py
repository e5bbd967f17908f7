"""Studies in one storage: workers with folders of their own are killed at random; each run is done and counted once."""
import json
import os
import random
import signal
import tempfile
import time
from pathlib import Path

import pytest

from database_servers import PASSWORD, QUOTED, SERVERS
from typing_in import plain_reports, SERVER

SEEDS = 3


@pytest.fixture(scope="module", autouse=True)
def reports():
    "Those of this process and of its workers have no figures"
    from catsdogs.evaluation import report
    usual = report._figures
    plain_reports()
    yield
    report._figures = usual


def settings(seeds=SEEDS):
    from catsdogs.data.splits import DataSettings
    from catsdogs.study.study import StudySettings
    from catsdogs.training.recipes import find_recipe
    from catsdogs.training.train import RunSettings
    base = RunSettings(find_recipe("classic", size=16, epochs=3), DataSettings(16))
    return StudySettings([dict(dropout=0.), dict(dropout=.5)], base, seeds=seeds)


def search_settings():
    from catsdogs.study.design import Range
    from catsdogs.study.search import SearchSettings
    return SearchSettings(dict(dropout=Range(0., .6), augment=["none", "light"]), settings().base, n=2 * SEEDS)


def work(environment, pets, folder, storage, design=settings):
    "A worker on a machine of its own; signs of life come often, so that the test is short"
    os.environ.update(environment)
    import torch
    from catsdogs.study import study
    torch.set_num_threads(1)
    plain_reports()
    study.BEAT, study.STALE = .2, 3.
    study.run_study(pets, folder, design(), storage=storage)


@pytest.fixture(scope="module")
def pets(folder):
    from catsdogs.drawing.dataset import draw_pets
    return draw_pets(folder/"study-pets", n=60, size=16)


@pytest.fixture(scope="module", params=SERVERS)
def server(request):
    "A database server; without its programs the test is skipped"
    why = SERVERS[request.param].missing()
    if why: pytest.skip(why)
    started = SERVERS[request.param]()
    yield started
    started.close()


def start(pets, folder, storage, design):
    process = SERVER.Process(target=work, args=(dict(os.environ), str(pets), str(folder), str(storage), design))
    process.start()
    return process


def wait_for_a_run(machine, worker):
    "Until a worker has taken a run, or has ended"
    while worker.is_alive() and not any(machine.glob("runs/*.lock")): time.sleep(.02)


def kill_and_finish(storage, place, pets, seed, design=settings):
    "Two workers, of which one after the other is killed; then two finish the study. The folders of both"
    dice, kills = random.Random(seed), 0
    machines = [place/"machine 1", place/"machine 2"]
    workers = [start(pets, machine, storage, design) for machine in machines]
    for i in (0, 1, 0):
        # the whole study may take no more than two seconds
        wait_for_a_run(machines[i], workers[i])
        workers[i].join(dice.uniform(0, 1))
        if workers[i].is_alive(): workers[i].kill()
        workers[i].join()
        kills += workers[i].exitcode == -signal.SIGKILL
        workers[i] = start(pets, machines[i], storage, design)
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    assert kills, "nothing was killed"
    return machines


def check_finished(storage, machines, pets, alone):
    "Each run is there once, scored as in a study that nobody disturbed, and done once"
    from catsdogs.study.study import run_study, study_rows
    rows = study_rows(machines[0], storage)
    assert sorted((row["dropout"], row["seed"]) for row in rows) == [(p, s) for p in (0, .5) for s in range(SEEDS)]
    assert len({row["run"] for row in rows}) == 2 * SEEDS
    compared = ("dropout", "seed", "train_losses", "accuracies")
    def scores(rows): return sorted([row[name] for name in compared] for row in rows)
    assert scores(rows) == scores(alone)
    # what is finished is not done again
    done = {f: f.stat().st_mtime_ns for m in machines for f in m.glob("runs/*/history.csv")}
    for machine in machines: assert run_study(pets, machine, settings(), storage=storage) == rows
    assert {f: f.stat().st_mtime_ns for m in machines for f in m.glob("runs/*/history.csv")} == done


@pytest.fixture(scope="module")
def alone(folder, pets):
    "The same study, undisturbed"
    from catsdogs.study.study import run_study
    return run_study(pets, folder/"alone", settings())


@pytest.mark.parametrize("name", ["study.db", "study.log"])
def test_killed_at_random(name, folder, pets, alone):
    place = folder/name.replace(".", "-")
    place.mkdir()
    machines = kill_and_finish(place/name, place, pets, name)
    check_finished(place/name, machines, pets, alone)


def holds_password(folder):
    "Files of a folder in which the password can be read"
    words = [word.encode() for word in (PASSWORD, QUOTED)]
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert files
    return [file for file in files if any(word in file.read_bytes() for word in words)]


def test_killed_on_a_server(server, folder, pets, alone):
    place, storage = folder/server.scheme, server.new_database()
    place.mkdir()
    machines = kill_and_finish(storage, place, pets, server.scheme)
    check_finished(storage, machines, pets, alone)
    assert not holds_password(place)


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_search_is_killed(server, folder, pets):
    "Each draw of a search has one run, whoever was killed; a draw that was given up is made again"
    from catsdogs.study.storage import open_ledger
    from catsdogs.study.study import study_rows
    place, storage = folder/"search", server.new_database()
    place.mkdir()
    machines = kill_and_finish(storage, place, pets, "search", search_settings)
    rows, trials = study_rows(machines[0], storage), open_ledger(storage).study.get_trials()
    counted = [trial.user_attrs["draw"] for trial in trials if "row" in trial.user_attrs]
    assert sorted(counted) == list(range(2 * SEEDS))
    assert [row["run"] for row in rows] == [trial.number for trial in trials if "row" in trial.user_attrs]
    assert not any(trial.state.name in ("RUNNING", "WAITING") for trial in trials)
    # what a row says was chosen is what was trained
    for row in rows:
        trained = [machine/"runs"/f"{row['run']:04}"/"run.json" for machine in machines]
        recipes = [json.loads(file.read_text())["recipe"] for file in trained if file.exists()]
        assert any(recipe["dropout"] == pytest.approx(row["dropout"]) for recipe in recipes)


def test_server_goes_away(server, folder, pets, monkeypatch):
    "The server is switched off in the middle of a run: the run ends, a line comes, and later nothing is repeated"
    from catsdogs.core import CatsDogsError
    from catsdogs.study.study import run_study
    from catsdogs.training.callbacks import BatchBar
    storage, place, usual, stopped = server.new_database(), folder/f"{server.scheme} away", BatchBar.after_batch, []

    def switch_off(bar):
        usual(bar)
        if bar.epoch == 1 and not stopped: stopped.append(server.stop())
    monkeypatch.setattr(BatchBar, "after_batch", switch_off)
    try:
        with pytest.raises(CatsDogsError, match="what is trained is kept") as told:
            run_study(pets, place, settings(1), storage=storage)
    finally: server.start()
    line = str(told.value)
    assert len(line.splitlines()) == 1 and PASSWORD not in line and QUOTED not in line
    history = place/"runs"/"0000"/"history.csv"
    trained = history.stat().st_mtime_ns
    rows = run_study(pets, place, settings(1), storage=storage)
    assert [row["run"] for row in rows] == [0, 1]
    assert history.stat().st_mtime_ns == trained


def test_slips_on_a_server(server, folder, pets, catsdogs):
    "What is wrong with a server is one line, and no password is shown"
    def line(storage, *more):
        done = catsdogs("study", pets, "--size", "16", "--epochs", "1", "--seeds", "1", "--vary", "dropout=0",
                        "--out", folder/f"{server.scheme} slips", "--storage", storage, *more)
        assert done.returncode == 2
        said = done.stderr
        assert len(said.splitlines()) == 1
        assert not any(word in said for word in (PASSWORD, QUOTED, "wrong-guess"))
        return said
    assert "cannot be used" in line(server.url("nowhere"))
    assert "ann" in line(server.url(server.first, "wrong-guess"))       # whose password it is not
    assert "holds another study" in line(taken_by(pets, folder, server))
    other = server.url("nowhere").replace(str(server.port), "1")
    assert "cannot be used" in line(other)


def taken_by(pets, folder, server):
    "A storage in which a study is"
    from catsdogs.study.study import run_study
    storage = server.new_database()
    run_study(pets, folder/f"{server.scheme} other", settings(1), storage=storage)
    return storage


def test_many_begin_at_once(server):
    "Workers that open a new database at the same moment get the same study, which one of them makes"
    import threading
    from catsdogs.study.storage import open_ledger
    storage, made, begin = server.new_database(), [], threading.Barrier(5)

    def open_one():
        begin.wait()
        made.append(open_ledger(storage, create=True).new)
    threads = [threading.Thread(target=open_one) for _ in range(5)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert sorted(made) == [False] * 4 + [True]


def test_slips(folder, pets, catsdogs):
    "A storage that cannot be used is one line, and no password is shown"
    def line(storage):
        done = catsdogs("study", pets, "--size", "16", "--epochs", "1", "--out", folder/"slips", "--storage", storage)
        assert done.returncode == 2
        return done.stderr
    assert "give a journal, as study.log" in line("study.txt")
    told = line("oracle://me:secret@nowhere/x")
    assert "begins with postgresql://" in told and "secret" not in told and len(told.splitlines()) == 1


def open_as_nobody(file, said):
    "Open a storage as a user who may not write everywhere; `said` is the file for the answer"
    from catsdogs.core import CatsDogsError
    from catsdogs.study.storage import open_storage
    if not os.geteuid(): os.setuid(65534)
    try: open_storage(file)
    except CatsDogsError as e: said.write_text(str(e))


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="no users with fewer rights here")
@pytest.mark.parametrize("name", ["study.db", "study.log"])
def test_read_only_file(name):
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        said = place/"said"
        said.touch()
        (place/name).touch()
        (place/name).chmod(0o444)
        said.chmod(0o666)
        place.chmod(0o777)
        process = SERVER.Process(target=open_as_nobody, args=(place/name, said))
        process.start()
        process.join(60)
        assert "is read-only; change its rights" in said.read_text()
