"""The scripts that the README's numbers come from: each of them can still be imported."""
import csv
import importlib.util
import shutil
import sys

import pytest
from conftest import root

NEEDS_KERAS = {"keras_codelab"}     # runs where TensorFlow is, in an environment of its own
NEEDS_MORE = {"corruptions": "imagecorruptions", "ood": "pytorch_ood"}     # packages that nothing else here needs
SCRIPTS = sorted((root/"benchmarks").glob("*.py"))


def import_script(path):
    "Run a script's top level, but not its `if __name__ == '__main__'`"
    spec = importlib.util.spec_from_file_location(f"benchmark_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module     # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[spec.name]
    return module


def test_there_are_benchmarks():
    assert len(SCRIPTS) > 15


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_benchmark_imports(path):
    if path.stem in NEEDS_KERAS:
        pytest.skip("Keras lives in an environment of its own")
    if path.stem in NEEDS_MORE: pytest.importorskip(NEEDS_MORE[path.stem])
    assert import_script(path).__doc__, (
        "a benchmark says at its top what it measures and how it is called")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_benchmark_compiles(path):
    "Keras' side too"
    compile(path.read_text(encoding="utf8"), str(path), "exec")


def corruptions():
    with open(root/"benchmarks"/"results"/"corruptions.csv", newline="") as lines:
        return list(csv.DictReader(lines))


def card_numbers(card, row):
    "The numbers in a line of the card's table"
    line = next(line for line in card.splitlines() if line.startswith(f"| {row} |"))
    return [float(cell.strip().rstrip("%")) for cell in line.split("|")[2:-1]]


def test_card_is_what_was_measured(tmp_path):
    "Nobody has typed a number into the card that ships, nor left an old one there"
    petnet, ours = import_script(root/"benchmarks"/"petnet.py"), root/"catsdogs"/"petnet"
    shutil.copytree(ours, tmp_path/"petnet")
    (tmp_path/"petnet"/"CARD.md").unlink()
    petnet.write_card_again(tmp_path/"petnet")
    assert (tmp_path/"petnet"/"CARD.md").read_text() == (ours/"CARD.md").read_text()


def test_card_tells_of_spoiled_photos():
    "The means in the card are those of the table, and stand there only for the network that was asked"
    from catsdogs.runs.folder import shipped_run
    petnet, run, table = import_script(root/"benchmarks"/"petnet.py"), shipped_run(), corruptions()
    card = (run.path/"CARD.md").read_text()
    assert ("**Spoiled photos.**" in card) == (table[-1]["weights"] == petnet.weights_digest(run))
    for row in table: row["weights"] = petnet.weights_digest(run)
    card, columns = petnet.tell_corruptions(run, table), []
    before, now = list(dict.fromkeys(row["network"] for row in table))[-2:]
    for field in ("accuracy", "log_loss", "calibration_error"):
        for network in (before, now):
            found = [float(r[field]) for r in table if r["network"] == network and r["strength"] != "0"]
            assert len(found) == 75
            columns.append(round(sum(found) / 75, 3))
    told = card_numbers(card, "all fifteen")
    told[:2], told[4:] = [n / 100 for n in told[:2]], [n / 100 for n in told[4:]]
    assert told == pytest.approx(columns, abs=.0011)
    snow = [r for r in table if r["network"] == now and r["corruption"] in petnet.FAMILIES["weather"]]
    assert len(snow) == 20
    assert card_numbers(card, "weather")[1] == pytest.approx(
        sum(float(r["accuracy"]) for r in snow) * 5, abs=.051)
    table[-1]["weights"] = "other"
    assert petnet.tell_corruptions(run, table) == ""
