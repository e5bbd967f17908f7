"""The toolbox's page with Python behind it: two networks served, a frame that forbids computing, JupyterLab."""
import base64, gzip, json, re, threading, time
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch

from catsdogs.drawing.dataset import draw_pet, pet_spec
from catsdogs.drawing.scenes import draw
from catsdogs.models.hooks import activations
from catsdogs.toolbox.backend import Backend, BackendPair
from catsdogs.toolbox.page import _static, make_comparison, make_page, read_engine
from catsdogs.toolbox.server import PageServer
from visiting import (
    choose_unit, FrameVisit, PairVisit, pixels_of, same_changed_layers, same_layers, same_way_back, small)

pytestmark = pytest.mark.usefixtures("quick_export")

@contextmanager
def served(page, backend):
    "A server for the page, in this process"
    with PageServer(page, backend.answer) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.address
        server.shutdown()
        thread.join()

def test_two_networks_served(browser, engine, folder):
    "Behind a served page: Python draws for both, and computes the one that the browser cannot"
    network, bundle = small("codelab")
    other, its = small("classic", 64)
    by_python = replace(its, graph=b"", info=its.info | dict(in_python="the network is too large"))
    backends = [Backend(n, b.info["layers"]) for n, b in ((network, bundle), (other, its))]
    page = make_comparison([bundle, by_python], read_engine(), [None, None], "server")
    with served(page, BackendPair(*backends)) as address:
        v = PairVisit(browser, address)
        guests = v.guests()
        assert [guest.data("computer") for guest in guests] == ["browser", "python"]
        assert "slower" in guests[1].text("#computer")
        v.move_knob("light", 80)
        v.wait_for_picture("drawn cat 1, light from 80")
        drawn = np.asarray(draw(replace(pet_spec(0, 2), light=80), 64).image)       # for the larger of the two
        assert np.abs(pixels_of(guests[1]) - drawn).mean() < 1
        for guest, n in zip(guests, (network, other), strict=True):
            found = guest.layers(["relu1"])
            xb = torch.tensor(found["numbers"]).view(1, 3, n.size, n.size)
            assert np.abs(found["relu1"] - activations(n.module, xb, "relu1")["relu1"].numpy().ravel()).max() < 1e-4
        v.close()

# what VS Code allows the frame in which it shows a notebook's outputs
_LIKE_VS_CODE = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src https: http: data:; connect-src https:; child-src https: data: 'self'")

# what anywidget gives to a module, as far as this one asks for it
_MODEL = """
const heard = {};
const state = { page: Uint8Array.from(atob(PAGE), (c) => c.charCodeAt(0)), height: 780 };
const model = {
    get: (name) => state[name],
    on: (name, callback) => (heard[name] = callback),
    off: (name) => delete heard[name],
    send: async (content, callbacks, buffers) => {
        const asked = buffers.map((b) => btoa(Array.from(b, (c) => String.fromCharCode(c)).join("")));
        const [reply, found] = await window.askPython(content, asked);
        const bytes = found.map((b) => Uint8Array.from(atob(b), (c) => c.charCodeAt(0)));
        heard["msg:custom"](reply, bytes.map((b) => new DataView(b.buffer)));
    },
};
widget.render({ model, el: document.body });
window.model = model;
window.endKernel = () => heard["comm_live_update"]();
"""

def test_where_the_browser_may_not_compute(browser, engine, folder):
    "In a frame that forbids workers, as VS Code's, Python computes: layers, changes, the way back; and it says so"
    network, bundle = small("codelab")
    backend, module = Backend(network, bundle.info["layers"]), _static("notebook.js")
    module = module.replace("export default", "const widget =")
    html = make_page(bundle, read_engine(), host="notebook")
    data = base64.b64encode(gzip.compress(html.encode())).decode()
    page = browser.new_page(viewport=dict(width=1280, height=800))
    def answer(content, buffers):
        text, found = backend.answer(content["text"], [base64.b64decode(b) for b in buffers])
        return dict(view=content["view"], text=text), [base64.b64encode(b).decode() for b in found]
    page.expose_function("askPython", answer)
    script = f"{module}\n{_MODEL.replace('PAGE', json.dumps(data))}"
    (folder/"notebook.html").write_text(
        f'<meta http-equiv="Content-Security-Policy" content="{_LIKE_VS_CODE}">'
        f'<body><script type="module">{script}</script>', encoding="utf8")
    page.goto((folder/"notebook.html").as_uri())
    page.wait_for_selector("iframe")
    v = FrameVisit(page.frames[1])
    assert v.data("computer") == "python" and "slower" in v.text("#computer")
    draw_pet("cat", 4, 48).save(folder/"small.png")
    same_layers(v, network, folder/"small.png")
    same_changed_layers(v, network)
    layer = [row["name"] for row in v.bundle()["layers"] if row["main"] and row["maps"]][2]
    choose_unit(v, layer, 3)
    same_way_back(v, network, layer, 3, "guided_backprop")
    # an answer that never comes would hold the page up for ever
    page.evaluate("model.send = () => {}")
    v.page.locator("#drawings button").nth(2).click()
    page.wait_for_timeout(300)
    page.evaluate("endKernel()")
    v.wait_for_text("#message", "kernel has ended; run the cell again")
    v.page.locator("#drawings button").nth(3).click()               # now it knows, and does not wait
    v.wait("document.getElementById('picture-name').textContent === 'drawn dog 2'")
    v.wait_for_text("#message", "kernel has ended")
    page.close()

