"""The toolbox in a real browser.

The saved page from file://, the served page, the webcam, keys, and the numbers of every layer.
"""
import base64, copy, gzip, json, multiprocessing, os, re, shutil, signal, threading, time, urllib.error, urllib.request
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image

from catsdogs.cli import main
from catsdogs.drawing.dataset import draw_pet, pet_spec
from catsdogs.drawing.scenes import draw
from catsdogs.interpret.attribution import attribute
from catsdogs.models.hooks import Unit, activations, as_batch, capture_outputs, list_layers
from catsdogs.models.zoo import MODELS, build_model
from catsdogs.runs.folder import shipped_run
from catsdogs.runs.predict import Predictor
from catsdogs.toolbox.backend import Backend, BackendPair
from catsdogs.toolbox.bundle import make_bundle, read_network
from catsdogs.toolbox.page import _static, engine_is_there, make_comparison, make_page, read_engine, Toolbox
from catsdogs.toolbox.server import PageServer
from catsdogs.toolbox.units import drawn_pictures
from serving import serve

@pytest.fixture(scope="module")
def engine():
    "The program that runs networks in the browser; without it the test is skipped"
    if not engine_is_there(): pytest.skip("onnxruntime-web has not been fetched: make engine")

@pytest.fixture(scope="module")
def saved(folder, engine):
    "The page of the network that comes with the package, written by the command"
    assert main(["toolbox", "--save", str(folder/"page.html")]) == 0
    return folder/"page.html"

@pytest.fixture(scope="module", autouse=True)
def quick_export():
    "PyTorch makes its table of ONNX's operators anew for each export, which takes seconds; here it is made once"
    from torch.onnx._internal.exporter._registration import ONNXRegistry
    usual = ONNXRegistry.__dict__["from_torchlib"]
    ONNXRegistry.from_torchlib = staticmethod(cache(ONNXRegistry.from_torchlib))
    yield
    ONNXRegistry.from_torchlib = usual

@pytest.fixture(scope="module", autouse=True)
def known_networks():
    "Each network is exported once, and its top images are looked for once; what was found is returned"
    import catsdogs.toolbox.page as page
    usual, found = (page.make_bundle, page.unit_facts), {}
    def once(function, network, options):
        weights = sum(float(p.sum()) for p in network.module.parameters())
        key = function, weights, network.size, repr(options)
        if key not in found: found[key] = function(network, *options)
        return found[key]
    def bundle_once(network, *options):
        bundle = once(usual[0], network, options)
        return replace(bundle, info=copy.deepcopy(bundle.info))
    page.make_bundle = bundle_once
    page.unit_facts = lambda network, rows, photos: once(usual[1], network, (rows, photos))
    yield
    page.make_bundle, page.unit_facts = usual

@cache
def small(name, size=48):
    "A network of the library for small pictures, and its bundle"
    torch.manual_seed(3)
    network = replace(read_network(build_model(name, size), size, ["cat", "dog"]), title=name)
    return network, make_bundle(network, half=False)

