"""A reader in a real browser: opens a copy of each lesson in JupyterLab, runs it, and answers every exercise.

python tools/drive_lessons.py                     all lessons, one after the other
python tools/drive_lessons.py 01 05               some of them
python tools/drive_lessons.py --shots DIR 01      with screenshots: on opening, after running, after the answers

A lesson passes if no cell stops, no warning stands in a pink box, the browser logs no error, every widget changes
when it is moved, every picture has an alternative text, and every exercise takes its right answer, names what is
wrong with a wrong one, and answers nonsense with a plain line.
"""
import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from lesson_answers import ANSWERS  # noqa: E402
from lessons import ROOT, is_hidden, lesson_files, read, source  # noqa: E402

BROWSER_OPTIONS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync",
                   "--no-first-run"]
SETTINGS = {"notebook-extension/tracker": '{"windowingMode": "none"}',       # every cell is on the page
            "apputils-extension/notification": '{"fetchNews": "false", "checkForUpdates": false}'}
BADGES = ("colab.research.google.com", "kaggle.com/static")
LONGEST = 600_000       # milliseconds that a lesson may take


def free_port():
    "A port on which nobody listens"
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def copy_course(place):
    "The notebooks, and the recorded experiments that they show"
    shutil.copytree(ROOT/"nbs", place/"nbs", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    shutil.copytree(ROOT/"benchmarks"/"results", place/"benchmarks"/"results")


def write_settings(place):
    "JupyterLab as the driver needs it"
    for name, text in SETTINGS.items():
        file = place/"settings"/"@jupyterlab"/f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@contextmanager
def jupyterlab(place):
    "A server on the loopback address over a folder; gives its address"
    write_settings(place)
    port = free_port()
    log = open(place/"server.log", "w")
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(place/"config"),
                   "JUPYTERLAB_SETTINGS_DIR": str(place/"settings")}
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--ip=127.0.0.1",
         "--IdentityProvider.token=", f"--ServerApp.root_dir={place}", "--LabApp.news_url=None",
         "--LabApp.expose_app_in_browser=True"], stdout=log, stderr=log, env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(address)
        yield address
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        log.close()


def wait_for(address):
    "Until the server answers, for some minutes on a machine that is busy"
    for _ in range(960):
        try:
            urllib.request.urlopen(f"{address}/api", timeout=1)
            return
        except OSError:
            time.sleep(.25)
    raise RuntimeError("JupyterLab did not start")


@contextmanager
def chromium():
    "A headless browser"
    from playwright.sync_api import sync_playwright
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=BROWSER_OPTIONS)
        yield browser
        browser.close()


# what the driver does in the page: JavaScript, and what comes back

OUTPUT_OF = """(id) => {
  const cells = jupyterapp.shell.currentWidget.content.widgets;
  const cell = cells.find(c => c.model.sharedModel.id === id);
  const shown = [...cell.node.querySelectorAll('.jp-OutputArea-output')];
  return {text: shown.map(o => o.innerText).join('\\n').trim(),
          stopped: cell.node.querySelectorAll('[data-mime-type="application/vnd.jupyter.error"]').length,
          pink: cell.node.querySelectorAll('[data-mime-type="application/vnd.jupyter.stderr"]').length};
}"""
RUN_CELL = """async ([id, code]) => {
  const panel = jupyterapp.shell.currentWidget;
  const place = panel.content.widgets.findIndex(c => c.model.sharedModel.id === id);
  panel.content.activeCellIndex = place;
  panel.content.widgets[place].model.sharedModel.setSource(code);
  await jupyterapp.commands.execute('notebook:run-cell');
}"""
IS_READY = """() => {
  const panel = globalThis.jupyterapp && jupyterapp.shell.currentWidget;
  const kernel = panel && panel.sessionContext && panel.sessionContext.session && panel.sessionContext.session.kernel;
  return Boolean(kernel) && kernel.status === 'idle' && kernel.connectionStatus === 'connected';
}"""
TROUBLE = """() => [...document.querySelectorAll('.jp-NotebookPanel .jp-Cell')].flatMap((cell, i) => {
  const found = cell.querySelectorAll('[data-mime-type="application/vnd.jupyter.error"], ' +
                                      '[data-mime-type="application/vnd.jupyter.stderr"]');
  return [...found].map(o => `cell ${i}: ${o.innerText.slice(0, 300)}`);
})"""
# JupyterLab itself gives the text "Image" to a picture in HTML that has none
WITHOUT_ALT = """() => [...document.querySelectorAll('.jp-NotebookPanel .jp-OutputArea img')]
  .filter(i => ['', 'Image'].includes((i.alt || '').trim()) && !i.closest('[aria-hidden=true], [role=img]'))
  .map(i => i.outerHTML.slice(0, 80))"""