_CELLS = (
    # as in `quick_export`
    "from functools import cache\nfrom torch.onnx._internal.exporter._registration import ONNXRegistry\n"
    "ONNXRegistry.from_torchlib = staticmethod(cache(ONNXRegistry.from_torchlib))\n"
    "from catsdogs.models.zoo import build_model\nimport catsdogs.toolbox.page as page\n"
    "page.make_bundle, page.unit_facts = cache(page.make_bundle), lambda *options: None\n"
    "box = page.Toolbox(build_model('classic', 32), size=32, classes=['cat', 'dog'])\nbox",
    # the same where the engine has not been fetched
    "there, page.engine_is_there = page.engine_is_there, lambda folder=None: False\nbox",
    "page.engine_is_there = there\n"
    "page.Toolbox(box.network, box.network)",
    "import os\nos._exit(1)")

def run_cell(page, number):
    "Run one cell of a notebook in JupyterLab"
    page.locator(".jp-CodeCell .jp-InputArea-editor").nth(number).click()
    page.keyboard.press("Control+Enter")

def new_frame(page, number):
    "Run a cell, and wait for the page that it shows"
    before = [frame for frame in page.frames if frame.parent_frame == page.main_frame]
    run_cell(page, number)
    end, frames = time.monotonic() + 120, []
    while not frames:
        assert time.monotonic() < end, f"cell {number} shows nothing"
        page.wait_for_timeout(100)
        frames = [f for f in page.frames if f.parent_frame == page.main_frame and f not in before]
    frames[0].wait_for_selector("html[data-ready=true]", state="attached", timeout=90_000)
    return frames[0]

def test_in_jupyterlab(lab, browser, engine):
    "In a notebook: by the browser, by the kernel, two networks; a kernel that dies and comes back"
    pytest.importorskip("anywidget")
    address, place = lab
    empty = dict(cell_type="code", execution_count=None, metadata={}, outputs=[])
    cells = [empty | dict(id=f"c{i}", source=source) for i, source in enumerate(_CELLS)]
    kernel = dict(name="python3", display_name="Python 3", language="python")
    (place/"toolbox.ipynb").write_text(json.dumps(dict(
        cells=cells, metadata=dict(kernelspec=kernel), nbformat=4, nbformat_minor=5)))
    page, errors = browser.new_page(viewport=dict(width=1400, height=1000)), []
    page.goto(f"{address}/lab/tree/toolbox.ipynb")
    page.get_by_text(re.compile(r"\| Idle")).first.wait_for(timeout=90_000)
    page.on("console", lambda m: errors.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: errors.append(str(e)))
    by_browser, by_kernel = (FrameVisit(new_frame(page, number)) for number in (0, 1))
    assert [v.data("computer") for v in (by_browser, by_kernel)] == ["browser", "python"]
    names = [row["name"] for row in by_browser.bundle()["layers"]]
    first, second = by_browser.layers(names), by_kernel.layers(names)
    for name in ("numbers", "logits", *names):
        assert np.abs(first[name] - second[name]).max() < 1e-4, name
    pair = new_frame(page, 2)
    guests = [FrameVisit(frame) for frame in pair.child_frames]
    same = [guest.layers(["relu1"])["relu1"] for guest in guests]
    assert (same[0] == same[1]).all() and (same[0] == first["relu1"]).all()
    pair.locator("[data-trait=turn]").fill("1")                     # the kernel draws
    for guest in guests: guest.wait_for_picture("drawn cat 1, head turn 1")
    # keys stay in the frame: in JupyterLab x would cut the cell
    by_browser.page.locator("#stage").focus()
    by_browser.press("x")
    by_browser.settle()
    assert page.locator(".jp-CodeCell").count() == 4 and errors == []
    run_cell(page, 3)
    page.locator(".jp-Dialog").wait_for(timeout=60_000)
    page.keyboard.press("Escape")
    for v in (by_browser, by_kernel): v.page.locator("#drawings button").nth(1).click()
    by_browser.wait_for_picture("drawn dog 1")
    # at once where JupyterLab tells, and after a few seconds where it does not
    by_kernel.wait(
        "['message', 'late'].some(id => document.getElementById(id).textContent.includes('ended'))")
    page.get_by_text(re.compile(r"\| Idle")).first.wait_for(timeout=90_000)         # JupyterLab has started another one
    again = FrameVisit(new_frame(page, 0))
    again.show_drawing(2)
    again.move_knob("turn", 1)
    again.wait_for_picture("drawn cat 2, head turn 1")              # drawn by the new kernel
    page.close()
