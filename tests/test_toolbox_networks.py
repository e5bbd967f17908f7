"""The toolbox in a real browser, for small networks: every model, two at once, in a notebook, and by Python.
"""
import base64, gzip, json, re, threading, time
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image

from catsdogs.drawing.dataset import draw_pet, pet_spec
from catsdogs.drawing.scenes import draw
from catsdogs.models.hooks import activations, as_batch, list_layers
from catsdogs.models.zoo import MODELS, build_model
from catsdogs.toolbox.backend import Backend, BackendPair
from catsdogs.toolbox.bundle import make_bundle, read_network
from catsdogs.toolbox.page import _static, make_comparison, make_page, read_engine
from catsdogs.toolbox.server import PageServer
from visiting import (
    choose_unit, FrameVisit, NAMELESS, open_steps, PairVisit, pixels_of, same_changed_layers,
    same_layers, same_way_back, Visit)

pytestmark = pytest.mark.usefixtures("quick_export")

@cache
def small(name, size=48):
    "A network of the library for small pictures, and its bundle"
    torch.manual_seed(3)
    network = replace(read_network(build_model(name, size), size, ["cat", "dog"]), title=name)
    return network, make_bundle(network, half=False)

@pytest.mark.parametrize("name", [*MODELS, "timm:resnet10t", "timm:mobilenetv3_small_050"])
def test_layers_of_every_model(name, browser, engine, folder):
    network, bundle = small(name)
    page = folder/f"{name.replace(':', ' ')}.html"
    page.write_text(make_page(bundle, read_engine()), encoding="utf8")
    draw_pet("cat", 4, 48).save(folder/"small.png")
    v = Visit(browser, page.as_uri())
    same_layers(v, network, folder/"small.png")
    same_changed_layers(v, network)
    if name == "timm:resnet10t": same_sum(v, network)
    v.close()

def same_sum(visit, network):
    "A value behind a sum of two branches: both summands are PyTorch's, and their names lead to their layers"
    choose_unit(visit, "relu7", 5)
    open_steps(visit)
    visit.settle()
    place = dict(row=1, column=2)
    visit.page.evaluate("place => (toolbox.state.place = place)", place)
    steps = visit.page.evaluate("toolbox.chosenSteps()")
    xb = torch.tensor(visit.layers([])["numbers"]).view(1, 3, network.size, network.size)
    want = activations(network.module, xb, ["conv7", "batchnorm8", "relu7"])
    norm = next(m for name, m in list_layers(network.module).items() if name == "batchnorm7")
    with torch.no_grad(): main = norm(want["conv7"])[0, 5, 1, 2].item()
    shortcut, value = (want[layer][0, 5, 1, 2].item() for layer in ("batchnorm8", "relu7"))
    assert [(s["name"], s["after"]) for s in steps["summands"]] == [("conv7", ["batch norm"]), ("batchnorm8", [])]
    assert [s["value"] for s in steps["summands"]] == pytest.approx([main, shortcut], abs=1e-4)
    assert steps["value"] == pytest.approx(value, abs=1e-4) and steps["after"][0]["kind"] == "ReLU"
    visit.wait("document.getElementById('steps').textContent.includes('sum of the two branches')")
    visit.page.locator("#steps button").nth(1).click()
    visit.settle()
    assert visit.text("#unit-name") == "batchnorm8, unit 5" and visit.text("#where") == "row 1, column 2"
    assert float(visit.text("#value")) == pytest.approx(shortcut, abs=.006)

def show_pair(names, folder):
    "A saved page of two small networks; a network is its name and its size"
    networks, bundles = zip(*[small(*name) for name in names], strict=True)
    page = folder/"pair.html"
    page.write_text(make_comparison(list(bundles), read_engine(), [None, None]), encoding="utf8")
    return networks, page

def press_in(visit, key):
    "Press a key while nothing has the focus"
    visit.page.evaluate("document.activeElement.blur()")
    visit.page.keyboard.press(key)

