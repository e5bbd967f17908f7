"""What one sees on opening a lesson, how long it may be, and the things to click, in a real browser."""
import json
import re
import sys
from types import SimpleNamespace

import nbclient
import nbformat
import numpy as np
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from conftest import root

sys.path.insert(0, str(root/"tools"))
import drive_lessons  # noqa: E402
import lessons  # noqa: E402
from catsdogs.lessons.checks import FOLDED  # noqa: E402
from lesson_answers import ANSWERS  # noqa: E402


@pytest.mark.parametrize("path", lessons.lesson_files(), ids=lambda path: path.stem)
def test_lesson_is_in_form(path):
    assert lessons.remarks(path) == []


def test_teachers_table_is_of_today():
    assert lessons.TEACHERS.read_text(encoding="utf8") == lessons.with_table(), (
        "run `python tools/lessons.py`")
    titles = [
        lessons.source(lessons.read(path)["cells"][0]).splitlines()[0][2:]
        for path in lessons.lesson_files()]
    assert all(f"[{title}]" in lessons.table() for title in titles)


CHECKS = {
    check: path for path in lessons.lesson_files()
    for check in drive_lessons.exercises(lessons.read(path))}

def test_every_exercise_has_answers():
    assert CHECKS.keys() == ANSWERS.keys()

@pytest.fixture(scope="module")
def kernel():
    "What a lesson's kernel holds, with measurements that are made up"
    import torch
    from catsdogs.interpret.trait_swaps import TraitEffect
    means = {"ears": .5, "nose": .1, "all of them": .9}
    return {
        "np": np, "torch": torch, "nn": torch.nn,
        "effects": [TraitEffect(trait, mean, mean, mean) for trait, mean in means.items()],
        "eyes": {0: .9, 1: .1, 2: float("nan")},
        "leads": {"occlusion": .3, "grad_cam": -.1},
        "needed": {"eyes": .7, "nose": .9}}

@pytest.mark.parametrize("check", ANSWERS)
def test_answers(check, kernel, capsys):
    "Right, wrong and nonsense, without a browser; `tools/drive_lessons.py` does it in one"
    text = "\n".join(map(lessons.source, lessons.read(CHECKS[check])["cells"]))
    module = next(m for m, names in re.findall(r"from (catsdogs\.lessons\.\w+) import (.*)", text) if check in names)
    exec(f"from {module} import {check}", kernel)
    def said(code):
        exec(code if check in code else f"{check}({code})", kernel)
        return capsys.readouterr().out
    answers = ANSWERS[check]
    assert said(answers.right).startswith("Right. ")
    wrong, nonsense = said(answers.wrong), said(answers.nonsense)
    assert wrong.startswith("Not yet. ") and answers.complaint in wrong
    assert nonsense.startswith("Not yet. ") and nonsense.count("\n") == 1
    assert said(f"{check}.hint()")
    solution = said(f"{check}.solution()")
    assert solution
    # code in a solution can be typed into the lesson's kernel as it stands
    for code in re.findall("`([^`]+)`", solution): eval(code, kernel)


def cell(kind, text, **more):
    source = text.splitlines(keepends=True)
    made = {"cell_type": kind, "id": "x", "metadata": {}, "source": source, **more}
    return {"outputs": [], "execution_count": None, **made} if kind == "code" else made


def test_what_is_out_of_form_is_found():
    path = lessons.lesson_files()[0]
    good = lessons.read(path)
    assert lessons.out_of_form(good, path) == []

    def spoilt(change):
        nb = json.loads(json.dumps(good))
        change(nb["cells"])
        return " ".join(lessons.out_of_form(nb, path))
    assert "badges" in spoilt(lambda cells: cells.pop(1))
    assert "badges" in spoilt(lambda cells: cells[1]["metadata"].clear())
    assert "directive" in spoilt(
        lambda cells: cells.insert(3, cell("code", "x = 1\n#| eval: false"))
    )
    stderr = {"output_type": "stream", "name": "stderr", "text": ["!"]}
    assert "warning" in spoilt(lambda cells: cells.insert(3, cell("code", "x", outputs=[stderr])))
    assert "no picture" in spoilt(
        lambda cells: cells.__setitem__(slice(3, 9), [cell("code", "x")] * 3))
    def still(cells):
        for c in cells:
            if c["cell_type"] == "code": c["outputs"] = []
    assert "nothing answers at once" in spoilt(still)
    assert "no title" in spoilt(lambda cells: lessons.set_source(cells[0], "words"))
    png = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "abc"}}
    assert "is no HTML" in spoilt(lambda cells: cells.insert(3, cell("code", "x", outputs=[png])))
    def with_page(html):
        page = {"output_type": "display_data", "metadata": {}, "data": {"text/html": [html]}}
        return spoilt(lambda cells: cells.insert(3, cell("code", "x", outputs=[page])))
    assert "a picture has no alternative" in with_page("<img src=x>")
    assert "a picture has no alternative" in with_page('<img alt="" src=x>')
    assert "alternative" not in with_page('<img src=x alt="a cat">')


