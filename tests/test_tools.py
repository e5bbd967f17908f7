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
    empty = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": []}
    cells = [{**empty, "id": str(i), "source": source} for i, source in enumerate(sources)]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook))
    return path


def test_notebook_runner(tmp_path, monkeypatch):
    "Right, wrong, dead, flagged and unsteady notebooks: each is told as what it is"
    monkeypatch.delenv("CATSDOGS_PHOTOS", raising=False)
    notebooks = [
        write_notebook(tmp_path/"right.ipynb", "assert 1 + 1 == 2"),
        write_notebook(tmp_path/"wrong.ipynb", "assert 1 + 1 == 3, 'arithmetic holds'"),
        write_notebook(tmp_path/"dead.ipynb", "import os; os._exit(3)"),
        write_notebook(tmp_path/"flagged.ipynb", "#| photos\nraise SystemExit('needs photos')"),
        write_notebook(
            tmp_path/"unsteady.ipynb",
            f"from pathlib import Path\nmark = Path({str(tmp_path/'mark')!r})\nseen = mark.exists()\n"
            "mark.touch()\nassert seen, 'too early'"),
    ]
    command = [sys.executable, "tools/run_all.py", *map(str, notebooks), "--workers", "2"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    became = {
        line.split("/")[-1]: line.split()[0]
        for line in done.stdout.splitlines()
        if line.endswith(".ipynb")}
    assert became == {
        "right.ipynb": "ok", "wrong.ipynb": "FAILED", "dead.ipynb": "FAILED", "flagged.ipynb": "ok",
        "unsteady.ipynb": "ok"}
    assert "arithmetic holds" in done.stdout
    assert "exit status 3" in done.stdout
    unsteady, = [line for line in done.stdout.splitlines() if line.startswith("UNSTEADY")]
    assert "unsteady.ipynb" in unsteady and "too early" in done.stdout
    assert done.stdout.splitlines()[-1] == "3 passed, 2 failed, 1 skipped"
    assert done.returncode == 1


def test_jobs_of_make_test(monkeypatch):
    "Each file of tests is in one job; one job of pytest is at work at a time, as long as there are notebooks"
    monkeypatch.syspath_prepend(root/"tools")
    run_all = load_tool("run_all")
    files = [file for job in run_all.find_tests().values() for file in job]
    assert sorted([*files, *run_all.IN_CHECK]) == sorted(file.name for file in (root/"tests").glob("test_*.py"))
    one, other, *_ = run_all.PYTEST
    pending, taken = [(one,), ("a.ipynb",), (other,), ("b.ipynb",)], []
    for waits in (False, True, True, True):
        taken += run_all.next_job(pending, waits)
    assert taken == [one, "a.ipynb", "b.ipynb", other] and pending == []


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


def as_saved_by_jupyterlab(text):
    "A notebook as JupyterLab saves it after it was opened and run, with the outputs that it had"
    nb = json.loads(text)
    nb["metadata"]["kernelspec"]["display_name"] = "Python 3 (ipykernel)"
    nb["metadata"]["language_info"] = {"name": "python", "version": "3.12.1"}
    for i, code in enumerate(c for c in nb["cells"] if c["cell_type"] == "code"):
        code["execution_count"] = i + 1
        code["metadata"]["execution"] = {"iopub.status.busy": "now"}
        for output in code["outputs"]:
            if output["output_type"] == "execute_result": output["execution_count"] = i + 1
    return json.dumps(nb, indent=1, ensure_ascii=False) + "\n"


NOTEBOOKS = sorted((root/"nbs").rglob("*.ipynb"))

@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_clean_filter_is_nbdev_clean(path):
    from nbdev.clean import clean_nb
    text = path.read_text(encoding="utf8")
    saved = as_saved_by_jupyterlab(text)
    by_nbdev = json.loads(saved)
    clean_nb(by_nbdev, allowed_cell_metadata_keys=["jupyter"])
    assert load_tool("clean_filter").clean(saved) == text
    assert json.loads(text) == by_nbdev


def test_clean_filter_leaves_no_address():
    cell = {"cell_type": "code", "metadata": {}, "execution_count": 3, "source": [], "outputs": [
        {"output_type": "execute_result", "execution_count": 3, "metadata": {},
         "data": {"text/plain": ["<f at 0x7f00ab>"], "image/png": "abc\n"}},
        {"output_type": "stream", "name": "stdout", "text": "<g at 0x1>"}]}
    nb = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    result, stream = json.loads(load_tool("clean_filter").clean(json.dumps(nb)))["cells"][0]["outputs"]
    assert result["data"] == {"text/plain": ["<f>"], "image/png": "abc"}
    assert (result["execution_count"], stream["text"]) == (None, "<g>")


@pytest.mark.skipif(not shutil.which("git"), reason="no git on this machine")
def test_looking_leaves_git_status_clean(tmp_path, monkeypatch):
    "A lesson that was opened, run and saved is unchanged, and one with another word in it is changed"
    hooks = load_tool("install_hooks")
    monkeypatch.setattr(hooks, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    def git(*words): return subprocess.run(["git", *words], check=True, capture_output=True, text=True).stdout
    git("init", "--quiet")
    for name in ("tools/clean_filter.py", "settings.ini", ".gitattributes"):
        (tmp_path/name).parent.mkdir(exist_ok=True)
        shutil.copy(root/name, tmp_path/name)
    lesson = tmp_path/"lesson.ipynb"
    text = (root/"nbs"/"course"/"02_convolution.ipynb").read_text(encoding="utf8")
    lesson.write_text(text, encoding="utf8")
    (tmp_path/"broken.ipynb").write_text("no notebook")
    hooks.install_clean_filter()
    git("add", "--all")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message", "all")
    assert git("show", "HEAD:lesson.ipynb") == text and git("show", "HEAD:broken.ipynb") == "no notebook"
    lesson.write_text(as_saved_by_jupyterlab(text), encoding="utf8")
    assert git("diff") == ""
    git("add", "--update")                      # git looks at a file of another size only when it is told to
    assert git("status", "--porcelain") == ""
    lesson.write_text(as_saved_by_jupyterlab(text).replace("One window", "One door"), encoding="utf8")
    assert git("diff", "--numstat").startswith("1\t1\t")