def hidden_share(visit):
    "Which part of the picture is hidden behind grey, as the network sees it: the middle of it, and how much"
    numbers = visit.layers([])["numbers"].reshape(3, -1)
    side = round(numbers.shape[1]**.5)
    grey = np.isclose(numbers, 128 / 255).all(0).reshape(side, side)
    return [float(places.mean() / side) for places in np.nonzero(grey)] + [grey.mean()]

def test_two_networks(browser, engine, folder):
    "Two networks on the same picture: layers as PyTorch has them, each with its own; parts are hidden in both"
    networks, page = show_pair((("petnet", 48), ("classic", 64)), folder)
    v = PairVisit(browser, page.as_uri())
    guests = v.guests()
    assert [guest.text("header").split() for guest in guests] == [["A", "petnet", "Python"], ["B", "classic", "Python"]]
    assert not v.page.locator("#together").is_visible()         # they have other layers
    draw_pet("dog", 5, 96).save(folder/"both.png")
    v.open_file(folder/"both.png")
    for guest, network in zip(guests, networks, strict=True):
        names = [row["name"] for row in guest.bundle()["layers"]]
        found = guest.layers(names)
        xb = torch.tensor(found["numbers"]).view(1, 3, network.size, network.size)
        same = as_batch(Image.open(folder/"both.png").resize((network.size, network.size)))
        assert (xb - same).abs().mean() < .02
        want = activations(network.module, xb, names)
        for name in names: assert np.abs(found[name] - want[name].numpy().ravel()).max() < 1e-4, name
    # the answers of both, and what they come to
    shown = [float(text.strip("%")) / 100 for text in v.page.locator(".bar output").all_inner_texts()]
    likely = []
    for guest, network in zip(guests, networks, strict=True):
        z = torch.tensor(guest.layers([])["logits"])
        z = torch.cat([torch.zeros(1), z]) if len(z) == 1 else z
        likely += (z / network.temperature).softmax(0).tolist()
    assert shown == pytest.approx(likely, abs=.00051)
    answers = [("cat", "dog")[int(likely[i + 1] > likely[i])] for i in (0, 2)]
    a, b = answers
    verdict = f"Both answer {a}." if a == b else f"A answers {a}, B answers {b}."
    assert v.text("#verdict") == verdict and verdict in v.page.text_content("#spoken")
    # a choice in one of them is none in the other
    before = guests[0].text("#unit-name")
    choose_unit(guests[1], "relu2", 5)
    assert guests[1].text("#unit-name") == "relu2, unit 5" and guests[0].text("#unit-name") == before
    # keys are for the one that was used last; c goes to the other
    press_in(v, "ArrowRight")
    assert guests[1].text("#unit-name") == "relu2, unit 6"
    press_in(v, "c")
    v.page.keyboard.press("ArrowRight")
    assert guests[0].text("#unit-name") == before.replace("unit 0", "unit 1")
    assert v.page.locator("iframe.active").get_attribute("title") == "A: petnet"
    # hide a part in one of them
    v.page.keyboard.press("h")
    assert v.page.locator("#hiding").get_attribute("aria-pressed") == "true"
    box = v.page.frame_locator("iframe >> nth=0").locator("#stage").bounding_box()
    v.page.mouse.click(box["x"] + .25 * box["width"], box["y"] + .75 * box["height"])
    v.settle()
    for guest in guests: assert hidden_share(guest) == pytest.approx([.75, .25, 1 / 64], abs=.02)
    v.page.locator("#hiding").click()
    v.settle()
    assert [hidden_share(guest)[2] < 1 / 640 for guest in guests] == [True, True]
    # a unit that is switched off in one network leaves the other as it was
    before = [guest.layers([])["logits"] for guest in guests]
    choose_unit(guests[1], "relu2", 6)
    guests[1].page.locator("#switch-off").click()
    guests[1].settle()
    after = [guest.layers([])["logits"] for guest in guests]
    assert (before[0] == after[0]).all() and v.page.locator(".track b:visible").count() == 2
    with v.page.expect_download() as saving: v.page.locator("#save").click()
    saving.value.save_as(folder/"both screens.png")
    assert Image.open(folder/"both screens.png").height > 1000          # two rows
    v.close()

