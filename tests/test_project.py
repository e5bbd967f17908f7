"""The project as a whole: what is committed, a submission from real photos, the report and a notebook in a browser."""
import base64, json, re, subprocess

import pytest

from conftest import root

def committed():
    return subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True
    ).stdout.split("\0")[:-1]

@pytest.mark.skipif(not (root/".git").exists(), reason="not a git checkout")
def test_no_data_is_committed():
    # drawings, and figures of them
    assert not [
        f
        for f in committed()
        if re.search(r"\.(jpe?g|png|gif|webp|zip|pth?|pkl|u8)$", f) and f != "nbs/images/demo.png"]
    assert sum((root/f).stat().st_size for f in committed()) < 20e6

# notebooks of tests alone, whose cells print nothing: they cannot show that they were run
SILENT = {
    "index", "library/data/drawn", "library/interpret/pictures", "library/lessons/checks",
    "library/lessons/plots", "library/lessons/checks_inside", "library/lessons/plots_inside",
    "course/teachers", "library/lessons/checks_training", "library/models/pretrained",
    "library/runs/fuse", "library/lessons/checks_practice", "library/lessons/plots_practice"}

@pytest.mark.parametrize("path", sorted((root/"nbs").rglob("*.ipynb")), ids=lambda p: str(p.relative_to(root/"nbs")))
def test_notebook_is_light_and_was_run(path):
    cells = json.loads(path.read_text(encoding="utf8"))["cells"]
    outputs = [o for c in cells for o in c.get("outputs", [])]
    assert path.stat().st_size < 800_000
    assert outputs or path.relative_to(root/"nbs").with_suffix("").as_posix() in SILENT
    assert not [o for o in outputs if o["output_type"] == "error"]
    assert not [o for o in outputs if o.get("name") == "stderr"], (
        "delete warnings and progress bars")
    for png in (o["data"]["image/png"] for o in outputs if "image/png" in o.get("data", {})):
        assert len(base64.b64decode(png)) < 150_000
    pages = " ".join("".join(o.get("data", {}).get("text/html", "")) for o in outputs)
    for png in re.findall(r'<img[^>]*src="data:image/png;base64,([^"]+)"', pages):
        assert len(base64.b64decode(png)) < 150_000

def test_submission_from_photos(photos, folder, catsdogs):
    run, out = folder/"photos", folder/"submission.csv"
    done = catsdogs(
        "train", photos/"train.zip", "--recipe", "one_cycle", "--model", "classic", "--size",
        "48", "--epochs", "4", "--limit", "2000", "--valid", "0.06", "--out", run, "--json")
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout)
    # better than a coin by five standard deviations, even so small and short
    assert scores["n"] > 800 and scores["accuracy"] > .5 + 5 * .5 / scores["n"]**.5
    done = catsdogs("submit", run, photos/"test1.zip", "--out", out)
    assert done.returncode == 0, done.stderr
    from catsdogs.evaluation.kaggle import check_submission
    assert check_submission(out, photos/"sampleSubmission.csv") == 3997

def test_report_in_a_browser(drawn, browser):
    for width in (1200, 390):
        page = browser.new_page(viewport=dict(width=width, height=900))
        asked, errors = [], []
        page.on("request", lambda r: asked.append(r.url))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.goto((drawn/"report.html").as_uri())
        assert [u for u in asked if not u.startswith(("file:", "data:"))] == [] and errors == []
        assert page.evaluate("[...document.images].map(i => i.naturalWidth > 0)") == [True] * 3
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert re.search(r"Right on \d+\.\d% of \d+ photos", page.inner_text("body"))
        # letters of ten points stay larger than ten pixels; the captions keep to the screen
        assert min(page.evaluate("[...document.images].map(i => i.width / i.naturalWidth)")) > .95
        edges = page.evaluate("[...document.querySelectorAll('figcaption')].map(c => c.getBoundingClientRect().right)")
        assert max(edges) <= width
        page.close()

def test_notebook_in_jupyterlab(lab, browser):
    "A reader opens the chapter on models, runs all cells, and sees no error"
    address, place = lab
    page = browser.new_page(viewport=dict(width=1300, height=1000))
    page.goto(f"{address}/lab/tree/nbs/library/models/zoo.ipynb")
    page.locator(".jp-NotebookPanel .jp-RenderedMarkdown h1").first.wait_for(timeout=90_000)
    # the kernel has started: only then can it restart
    page.get_by_text(re.compile(r"\| Idle")).first.wait_for(timeout=90_000)
    page.get_by_role("menuitem", name="Kernel").click()
    page.get_by_role("menuitem", name="Restart Kernel and Run All Cells").click()
    page.locator(".jp-Dialog button.jp-mod-accept").click()
    def saved():
        page.keyboard.press("Control+s")
        page.wait_for_timeout(1000)
        return [
            c
            for c in json.loads(
                (place/"nbs"/"library"/"models"/"zoo.ipynb").read_text())["cells"]
            if c["cell_type"] == "code"]
    for _ in range(60):
        cells = saved()
        if all(c["execution_count"] for c in cells) and cells[-1]["execution_count"] == len(cells):
            break
    assert [c["execution_count"] for c in cells] == list(range(1, len(cells) + 1))
    assert not [o for c in cells for o in c["outputs"] if o["output_type"] == "error"]
    page.close()