WIDGETS = """() => [...document.querySelectorAll(
  '.jp-NotebookPanel .jp-OutputArea [class^=cd-][id^=cd-]')].map(w => w.id)"""
LOOK = """(id) => { const w = document.getElementById(id);
  const fields = [...w.querySelectorAll('select')].map(f => f.value);
  const drawn = [...w.querySelectorAll('canvas')].map(c => c.toDataURL());
  return JSON.stringify([w.innerHTML, w.innerText, fields, drawn]); }"""


class Reader:
    "One lesson, open in JupyterLab"
    def __init__(self, page, address, path, shots):
        self.page, self.path, self.shots, self.trouble, self.said = page, path, shots, [], []
        page.on("pageerror", lambda error: self.trouble.append(f"browser: {error}"))
        page.on("console", self.hear)
        page.goto(f"{address}/lab/workspaces/{path.stem}/tree/nbs/course/{path.name}")
        page.locator(".jp-NotebookPanel .jp-RenderedMarkdown h1").first.wait_for(timeout=90_000)
        page.wait_for_function(IS_READY, timeout=90_000)
        page.evaluate("() => { jupyterapp.shell.collapseLeft() }")
        page.wait_for_timeout(2000)

    def hear(self, message):
        "What the browser's console says of an error. The badges lie on other hosts, and may be out of reach"
        address = message.location.get("url", "")
        if message.type == "error" and not any(host in address for host in BADGES):
            self.trouble.append(f"console: {message.text[:300]} {address}")

    def shoot(self, name, whole=True):
        "Screenshots of the page from top to bottom"
        if not self.shots:
            return
        page = self.page
        outer = page.locator(".jp-NotebookPanel .jp-WindowedPanel-outer").first
        page.evaluate("() => document.activeElement.blur()")
        height = outer.evaluate("e => e.scrollHeight") if whole else 900
        step = 770
        for i, top in enumerate(range(0, max(1, height - 100), step)):
            outer.evaluate("(e, top) => e.scrollTop = top", top)
            page.wait_for_timeout(80)
            page.screenshot(path=self.shots/f"{self.path.stem[:2]}-{name}-{i:02}.png")

    def keep(self, folder):
        "The notebook as it is after running"
        nb = self.page.evaluate("() => jupyterapp.shell.currentWidget.context.model.toJSON()")
        (folder/f"{self.path.stem}.ipynb").write_text(json.dumps(nb), encoding="utf8")

    def run_all(self):
        "Run all cells, and wait"
        start = time.perf_counter()
        self.page.set_default_timeout(LONGEST)
        self.page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
        self.page.wait_for_function(IS_READY, timeout=LONGEST)
        self.page.set_default_timeout(30_000)
        self.page.wait_for_timeout(2000)            # what came last is still being drawn
        self.trouble += self.page.evaluate(TROUBLE)
        self.trouble += [f"no alternative text: {image}" for image in self.page.evaluate(WITHOUT_ALT)]
        return time.perf_counter() - start

    def move_widgets(self):
        "Every slider, button and choice changes what is seen; gives the number of widgets"
        names = self.page.evaluate(WIDGETS)
        for name in names:
            widget = self.page.locator(f"[id='{name}']").first
            before = self.page.evaluate(LOOK, name)
            if not touch(widget):
                continue                            # a card, with nothing to move
            self.page.wait_for_timeout(150)
            if self.page.evaluate(LOOK, name) == before:
                self.trouble.append(f"nothing changes in {name}")
        return len(names)

    def answer(self, cell_id, check, said):
        "Give one exercise its answers, as a reader would, in its own cell"
        cases = [(said.right, "Right. "), (said.wrong, said.complaint), (said.nonsense, "Not yet. "),
                 (f"{check}.hint()", ""), (f"{check}.solution()", "")]
        for code, wanted in cases:
            code = code if check in code else f"{check}({code})"
            self.page.evaluate(RUN_CELL, [cell_id, code])
            self.page.wait_for_function(IS_READY)
            seen = self.page.evaluate(OUTPUT_OF, cell_id)
            plain = not seen["stopped"] and not seen["pink"] and seen["text"]
            starts = seen["text"].startswith("Right. ") == (wanted == "Right. ")
            self.said.append(f"{code.splitlines()[-1]} -> {seen['text']}")
            if not plain or wanted not in seen["text"] or not starts:
                self.trouble.append(f"{code!r} said {seen['text']!r}, not {wanted!r}")

    def answer_all(self):
        "Every exercise of the lesson; gives their number"
        found = exercises(read(self.path))
        for check, cell_id in found.items():
            self.answer(cell_id, check, ANSWERS[check])
        return len(found)