def test_two_networks_with_the_same_layers(camera, engine, folder):
    "One choice counts for both, unless the reader parts them; the same frames of the webcam; a narrow screen"
    networks, page = show_pair((("petnet", 48), ("petnet", 48)), folder)
    v = PairVisit(camera, page.as_uri())
    first, second = v.guests()
    choose_unit(first, "relu4", 9)
    second.wait("document.getElementById('unit-name').textContent === 'relu4, unit 9'")
    second.page.locator("#view").select_option("nothing")
    first.wait("document.getElementById('view').value === 'nothing'")
    v.page.locator("#same").uncheck()
    choose_unit(second, "relu2", 3)
    assert first.text("#unit-name") == "relu4, unit 9"
    v.page.locator("#same").check()
    first.wait("document.getElementById('unit-name').textContent === 'relu2, unit 3'")
    press_in(v, "w")
    v.wait("+document.documentElement.dataset.fps > 0")
    counts = [int(guest.data("pictures")) for guest in (first, second)]
    v.wait(f"+document.querySelector('iframe').contentDocument.documentElement.dataset.pictures > {counts[0]} + 10")
    assert v.data("live") == "true" and "pictures/s" in v.text("#rate")
    press_in(v, "Space")
    v.settle()
    frozen = [guest.layers([])["numbers"] for guest in (first, second)]
    assert (frozen[0] == frozen[1]).all()
    more = [int(guest.data("pictures")) - count for guest, count in zip((first, second), counts, strict=True)]
    assert min(more) > 10 and abs(more[0] - more[1]) <= 2, more          # in step
    v.page.locator("#drawings button").first.click()
    v.wait_for_picture("drawn cat 1")
    v.page.locator("[data-trait=turn]").fill("1")
    v.wait_for_picture("drawn cat 1, head turn 1")
    v.page.set_viewport_size(dict(width=390, height=850))
    assert v.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    for guest in (first, second):
        assert guest.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    tabs = v.page.locator("#tabs button")
    assert tabs.all_inner_texts() == ["A petnet", "B petnet"]
    for i in (1, 0):
        tabs.nth(i).click()
        seen = [frame.is_visible() for frame in v.page.locator("iframe").all()]
        assert seen == [i == 0, i == 1]
    v.page.keyboard.press("ArrowRight")                             # the tab has the focus
    assert v.page.locator("iframe").nth(1).is_visible()
    height = v.page.locator("iframe").nth(1).bounding_box()["height"]
    assert abs(height - second.page.evaluate("document.body.scrollHeight")) < 8   # nothing scrolls inside
    nameless = v.page.evaluate(NAMELESS)
    assert nameless == []
    v.close()

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
        v.page.locator("[data-trait=light]").fill("80")
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
    v.wait("document.getElementById('message').textContent")
    assert "kernel has ended; run the cell again" in v.text("#message")
    v.page.locator("#drawings button").nth(3).click()               # now it knows, and does not wait
    v.wait("document.getElementById('picture-name').textContent === 'drawn dog 2'")
    v.wait("document.getElementById('message').textContent.includes('kernel has ended')", seconds=3)
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
    for guest in guests: guest.wait("document.documentElement.dataset.settled === 'drawn cat 1, head turn 1'")
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
    again.page.locator("#drawings button").nth(2).click()
    again.wait_for_picture("drawn cat 2")
    again.page.locator("[data-trait=turn]").fill("1")
    again.wait_for_picture("drawn cat 2, head turn 1")              # drawn by the new kernel
    page.close()