@pytest.fixture(scope="module")
def camera(folder, browser):
    "Headless Chromium whose webcam shows a cat that moves from left to right"
    frames = folder/"webcam.y4m"
    write_video(frames)
    arguments = [
        "--no-sandbox",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={frames}"]
    program = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome"))
    other = browser.browser_type.launch(executable_path=program, args=arguments)
    yield other
    other.close()

def write_video(path, width=160, height=120, frames=30):
    "An uncompressed video: grey ground, and on it a drawn cat that moves"
    cat = draw_pet("cat", 0, 96)
    with open(path, "wb") as f:
        f.write(f"YUV4MPEG2 W{width} H{height} F30:1 Ip A1:1 C420jpeg\n".encode())
        for i in range(frames):
            frame = Image.new("RGB", (width, height), "#808080")
            frame.paste(cat, (2 * i, 12))
            y, cb, cr = frame.convert("YCbCr").split()
            small = [plane.resize((width // 2, height // 2)).tobytes() for plane in (cb, cr)]
            f.write(b"FRAME\n" + y.tobytes() + b"".join(small))

class Visit:
    "One visit to a page: what the browser asked for, and what went wrong"
    def __init__(self, browser, address, **options):
        self.page = browser.new_page(**(dict(viewport=dict(width=1280, height=800)) | options))
        self.asked, self.errors = [], []
        self.page.on("request", lambda r: self.asked.append(r.url))
        self.page.on(
            "console",
            lambda m: self.errors.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.errors.append(str(e)))
        self.page.goto(address)
        self.wait_until_ready()

    def wait_until_ready(self):
        "Wait for the first picture"
        self.page.wait_for_selector("html[data-ready=true]", state="attached", timeout=90_000)
        self.settle()

    def settle(self):
        "Wait until the picture that stays has been computed"
        self.page.wait_for_selector("html[data-settled]", state="attached", timeout=30_000)

    def wait(self, expression, seconds=60):
        "Ask until an expression is true; Playwright's own way is `eval`, which the page's policy forbids"
        end = time.monotonic() + seconds
        while not self.page.evaluate(expression):
            assert time.monotonic() < end, expression
            self.page.wait_for_timeout(50)

    def wait_for_picture(self, name):
        "Wait until the picture of this name has been computed"
        self.wait(f"document.documentElement.dataset.settled === {json.dumps(name)}")

    def data(self, name): return self.page.evaluate(f"document.documentElement.dataset[{name!r}]")
    def bundle(self): return json.loads(self.page.text_content("#asset-bundle"))

    def text(self, selector): return self.page.inner_text(selector)

    def press(self, key): self.page.locator(":focus, body").last.press(key)

    def open_file(self, path):
        "Choose a file, and wait for its layers"
        self.page.set_input_files("#file", path)
        self.wait_for_picture(os.path.basename(path))

    def layers(self, names):
        "The picture's numbers, the logits and layers, as the browser computes them"
        found = self.page.evaluate(_LAYERS, names)
        return {
            name: np.frombuffer(base64.b64decode(text), np.float32) for name, text in found.items()}

    def close(self):
        "The visit must have gone without an error, and nothing was fetched from elsewhere"
        assert self.errors == []
        assert [
            u
            for u in self.asked
            if not u.startswith(("file:", "data:", "blob:", "http://127.0.0.1:"))] == []
        self.page.close()

class FrameVisit(Visit):
    "A visit to a page that a notebook shows in a frame"
    def __init__(self, frame):
        self.page = frame                       # it can be asked like a page
        self.wait_until_ready()

_LAYERS = """async names => {
    const text = data => {
        const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
        let letters = "";
        for (let i = 0; i < bytes.length; i += 8192) letters += String.fromCharCode(...bytes.subarray(i, i + 8192));
        return btoa(letters);
    };
    const { numbers, logits, outputs } = await toolbox.layersNow(names);
    const found = { numbers: text(numbers), logits: text(logits) };
    for (const name of names) found[name] = text(outputs[name]);
    return found;
}"""

@pytest.fixture(scope="module")
def opened(browser, saved):
    "The saved page, opened from the disk; a list, so that a page that got stuck can be replaced"
    visits = [Visit(browser, saved.as_uri())]
    yield visits
    visits[0].close()

@pytest.fixture
def visit(opened, browser, saved):
    "The saved page as it is when it has just been opened; opening it once for all tests saves most of their time"
    v = opened[0]
    yield v
    errors, v.errors = v.errors, []
    try: reset(v)
    except Exception:                               # a test has left it in the middle of something
        v.page.close()
        opened[0] = Visit(browser, saved.as_uri())
    assert errors == []

_RESET = """() => {
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
    for (const id of ["hiding", "every", "perLayer"]) {
        const button = document.getElementById(id);
        if (button.getAttribute("aria-pressed") === "true") button.click();
    }
    if (!document.getElementById("changes").hidden) document.getElementById("undo-changes").click();
    document.getElementById("apart").open = false;
    document.activeElement.blur();
}"""

def reset(visit):
    "Bring the page back to how it was at first"
    visit.page.set_viewport_size(dict(width=1280, height=800))
    visit.page.emulate_media(color_scheme="light")
    visit.page.evaluate(_RESET)
    main = [row for row in visit.bundle()["layers"] if row["main"] and row["shape"][1] > 1]
    choose_unit(visit, main[len(main) // 3]["name"], 0)
    visit.page.locator("#view").select_option("map")
    visit.page.locator("#drawings button").first.click()
    visit.wait_for_picture("drawn cat 1")
    visit.page.evaluate("document.activeElement.blur()")

def same_layers(visit, network, path):
    "Open a picture in the page; every layer must equal PyTorch's"
    visit.open_file(path)
    pixels = as_batch(Image.open(path))
    names = [row["name"] for row in visit.bundle()["layers"]]
    found = visit.layers(names)
    assert np.abs(found["numbers"] - pixels.numpy().ravel()).max() < 1e-6
    xb = _normalized(network, pixels)
    want = activations(network.module, xb, names)
    with torch.no_grad(): want["logits"] = network.module(xb)
    for name in ("logits", *names):
        assert np.abs(found[name] - want[name].numpy().ravel()).max() < 1e-4, name
    main = [row["name"] for row in visit.bundle()["layers"] if row["main"]]
    assert 0 < len(main) < len(names)
    # by the faster graph, which returns no other layers
    found = visit.layers(main)
    for name in ("logits", *main):
        assert np.abs(found[name] - want[name].numpy().ravel()).max() < 1e-4, name
    return len(names)

def choose_unit(visit, layer, unit):
    "Show a layer and choose a unit of it"
    visit.page.locator(f"[data-layer={layer}]").click()
    visit.page.locator(".units button").nth(unit).click()
    visit.settle()

def times(unit, strength):
    "A hook that makes a unit answer more or less strongly"
    def change(module, args, out):
        out = out.clone()
        out[:, unit] *= strength
        return out
    return change

def same_changed_layers(visit, network):
    "One unit is switched off, another is doubled, a number of a kernel is changed: every layer must equal PyTorch's"
    rows = [row for row in visit.bundle()["layers"] if row["leads_on"] and row["main"]]
    first, last = rows[0]["name"], rows[-1]["name"]
    choose_unit(visit, last, 0)
    before = visit.layers([])
    visit.press("0")
    assert visit.page.locator("#switch-off").get_attribute("aria-pressed") == "true"
    module = copy.deepcopy(network.module)
    by_name = list_layers(module)
    by_name[last].register_forward_hook(times(0, 0.))
    choose_unit(visit, first, 1)
    visit.page.locator("#strength").fill("2")
    by_name[first].register_forward_hook(times(1, 2.))
    kernels = next((m for m in by_name.values() if isinstance(m, torch.nn.Conv2d)), None)
    visit.page.wait_for_timeout(200)                      # the kernels are asked for
    has_kernel = visit.page.locator("#kernel").is_visible()
    if has_kernel:
        visit.page.locator("#kernel input").nth(1).fill("0.75")
        visit.page.locator("#kernel input").nth(1).blur()
        with torch.no_grad(): kernels.weight[1, 0, 0, 1] = .75
    visit.settle()
    count = 2 + has_kernel
    assert visit.text("#changes-text").startswith(f"{count} changes")
    names = [row["name"] for row in visit.bundle()["layers"]]
    found = visit.layers(names)
    xb = _normalized(network, torch.tensor(found["numbers"]).view(1, 3, network.size, network.size))
    want = activations(module, xb, names)
    with torch.no_grad(): want["logits"] = module(xb)
    for name in ("logits", *names):
        assert np.abs(found[name] - want[name].numpy().ravel()).max() < 1e-4, name
    assert (found["logits"] != before["logits"]).any()
    visit.press("Escape")
    visit.press("r")
    visit.settle()
    assert np.abs(visit.layers([])["logits"] - before["logits"]).max() < 1e-6
    assert not visit.page.locator("#changes").is_visible()
    return has_kernel

def _normalized(network, pixels):
    "Pixels from 0 to 1 as the network was trained on them"
    mean, std = (torch.tensor(numbers).view(3, 1, 1) for numbers in (network.mean, network.std))
    return (pixels - mean) / std

def test_changes(visit):
    "Units and kernels of the shipped network: layers as PyTorch has them, marks of the answer before, no way back"
    network = Toolbox(shipped_run()).network
    assert same_changed_layers(visit, network)
    layers = [row["name"] for row in visit.bundle()["layers"] if row["main"] and row["leads_on"]]
    choose_unit(visit, layers[0], 2)
    fields = visit.page.locator("#kernel input")
    fields.nth(0).fill("0.5")
    visit.page.keyboard.press("Tab")
    visit.settle()
    assert fields.nth(1).evaluate("e => e === document.activeElement")      # the focus goes on
    visit.page.locator("#kernel button").nth(2).click()
    visit.settle()
    assert not visit.page.locator("#changes").is_visible()
    choose_unit(visit, layers[2], 5)
    visit.page.select_option("#view", "gradient")
    visit.settle()
    before = visit.page.locator(".bar output").first.inner_text()
    visit.page.locator("#switch-off").click()
    visit.settle()
    assert visit.page.locator(".track b").first.is_visible()
    assert visit.page.locator(".track").first.get_attribute("title").startswith(before)
    assert "no way back" in visit.text("#view-note") and visit.page.input_value("#view") == "map"
    assert visit.page.locator(".units button").nth(5).get_attribute("data-strength") == "off"
    assert "changed" in visit.page.locator(f"[data-layer={layers[2]}]").get_attribute("class")
    visit.page.locator("#undo-changes").click()
    visit.settle()
    assert visit.page.locator(".bar output").first.inner_text() == before
    assert not visit.page.locator(".track b").first.is_visible()
    choose_unit(visit, visit.bundle()["layers"][-1]["name"], 0)
    assert visit.page.locator("#strength").is_disabled()          # it is the answer itself

def test_page_is_small(saved):
    assert saved.stat().st_size < 8e6

def test_layers_of_the_shipped_network(visit, folder):
    "Every layer equals PyTorch's, and the answer that of `catsdogs predict`"
    box, predictor = Toolbox(shipped_run()), Predictor(shipped_run())
    draw_pet("dog", 5, predictor.size).save(folder/"a dog.png")
    assert same_layers(visit, box.network, folder/"a dog.png") == 41
    likely = predictor.probabilities(predictor.pixels(folder/"a dog.png")[None])[0]
    shown = [float(t.strip("%")) / 100 for t in visit.page.locator(".bar output").all_inner_texts()]
    assert np.abs(np.array(shown) - likely.numpy()).max() < .00051
    assert visit.text("#picture-name") == "a dog.png"

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

def open_steps(visit):
    "Show the steps of values, if they are not shown"
    if visit.page.evaluate("!document.getElementById('apart').open"): visit.page.locator("#apart summary").click()

def test_keys(visit):
    "Arrows, page up and down, Escape, question mark; the unit stays while the layer changes"
    press = visit.page.keyboard.press
    first = visit.text("#unit-name")
    layer = first.split(",")[0]
    assert first.endswith("unit 0")
    press("ArrowRight")
    press("ArrowRight")
    assert visit.text("#unit-name") == f"{layer}, unit 2"
    press("ArrowDown")
    below = int(visit.text("#unit-name").split()[-1])
    assert below > 3
    press("PageDown")
    visit.settle()
    other = visit.text("#unit-name").split(",")[0]
    assert other != layer and visit.text("#unit-name").endswith(f"unit {below}")
    press("PageUp")
    assert visit.text("#unit-name") == f"{layer}, unit {below}"
    press("Escape")
    assert (
        visit.page.locator("#unit .hint").is_visible()
        and not visit.page.locator("#unit-name").is_visible()
    )
    press("ArrowRight")
    assert visit.text("#unit-name") == f"{layer}, unit 0"
    press("?")
    assert visit.page.locator("#help").is_visible()
    press("Escape")
    assert (
        not visit.page.locator("#help").is_visible()
        and visit.page.locator("#unit-name").is_visible()
    )

def test_choosing(visit):
    "A click on a tile, a drawing, a place of the picture; the facts shown are those of the numbers"
    visit.page.locator("[data-layer=relu5]").click()
    visit.page.locator(".units button").nth(17).click()
    assert visit.text("#unit-name") == "relu5, unit 17"
    assert (
        visit.page.locator(".units button[aria-checked=true]").get_attribute("aria-label")
        == "unit 17")
    visit.page.locator("#drawings button").nth(3).click()
    visit.wait_for_picture("drawn dog 2")
    assert visit.text("#unit-name") == "relu5, unit 17"
    values = visit.layers(["relu5"])["relu5"].reshape(128, -1)[17]
    side = round(len(values)**.5)
    maps = values.reshape(side, side)
    assert float(visit.text("#value")) == pytest.approx(maps.max(), rel=.006)
    box = visit.page.locator("#stage").bounding_box()
    visit.page.mouse.click(box["x"] + box["width"] * .5, box["y"] + box["height"] * .25)
    row, column = map(int, re.findall(r"\d+", visit.text("#where")))
    assert float(visit.text("#value")) == pytest.approx(maps[row, column], rel=.006, abs=1e-6)
    assert abs(column - (side - 1) / 2) <= 2 and abs(row - (side - 1) / 4) <= 1.5

def test_overlay_lies_where_the_unit_sees(visit):
    "Where a unit's map lies over the picture is where its receptive field is centred, by gradients of PyTorch"
    network = Toolbox(shipped_run()).network
    x = torch.rand(1, 3, network.size, network.size, requires_grad=True)
    for layer in ("relu1", "relu5", "relu7"):
        visit.page.locator(f"[data-layer={layer}]").click()
        visit.page.locator("#stage").focus()
        visit.page.keyboard.press("ArrowLeft")
        box = visit.page.locator("#stage").bounding_box()
        visit.page.mouse.click(box["x"] + box["width"] * .47, box["y"] + box["height"] * .53)
        row, column = map(int, re.findall(r"\d+", visit.text("#where")))
        with capture_outputs(network.module, layer) as kept: network.module(x)
        seen = torch.autograd.grad(kept[layer][0, :, row, column].sum(), x)[0][0].abs().sum(0)
        weight = seen / seen.sum()
        y, across = (
            (weight.sum(1 - axis) * (torch.arange(network.size) + 0.5)).sum().item()
            for axis in (0, 1))
        jump = network.size / kept[layer].shape[-1]
        assert abs(across - 0.47 * network.size) < jump and abs(y - 0.53 * network.size) < jump, (
            layer, across, y, jump)

def test_top_images_and_part(visit):
    "The top images of a unit are those that a search by hand finds; a click makes one the picture, and the unit stays"
    network = Toolbox(shipped_run()).network
    drawn = drawn_pictures(network.size)
    layer = [row["name"] for row in visit.bundle()["layers"] if row["main"] and row["maps"]][4]
    maps = activations(network.module, drawn.xb, layer)[layer].amax((2, 3))
    unit = int(maps.amax(0).argmax())                       # the one that answers most
    visit.page.locator(f"[data-layer={layer}]").click()
    visit.page.locator(".units button").nth(unit).click()
    labels = visit.page.locator("#tops button").evaluate_all(
        "all => all.map(b => b.getAttribute('aria-label'))"
    )
    values, order = maps[:, unit].sort(descending=True)
    best = [(("cat", "dog")[order[rank] % 2], float(f"{values[rank]:.3g}")) for rank in range(4)]
    assert labels == [f"top image: drawn {species}, value {value:g}" for species, value in best]
    assert "IoU" in visit.text("#part-name")
    pixels = "c => [...c.getContext('2d').getImageData(0, 0, 104, 104).data]"
    # it is not empty
    assert len(set(visit.page.locator("#tops canvas").first.evaluate(pixels))) > 20
    visit.page.locator("#tops button").first.click()
    visit.wait_for_picture(f"drawn {('cat', 'dog')[order[0] % 2]}")
    assert visit.text("#unit-name") == f"{layer}, unit {unit}"
    # the sheet is a JPEG
    assert float(visit.text("#value")) == pytest.approx(values[0].item(), rel=.1)

_WAY = """() => {
    const { numbers, logits, back, place } = toolbox.shownWay();
    return { numbers: [...numbers], logits: [...logits], back: [...back], place: [place.row, place.column] };
}"""

def same_way_back(visit, network, layer, unit, rule):
    "The way back from the strongest place of a unit must equal PyTorch's"
    choose_unit(visit, layer, unit)
    visit.page.locator("#view").select_option(rule)
    visit.settle()
    found = visit.page.evaluate(_WAY)
    xb = torch.tensor(found["numbers"]).view(1, 3, network.size, network.size)
    target = Unit(layer, unit, tuple(found["place"]))
    want = attribute(network.module, xb, rule, target, colors="keep").flatten().numpy()
    difference = np.abs(np.array(found["back"]) - want).max()
    assert difference <= 1e-4 * max(1, np.abs(want).max()), layer
    silent = "silent" in visit.text("#view-note")
    assert silent == (not want.any()), layer

@pytest.mark.parametrize("rule", ["gradient", "guided_backprop", "deconvolution"])
def test_way_back_to_the_pixels(visit, rule):
    "The way back from the chosen place equals PyTorch's to 1e-4, for an early, a middle and a late layer"
    network = Toolbox(shipped_run()).network
    layers = [row["name"] for row in visit.bundle()["layers"] if row["main"] and row["maps"]]
    for layer in (layers[0], layers[len(layers) // 2], layers[-1]):
        same_way_back(visit, network, layer, 3, rule)

def test_grad_cam(visit):
    "Grad-CAM of the answer equals PyTorch's; `b` goes from view to view; the view stays while the picture changes"
    network = Toolbox(shipped_run()).network
    layer = [row["name"] for row in visit.bundle()["layers"] if row["main"] and row["maps"]][-1]
    visit.page.locator(f"[data-layer={layer}]").click()
    for view in ("gradient", "guided_backprop", "deconvolution", "grad_cam"):
        visit.page.keyboard.press("b")
        assert visit.page.input_value("#view") == view
    visit.page.locator("#drawings button").nth(1).click()
    visit.wait_for_picture("drawn dog 1")
    found = visit.page.evaluate(_WAY)
    xb = torch.tensor(found["numbers"]).view(1, 3, network.size, network.size).requires_grad_()
    with capture_outputs(network.module, [layer]) as kept: logits = network.module(xb)
    evidence = (
        logits.sum() * (1 if logits.sum() > 0 else -1) if logits.shape[1] == 1 else logits.max())
    slopes, = torch.autograd.grad(evidence, kept[layer])
    want = (
        (slopes.mean((2, 3), keepdim=True) * kept[layer])
        .sum(1)
        .clamp(min=0)
        .detach()
        .flatten()
        .numpy())
    assert want.any() and np.abs(np.array(found["back"]) - want).max() < 1e-4
    answered = network.classes[
        int(logits.sum() > 0) if logits.shape[1] == 1 else int(logits.argmax())]
    assert answered in visit.text("#view-note") and layer in visit.text("#view-note")
    visit.page.keyboard.press("b")
    assert visit.page.input_value("#view") == "map"

def test_hiding_parts(visit):
    "A dragged mouse hides pixels behind grey, `x` hides what the frame shows, and all comes back to the bit"
    size, before = Toolbox(shipped_run()).network.size, visit.layers([])
    box = visit.page.locator("#stage").bounding_box()
    visit.page.keyboard.press("h")
    visit.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    visit.wait("document.documentElement.dataset.settled")
    hidden = visit.layers([])
    grey = np.isclose(hidden["numbers"].reshape(3, size, size), 128 / 255).all(0)
    middle = slice(size // 2 - size // 16 + 1, size // 2 + size // 16 - 1)
    assert grey[middle, middle].all() and size**2 / 64 * .8 < grey.sum() < size**2 / 64 * 1.3
    assert np.abs(hidden["logits"] - before["logits"]).max() > 1e-4
    visit.page.keyboard.press("h")
    visit.wait("document.documentElement.dataset.settled")
    after = visit.layers([])
    assert (after["numbers"] == before["numbers"]).all() and (
        after["logits"] == before["logits"]).all()
    visit.page.locator("[data-layer=relu3]").click()
    visit.page.keyboard.press("x")
    visit.wait("document.documentElement.dataset.settled")
    grey = np.isclose(visit.layers([])["numbers"].reshape(3, size, size), 128 / 255).all(0)
    assert .8 * 21**2 < grey.sum() < 1.3 * 21**2            # relu3 sees 21×21 pixels

class PairVisit(Visit):
    "A visit to a page with two networks, of which each has a frame"
    def guests(self):
        "The pages of the two networks"
        frames = [f for f in self.page.frames if f.parent_frame and f.parent_frame.parent_frame is None]
        return [FrameVisit(frame) for frame in frames]

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
    nameless = v.page.evaluate(_NAMELESS)
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

BAD_NAME = "<img src=x onerror=alert(1)>.png"

def test_files_dropped_and_pasted(visit, folder):
    "A picture by drop and by paste; names are text; what is no picture is refused in one line"
    give = """([kind, name, bytes]) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
        const event = kind === "drop"
            ? new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true })
            : new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true });
        document.body.dispatchEvent(event);
    }"""
    draw_pet("cat", 7, 200).save(folder/"big.png")
    picture = list((folder/"big.png").read_bytes())
    for kind, name in (("drop", BAD_NAME), ("paste", "pasted.png")):
        visit.page.evaluate(give, [kind, name, picture])
        visit.wait_for_picture(name)
        assert (
            visit.text("#picture-name") == name
            and visit.page.locator("#picture-name img").count() == 0
        )
    visit.page.evaluate(give, ["drop", BAD_NAME, [1, 2, 3]])
    visit.wait("document.getElementById('message').textContent.includes('not a picture')")
    assert BAD_NAME in visit.text("#message") and visit.page.locator("#message img").count() == 0
    assert visit.text("#picture-name") == "pasted.png"

def test_webcam(camera, saved):
    "The webcam's frames come through live; freezing stops them; frames are dropped, not queued"
    v = Visit(camera, saved.as_uri())
    v.page.keyboard.press("w")
    v.wait("+document.documentElement.dataset.pictures > 15")
    values = set()
    for _ in range(8):
        values.add(v.text("#value"))
        v.page.wait_for_timeout(200)
    assert len(values) > 2                                  # the cat moves
    assert v.data("live") == "true" and float(v.data("fps")) > 0 and float(v.data("latency")) > 0
    # a queue would grow beyond any bound
    assert float(v.data("latency")) < 3 * float(v.data("inference")) + 300
    print(
        f"webcam: {v.data('fps')} pictures a second, latency "
        f"{v.data('latency')} ms, of which the network {v.data('inference')} ms")
    v.page.keyboard.press("Space")
    v.settle()
    v.page.wait_for_timeout(1500)                           # a frame may be on its way still
    value, pictures = v.text("#value"), v.data("pictures")
    v.page.wait_for_timeout(700)
    assert (v.text("#value"), v.data("pictures"), v.data("live")) == (value, pictures, "false")
    v.page.keyboard.press("Space")
    v.wait(f"+document.documentElement.dataset.pictures > {pictures} + 3")
    v.page.locator("#drawings button").first.click()
    v.settle()
    assert v.data("live") == "false" and v.page.evaluate(
        "document.getElementById('video').srcObject === null")
    v.close()

def test_no_camera(visit):
    "A camera that is refused or missing: one line that says what to do"
    visit.press("w")
    visit.wait("document.getElementById('message').textContent.includes('camera')")
    assert "choose a file" in visit.text("#message") and visit.data("live") in (None, "false")

@pytest.mark.parametrize("width, scheme", [(1280, "dark"), (390, "light")])
def test_dark_and_narrow(visit, width, scheme):
    visit.page.set_viewport_size(dict(width=width, height=850))
    visit.page.emulate_media(color_scheme=scheme)
    assert visit.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    color = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    ground = [int(n) for n in re.findall(r"\d+", color)]
    assert max(ground) < 60 if scheme == "dark" else min(ground) > 200

def pixels_of(visit):
    "The picture on the screen as the network sees it: size×size×3, 0 to 255"
    size = visit.bundle()["size"]
    return 255 * visit.layers([])["numbers"].reshape(3, size, size).transpose(1, 2, 0)

def test_sliders_of_a_drawing(visit):
    "A recorded slider shows the picture that Python draws at its value, and only that trait has moved"
    size, spec = visit.bundle()["size"], pet_spec(0, 2)
    assert visit.page.locator("#knobs input:visible").count() == 4
    for trait, value in (("turn", .75), ("turn", -1), ("muzzle", 1)):
        visit.page.locator(f"[data-trait={trait}]").fill(str(value))
        visit.wait(f"document.getElementById('picture-name').textContent.endsWith(' {value}')")
        visit.settle()
        shown = pixels_of(visit)
        traits = [dict(turn=.75), dict(turn=-1), dict(turn=0), dict(muzzle=1), dict(turn=-1, muzzle=1), {}]
        drawn = [np.asarray(draw(replace(spec, **change), size).image) for change in traits]
        distances = [np.abs(shown - picture).mean() for picture in drawn]
        assert traits[int(np.argmin(distances))] == {trait: value} and min(distances) < 4, distances
    visit.page.locator("#knobs button").click()
    visit.wait_for_picture("drawn cat 1")
    assert float(visit.page.input_value("[data-trait=muzzle]")) == pytest.approx(spec.muzzle, abs=.006)
    visit.page.locator("#drawings button").nth(1).click()           # for this one nothing is recorded
    visit.wait_for_picture("drawn dog 1")
    assert not visit.page.locator("#knobs").is_visible()

def test_value_step_by_step(visit):
    "The steps of a value end at the layer's own value, and on their way they meet those of PyTorch"
    network = Toolbox(shipped_run()).network
    rows = [row for row in visit.bundle()["layers"] if row["maps"]]
    numbers = visit.layers([])["numbers"]
    xb = torch.tensor(numbers).view(1, 3, network.size, network.size)
    want = activations(network.module, xb, [row["name"] for row in rows])
    visit.page.locator("#every").click()
    visit.page.locator("#apart summary").click()
    kinds, places = set(), [(0, 0), (1, 2), (-1, -1)]               # at the edges a window reaches beyond
    for row in rows:
        name, (units, height, width) = row["name"], row["shape"]
        choose_unit(visit, name, units // 2)
        for y, x in places:
            place = dict(row=y % height, column=x % width)
            visit.page.evaluate("place => (toolbox.state.place = place)", place)
            steps = visit.page.evaluate("toolbox.chosenSteps()")
            if not steps: continue
            kinds |= {steps["kind"], *[s["kind"].split(":")[0] for s in steps["after"]]}
            value = want[name][0, units // 2, place["row"], place["column"]].item()
            assert steps["value"] == pytest.approx(value, abs=1e-4), (name, place)
            if name == "relu1": assert len(steps["parts"]) == 3 and same_steps(steps, want, units // 2, place)
    assert {"Conv", "AveragePool", "ReLU", "batch norm"} <= kinds
    choose_unit(visit, "relu1", 1)
    assert "sum of all channels" in visit.text("#steps") and "blue" in visit.text("#steps")
    visit.page.locator("#switch-off").click()
    visit.settle()
    assert visit.text("#steps") == "" and "Not while" in visit.text("#apart-note")

def same_steps(steps, want, unit, place):
    "The sums and the batch norm on the way are those of PyTorch's layers"
    def at(name): return want[name][0, unit, place["row"], place["column"]].item()
    return (abs(steps["sum"] + steps["bias"] - at("conv1")) < 1e-4
            and abs(steps["after"][0]["value"] - at("batchnorm1")) < 1e-4)

def test_save_and_python(visit, folder, monkeypatch):
    "What is on the screen as a PNG, and Python that makes the same map"
    draw_pet("dog", 6, visit.bundle()["size"]).save(folder/"a \"dog\".png")
    visit.open_file(folder/"a \"dog\".png")
    choose_unit(visit, "relu4", 9)
    with visit.page.expect_download() as saving: visit.press("d")
    saving.value.save_as(folder/"screen.png")
    picture = Image.open(folder/"screen.png").convert("RGB")
    assert picture.width > 900 and picture.height > 500
    assert len(np.unique(np.asarray(picture).reshape(-1, 3), axis=0)) > 500         # colours
    visit.press("p")
    code = visit.page.input_value("#code")
    visit.page.locator("#close-python").click()
    plt = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(plt, "show", lambda: None)
    found = {}
    exec(code, found)
    plt.close("all")
    shown = visit.layers(["relu4"])["relu4"].reshape(128, -1)[9]
    assert shown.any() and np.abs(found["values"].ravel() - shown).max() < 1e-4
    visit.page.locator("#drawings button").first.click()
    visit.wait_for_picture("drawn cat 1")
    visit.page.locator("[data-trait=turn]").fill("1")
    visit.wait_for_picture("drawn cat 1, head turn 1")
    visit.press("p")
    assert "replace(pet_spec(0, seed=2), turn=1)" in visit.page.input_value("#code")

_NAMELESS = """[...document.querySelectorAll(
        "button, input, select, [role=meter], canvas[role], section, dialog, iframe")]
    .filter(e => !(e.getAttribute("aria-label") || e.textContent.trim() || e.title || e.querySelector("img[alt]")
        || e.closest("label")?.textContent.trim()))
    .map(e => e.outerHTML.slice(0, 90))"""

def test_everything_has_a_name(visit):
    "What can be reached by keys has a name for screen readers"
    assert visit.page.evaluate(_NAMELESS) == []
    assert "drawn cat 1: cat" in visit.page.text_content("#spoken")

def same_drawing_by_python(visit):
    "Behind a served page Python draws; several sliders and choices count together"
    visit.page.locator("#drawings button").nth(3).click()
    visit.wait_for_picture("drawn dog 2")
    visit.page.locator("[data-trait=light]").fill("80")
    visit.page.locator("[data-trait=ears]").select_option("pricked")
    visit.wait_for_picture("drawn dog 2, ears pricked")
    size = visit.bundle()["size"]
    drawn = np.asarray(draw(replace(pet_spec(3, 2), light=80, ears="pricked"), size).image)
    assert np.abs(pixels_of(visit) - drawn).mean() < 1              # two programs read the JPEG file

def test_command_serves(engine, browser, folder):
    "`catsdogs toolbox` serves the page to those who have the token, to two tabs at once, and ends by Ctrl-C"
    import catsdogs.toolbox.page as page
    network = Toolbox(shipped_run()).network
    bundle = page.make_bundle(network, None, None)
    facts = page.unit_facts(network, bundle.info["layers"], None)
    out, err = folder/"served.out", folder/"served.err"
    process = multiprocessing.get_context("spawn").Process(
        target=serve, args=(["toolbox", "--no-open"], bundle, facts, str(out), str(err)))
    process.start()
    try:
        end = time.monotonic() + 120
        while not (out.exists() and out.read_text().endswith("\n")):
            assert process.is_alive() and time.monotonic() < end, err.read_text()
            time.sleep(.1)
        address = out.read_text().split()[1]
        assert address.startswith("http://127.0.0.1:")
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(address.split("?")[0])
        first, second = Visit(browser, address), Visit(browser, address)
        assert first.text("#title") == "petnet" and first.page.evaluate("crossOriginIsolated")
        different_drawings_in_two_tabs(first, second)
        same_drawing_by_python(first)
        first.close()
        os.kill(process.pid, signal.SIGINT)
        process.join(30)
        assert (process.exitcode, err.read_text()) == (0, "")
        alive_without_its_server(second)
    finally: process.kill()

def different_drawings_in_two_tabs(*tabs):
    "Each tab gets the drawings that it asked for, also if they ask at the same time"
    values = [f"{-.9 + .2 * i:.1f}" for i in range(9)]
    for tab in tabs: tab.page.locator("#drawings button").first.click()
    for tab in tabs: tab.wait_for_picture("drawn cat 1")
    for turn in values:
        for tab, trait in zip(tabs, ("turn", "muzzle"), strict=True):
            tab.page.locator(f"[data-trait={trait}]").fill(turn if trait == "turn" else str(abs(float(turn))))
    changes, size = (dict(turn=.7), dict(muzzle=.7)), tabs[0].bundle()["size"]
    for tab, change, name in zip(tabs, changes, ("head turn 0.7", "muzzle 0.7"), strict=True):
        tab.wait_for_picture(f"drawn cat 1, {name}")
        drawn = np.asarray(draw(replace(pet_spec(0, 2), **change), size).image)
        assert np.abs(pixels_of(tab) - drawn).mean() < 1

def alive_without_its_server(visit):
    "A page whose command has ended goes on computing, and says what it cannot do any more"
    visit.page.locator("[data-trait=turn]").fill("0.1")
    visit.wait("document.getElementById('message').textContent.includes('has ended; start it again')")
    visit.page.locator("#drawings button").nth(1).click()
    visit.wait_for_picture("drawn dog 1")
    assert visit.text("#message") == ""
    visit.page.close()

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
