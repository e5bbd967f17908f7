"""The project's own tools: ruff's falling baseline, comments on parameters, notebook runner, git hooks."""
import ast
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

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


def test_names_that_nbdev_lists_are_not_counted(tmp_path, monkeypatch):
    lint = load_tool("lint")
    monkeypatch.setattr(lint, "ROOT", tmp_path)
    for folder in ("catsdogs", "tests"):
        (tmp_path/folder).mkdir()
        (tmp_path/folder/"a.py").write_text("__all__ = ['a',\n           'b']\nc = 'long'\n")
    rows = {folder: [lint.written_by_nbdev(Path(folder, "a.py"), row) for row in (1, 2, 3)]
            for folder in ("catsdogs", "tests")}
    assert rows == {"catsdogs": [True, True, False], "tests": [False] * 3}


DOCUMENTED = """
def plain(
    a,      # a number
    # pixels
    b=1
): pass
def bare(a, *more, b=1, **rest): pass
def _private(a): pass
class Base:
    def __init__(self, a): pass
    def told(self,
        a   # a number
    ): pass
class Child(Base):
    def told(self, a): pass
    def new(self, a): pass
class _Hidden:
    def __init__(self, a): pass
"""


def test_parameters_without_a_comment_are_found():
    docments, lines = load_tool("docments"), DOCUMENTED.splitlines()
    functions = docments.public_functions(ast.parse(DOCUMENTED))
    found = {name: list(docments.undocumented(function, lines)) for name, function in functions}
    assert found == {
        "plain": [], "bare": ["a", "more", "b", "rest"], "Base.__init__": ["a"], "Base.told": [],
        "Child.new": ["a"]}


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
