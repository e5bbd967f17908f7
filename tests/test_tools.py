"""The project's own tools: the falling baseline of ruff's counts, the notebook runner, and the git hooks."""
import importlib.util
import json
import shutil
import subprocess
import sys

import pytest
from conftest import root


def load_tool(name):
    "A script of tools/ as a module"
    spec = importlib.util.spec_from_file_location(f"tool_{name}", root/"tools"/f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_baseline_may_only_fall():
    lint = load_tool("lint")
    allowed = {"catsdogs": {"E501": 5, "E702": 2}, "tests": {"F401": 1}}
    long = ("catsdogs", "E501", "a.py:1")
    several = ("catsdogs", "E702", "a.py:2")
    unused = ("nbs", "B007", "b.ipynb")
    counts = lint.count([long] * 4 + [several] * 3 + [unused])
    rose, fell = lint.compare(allowed, counts)
    assert rose == [("catsdogs", "E702", 2, 3), ("nbs", "B007", 0, 1)]
    assert fell == [("catsdogs", "E501", 5, 4), ("tests", "F401", 1, 0)]
    assert lint.lowered(allowed, counts) == {"catsdogs": {"E501": 4, "E702": 2}}


def write_notebook(path, *sources):
    "A notebook with these code cells"
    cells = [
        {
            "cell_type": "code",
            "id": str(i),
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": source}
        for i, source in enumerate(sources)]
    path.write_text(
        json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def test_notebook_runner(tmp_path, monkeypatch):
    "Right, wrong, dead and flagged notebooks: each is told as what it is"
    monkeypatch.delenv("CATSDOGS_PHOTOS", raising=False)
    notebooks = [
        write_notebook(tmp_path/"right.ipynb", "assert 1 + 1 == 2"),
        write_notebook(tmp_path/"wrong.ipynb", "assert 1 + 1 == 3, 'arithmetic holds'"),
        write_notebook(tmp_path/"dead.ipynb", "import os; os._exit(3)"),
        write_notebook(tmp_path/"flagged.ipynb", "#| photos\nraise SystemExit('needs photos')"),
    ]
    command = [sys.executable, "tools/run_all.py", *map(str, notebooks), "--workers", "2"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    became = {
        line.split("/")[-1]: line.split()[0]
        for line in done.stdout.splitlines()
        if line.endswith(".ipynb")}
    assert became == {
        "right.ipynb": "ok", "wrong.ipynb": "FAILED", "dead.ipynb": "FAILED", "flagged.ipynb": "ok"}
    assert "arithmetic holds" in done.stdout
    assert "exit status 3" in done.stdout
    assert done.stdout.splitlines()[-1] == "2 passed, 2 failed, 1 skipped"
    assert done.returncode == 1


@pytest.mark.skipif(not shutil.which("git"), reason="no git on this machine")
def test_hooks(tmp_path, monkeypatch):
    hooks = load_tool("install_hooks")
    monkeypatch.setattr(hooks, "ROOT", tmp_path)
    assert not hooks.is_checkout()
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    assert hooks.is_checkout()
    hooks.install_merge_driver()
    hooks.install_post_merge()
    assert "nbdev_merge" in hooks.git("config", "merge.nbdev-merge.driver")
    written = tmp_path/".git"/"hooks"/"post-merge"
    assert "nbdev_trust" in written.read_text()
    written.write_text("#!/bin/sh\necho mine\n")
    hooks.install_post_merge()
    assert "mine" in written.read_text()        # a hook of one's own stays