def test_what_passes_a_limit_is_found():
    code = "\n".join(["check_a(1)"] * 16 + ["x" * 101])
    text = "# 1. Title\n\n" + "word " * 1800
    long = {"cells": [cell("markdown", text)] + [cell("code", code)] * 21}
    found = " ".join(lessons.out_of_limits(lessons.measure(long)))
    for name in ("code cells: 21", "words: 1803", "longest cell: 17", "widest line: 101"):
        assert name in found, (name, found)
    for name in ("links out: 0", "checks: 1", "questions: 0"):
        assert name in found, (name, found)
    links = "[a](https://x) [b](https://y) [c](https://z)"
    folded = "<details><summary>?</summary>!</details>\n" * 8 + links + " word" * 300
    fine = [cell("markdown", folded), *[cell("code", f"check_{c}(...)") for c in "abcde"]]
    assert lessons.out_of_limits(lessons.measure({"cells": fine})) == []


def test_shaping_twice_changes_nothing():
    path = lessons.lesson_files()[0]
    cells = [cell("markdown", "# 1. A\n\nwords"), cell("code", "#| hide\nx"), cell("code", "y")]
    nb = {"cells": cells, "metadata": {}}
    once = lessons.as_text(lessons.shape(nb, path))
    assert lessons.as_text(lessons.shape(json.loads(once), path)) == once
    cells = json.loads(once)["cells"]
    collapsed = [c["metadata"].get("jupyter") == {"source_hidden": True} for c in cells]
    assert collapsed == [False, True, True, False]
    head = "".join(cells[0]["source"])
    assert head.startswith("# 1. A\n\n[![Open in Colab](") and head.endswith(")\n\nwords")
    said = lessons.settings()
    assert (
        f"{said['git_url'].removeprefix('https://')}/blob/{said['branch']}/nbs/course/{path.name}"
        in head)


def test_cleaning_keeps_cells_collapsed():
    from nbdev.clean import clean_nb
    nb = lessons.read(lessons.lesson_files()[0])
    clean_nb(
        nb, allowed_cell_metadata_keys=lessons.settings()["allowed_cell_metadata_keys"].split())
    hidden = [c for c in nb["cells"] if c["metadata"].get("jupyter", {}).get("source_hidden")]
    assert hidden and all(lessons.is_hidden(c) for c in hidden)


CLOUDS = {
    "Colab": {"COLAB_RELEASE_TAG": "1"},
    "Kaggle": {"KAGGLE_KERNEL_RUN_TYPE": "Interactive"},
    "a laptop": {}}

@pytest.mark.parametrize("missing", [True, False], ids=["missing", "there"])
@pytest.mark.parametrize("where", CLOUDS)
def test_set_up_cell_installs_only_in_the_cloud(where, missing, monkeypatch):
    "The first cell of each lesson, with pip replaced by a list"
    for name in ("COLAB_RELEASE_TAG", "KAGGLE_KERNEL_RUN_TYPE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in CLOUDS[where].items(): monkeypatch.setenv(name, value)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if missing else object())
    asked, went = [], []
    shell = SimpleNamespace(
        run_line_magic=lambda *line: asked.append(line), system=lambda line: asked.append(line))
    monkeypatch.setattr("os.path.isdir", lambda folder: True)
    monkeypatch.setattr("os.chdir", went.append)
    code = TransformerManager().transform_cell(lessons.source(lessons.set_up_cell()))
    exec(code, {"get_ipython": lambda: shell})
    clone = f"git clone --quiet --depth 1 {lessons.settings()['git_url']} /tmp/catsdogs"
    wanted = [clone, ("pip", "install --quiet /tmp/catsdogs")] if missing and CLOUDS[where] else []
    assert asked == wanted
    assert went == (["/tmp/catsdogs/nbs/course"] if CLOUDS[where] else [])


def test_a_folded_test_that_fails_explains_itself():
    texts = (
        "from catsdogs.lessons.checks import explain_folded_tests\nexplain_folded_tests()",
        "#| hide\nassert 1 == 2",
        "assert 1 == 2",
        "#| hide\n1 / 0")
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in texts])
    nbclient.NotebookClient(nb, timeout=120, kernel_name="python3", allow_errors=True).execute()
    outputs = [cell.outputs for cell in nb.cells]
    assert [[o.ename for o in shown if o.output_type == "error"] for shown in outputs] == [
        [], ["AssertionError"], ["AssertionError"], ["ZeroDivisionError"]]
    said = ["".join(o.text for o in shown if o.output_type == "stream") for shown in outputs]
    assert [FOLDED in text for text in said] == [False, True, False, False]
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="AssertionError"):
        nbclient.NotebookClient(nb, timeout=120, kernel_name="python3").execute()