def touch(widget):
    "Move the first thing of a widget that can be moved; False if there is none"
    for field, move in (("input[type=range]", slide), ("select", choose_last), ("button", click_last),
                        ("[tabindex='0']", click_last), (".cd-stack", point_at)):
        found = widget.locator(field)
        if found.count() and found.first.is_visible():
            move(found)
            return True
    return False


def slide(found):
    "Move a slider to the end where it is not"
    found.first.evaluate("""s => { s.value = Number(s.value) > (Number(s.min) + Number(s.max)) / 2 ? s.min : s.max;
                                   s.dispatchEvent(new Event('input', {bubbles: true})); }""")


def choose_last(found):
    "Take another choice"
    found.first.select_option(index=1)


def click_last(found):
    "Click on the last one"
    found.last.click()


def point_at(found):
    "Move the mouse over it"
    found.first.hover()


def exercises(nb):
    "Each exercise, and the id of the cell that calls it"
    shown = {cell["id"]: source(cell) for cell in nb["cells"] if cell["cell_type"] == "code" and not is_hidden(cell)}
    imports = re.findall(r"from catsdogs\.lessons\.\w+ import (.*)", "\n".join(shown.values()))
    known = set(re.findall(r"check_\w+", " ".join(imports)))
    calls = {name: cell for cell, text in shown.items() for name in re.findall(r"\b(check_\w+)(?=\()", text)}
    return {name: cell for name, cell in calls.items() if name in known}


def drive(browser, address, path, shots=None):
    "Read one lesson; gives what was wrong, and what was said"
    page = browser.new_page(viewport=dict(width=1280, height=900))
    reader = Reader(page, address, path, shots)
    reader.shoot("opening", whole=False)
    seconds = reader.run_all()
    reader.shoot("run")
    if shots:
        reader.keep(shots)
    widgets, checks = reader.move_widgets(), reader.answer_all()
    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    page.close()
    counted = f"{seconds:.0f} s, {widgets} widgets, {checks} exercises"
    print(f"{'FAILED' if reader.trouble else 'ok':7}{path.stem:28}{counted}", flush=True)
    return reader


def main():
    "The exit status"
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("numbers", nargs="*", help="as 01 or 12; all, if none is given")
    parser.add_argument("--shots", type=Path, help="a folder for screenshots and for what was said")
    asked = parser.parse_args()
    if asked.shots:
        asked.shots.mkdir(parents=True, exist_ok=True)
    paths = [path for path in lesson_files() if not asked.numbers or path.stem[:2] in asked.numbers]
    trouble = 0
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        copy_course(Path(folder))
        with jupyterlab(Path(folder)) as address:
            for path in paths:
                reader = drive(browser, address, path, asked.shots)
                trouble += len(reader.trouble)
                print(*(f"       {line}" for line in reader.trouble), sep="\n", end="\n" if reader.trouble else "")
                if asked.shots:
                    (asked.shots/f"{path.stem[:2]}-said.txt").write_text("\n".join(reader.said) + "\n")
    return bool(trouble)


if __name__ == "__main__":
    sys.exit(main())
