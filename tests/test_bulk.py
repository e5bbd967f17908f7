"""Answers in shards: processes are killed at random, typed again, and the table is that of one process."""
import csv, os, random, signal

import pytest

from typing_in import command, SERVER

N = 1200    # links to a few drawings, so that a shard of two has more than one piece


@pytest.fixture(scope="module")
def many(folder):
    from catsdogs.drawing.dataset import draw_pets
    drawn, many = draw_pets(folder/"bulk-pets", n=6, size=32), folder/"bulk-many"
    many.mkdir()
    files = sorted(drawn.glob("*/*.jpg"))
    for i in range(N): os.link(files[i % len(files)], many/f"{i}.jpg")
    return many


def kill_at_random(dice, longest, folder, *args):
    "Start a command, and kill it after a random time; its exit status"
    for name in ("out", "err"): (folder/f"bulk.{name}").touch()
    files = [str(folder/f"bulk.{name}") for name in ("out", "err")]
    process = SERVER.Process(target=command, args=([str(a) for a in args], str(folder), dict(os.environ), *files))
    process.start()
    process.join(dice.uniform(.05, longest))
    if process.is_alive(): process.kill()
    process.join()
    return process.exitcode


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_killed_shards(suffix, folder, many, drawn, catsdogs):
    "Both shards are killed until they are done; no photo is missing, answered twice or another than in one go"
    if suffix == ".parquet": pytest.importorskip("pyarrow")
    whole, table, dice = folder/f"whole{suffix}", folder/f"table{suffix}", random.Random(suffix)
    ask = ("predict", many, "--run", drawn)
    done = catsdogs(*ask, "--out", whole)
    assert done.returncode == 0 and done.stdout == f"{N:,} photos answered\ntable: {whole}\n", done.stderr
    kills = 0
    for shard in ("2/2", "1/2"):
        part = (*ask, "--out", table, "--shard", shard)
        # the first kill comes before anything can be done
        for longest in (.1, 1.2, 2.5):
            kills += kill_at_random(dice, longest, folder, *part) == -signal.SIGKILL
        if table.exists(): break
        done = catsdogs(*part)
        assert done.returncode == 0, done.stderr
        if shard == "2/2": assert "1 of 2 shards are missing" in done.stdout or table.exists()
    assert kills, "nothing was killed"
    if suffix == ".csv":
        assert table.read_bytes() == whole.read_bytes()
        with open(table, newline="") as file: assert len({row["file"] for row in csv.DictReader(file)}) == N
    else:
        from pyarrow.parquet import read_table
        assert read_table(table).to_pylist() == read_table(whole).to_pylist()
    assert not [f.name for f in folder.iterdir() if f.name.startswith((f"table{suffix}.", f".table{suffix}"))]


def test_submission_in_shards(folder, many, drawn, catsdogs):
    "Three shards, in any order, make the submission of one process"
    whole, parts = folder/"whole-submission.csv", folder/"parts-submission.csv"
    options = ("--metric", "logloss", "--clip", "0.01")
    assert catsdogs("submit", drawn, many, "--out", whole, *options).returncode == 0
    for shard, missing in (("3/3", 2), ("1/3", 1), ("2/3", 0)):
        done = catsdogs("submit", drawn, many, "--out", parts, *options, "--shard", shard)
        assert done.returncode == 0, done.stderr
        assert parts.exists() == (missing == 0)
        if missing: assert f"{missing} of 3 shards are missing" in done.stdout
    assert parts.read_bytes() == whole.read_bytes()
    assert [f.name for f in folder.iterdir() if f.name.startswith("parts-submission")] == [parts.name]


def test_slips(folder, many, drawn, catsdogs):
    def line(*args):
        done = catsdogs("predict", many, "--run", drawn, *args)
        assert done.returncode == 2
        return done.stderr
    assert "--shard goes with a table" in line("--shard", "1/2")
    assert "as 3/8 for the third of eight" in line("--out", folder/"x.csv", "--shard", "0/2")
    assert "ends in .csv or .parquet" in line("--out", folder/"x.txt")
    assert "is there already" in line("--out", drawn/"history.csv")
    assert "is a folder" in line("--out", folder)