def test_a_lesson_on_opening(lab, browser):
    "Title, promise and picture are seen, hidden cells are collapsed, and nothing speaks to nbdev"
    page = browser.new_page(viewport=dict(width=1300, height=4000))
    page.goto(f"{lab[0]}/lab/workspaces/opening/tree/nbs/course/01_first_network.ipynb")
    panel = page.locator(".jp-NotebookPanel")
    panel.locator(".jp-RenderedMarkdown h1").first.wait_for(timeout=90_000)
    panel.locator(".jp-OutputArea img").first.wait_for(timeout=30_000)
    seen = panel.inner_text()
    assert "You will be able to" in seen and "#|" not in seen
    assert panel.locator(".jp-InputPlaceholder, .jp-Placeholder").count() >= 1
    assert (
        panel.locator(".jp-mod-error, [data-mime-type='application/vnd.jupyter.stderr']").count()
        == 0)
    page.close()


STUMBLING_BLOCKS = {
    "widget": """from IPython.display import HTML
from catsdogs.lessons.checks import check_parameters
HTML('<div class="cd-x" id="cd-x-1"><button>nothing</button></div>'
     '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">')""",
    "console": """from IPython.display import Javascript
Javascript("console.error('gone wrong')")""",
    "pink": "import sys; print('be warned', file=sys.stderr)",
    "stops": "1 / 0",
    "exercise": "check_parameters(...)"}

def test_a_reader_stumbles(browser, tmp_path):
    "The driver of the lessons notices each thing that goes wrong, and answers the exercise"
    cells = [cell("markdown", "# 99. Stumbling"), *[cell("code", text) for text in STUMBLING_BLOCKS.values()]]
    for i, made in enumerate(cells): made["id"] = f"c{i}"
    path = tmp_path/"nbs"/"course"/"99_stumbling.ipynb"
    path.parent.mkdir(parents=True)
    kernel = {"kernelspec": {"display_name": "python3", "language": "python", "name": "python3"}}
    path.write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
    with drive_lessons.jupyterlab(tmp_path) as address:
        reader = drive_lessons.drive(browser, address, path)
    trouble = "\n".join(reader.trouble)
    for word in ("ZeroDivisionError", "be warned", "no alternative text", "nothing changes in cd-x-1", "gone wrong"):
        assert word in trouble, (word, trouble)
    assert len(reader.trouble) == 5, trouble
    assert [line.split(" -> ")[1][:6] for line in reader.said[:3]] == ["Right.", "Not ye", "Not ye"]


def open_page(browser, tmp_path, html):
    "A page with this HTML, and a list that fills with what goes wrong on it"
    (tmp_path/"page.html").write_text("<!doctype html><meta charset=utf-8>" + html, encoding="utf8")
    page, trouble = browser.new_page(), []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.goto((tmp_path/"page.html").as_uri())
    return page, trouble


def test_cover_a_place(browser, tmp_path):
    "The answer that is shown is the one for the place that the square covers"
    from catsdogs.lessons.plots_inside import cover_html
    places = np.arange(25).reshape(5, 5) / 100
    html = cover_html(np.zeros((64, 64, 3), np.uint8), places, .75, 16, 12, "cat")
    page, trouble = open_page(browser, tmp_path, html + html)       # the same cell, run twice
    first = page.locator(".cd-cover").first
    said = "cat: 75% with the whole picture, {} without this place"
    assert first.locator("output").inner_text() == said.format("12%")
    down, across = first.get_by_label("down"), first.get_by_label("across")
    down.fill("1"), across.fill("3")
    assert first.locator("output").inner_text() == said.format("8%")
    box = first.locator(".cd-stack").bounding_box()
    page.mouse.move(box["x"] + box["width"] - 3, box["y"] + 3)
    assert first.locator("output").inner_text() == said.format("4%")
    square = first.locator(".cd-square").bounding_box()
    assert abs(square["x"] - box["x"] - 48 / 64 * box["width"]) < 1
    assert abs(square["width"] - box["width"] / 4) < 1
    assert trouble == []
    page.close()


def test_click_through_units(browser, tmp_path):
    "One unit is seen at a time, the one whose button was clicked; without scripts they fold out"
    from catsdogs.interpret.top_images import top_images
    from catsdogs.lessons.plots_inside import unit_browser_html
    from catsdogs.models.zoo import build_model
    pictures = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    net = build_model("codelab", 32).eval()
    html = unit_browser_html(
        net, top_images(net, pictures, ["relu1"]), pictures, {"relu1": [3, 0, 5]})
    page, trouble = open_page(browser, tmp_path, html)
    def seen():
        return [
            c.get_attribute("data-name") for c in page.locator(".cd-unit").all() if c.is_visible()]
    assert seen() == ["3"]
    page.get_by_role("button", name="5").click()
    assert (
        seen() == ["5"]
        and page.get_by_role("button", name="5").get_attribute("aria-pressed") == "true")
    assert page.evaluate("[...document.images].every(i => i.naturalWidth > 0)") and trouble == []
    page.close()
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((tmp_path/"page.html").as_uri())
    assert seen() == ["3", "0", "5"] and not page.locator("img").first.is_visible()
    page.get_by_text("relu1 · 3").first.click()
    assert page.locator("img").first.is_visible()
    context.close()
