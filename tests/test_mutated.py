"""Every reader and a few spoiled files. `python tools/mutate_inputs.py` is the long version."""
import json
import random
import subprocess
import sys

import pytest
from conftest import root

sys.path.insert(0, str(root/"tools"))
import mutate_inputs

def test_every_reader(tmp_path):
    "In a process of its own: what it watches stays watched"
    done = subprocess.run(
        [sys.executable, str(root/"tools"/"mutate_inputs.py"), "--n", "12", "--record", str(tmp_path/"counts.json")],
        capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads((tmp_path/"counts.json").read_text())
    assert len(counts) > 15 and all(sum(row.values()) == 12 and "found" not in row for row in counts.values())


def test_a_crash_is_found():
    def crash(data):
        raise KeyError("oh")

    def several_lines(data):
        raise mutate_inputs.CatsDogsError("one\ntwo")
    assert "KeyError" in mutate_inputs.attempt(crash, b"")[0]
    assert "several lines" in mutate_inputs.attempt(several_lines, b"")[0]
    assert mutate_inputs.attempt(len, b"") == ("", False)


@pytest.mark.parametrize("spoil, data", [
    (mutate_inputs.spoil, b"0123456789" * 9),
    (mutate_inputs.spoil_json, b'{"a": [1, 2], "b": {"c": "d"}}'),
    (mutate_inputs.spoil_table, b"id,label\n1,0.5\n2,0.7\n")])
def test_spoiling(spoil, data):
    "Repeatable, and hardly ever without effect"
    spoiled = [spoil(data, random.Random(i)) for i in range(50)]
    assert spoiled == [spoil(data, random.Random(i)) for i in range(50)]
    assert sum(new != data for new in spoiled) > 40
