"""Visits to the toolbox's page in a real browser, and what its numbers must be."""
import base64, copy, json, os, time
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from PIL import Image

from catsdogs.interpret.attribution import attribute
from catsdogs.models.hooks import Unit, activations, as_batch, list_layers
from catsdogs.models.zoo import build_model
from catsdogs.toolbox.bundle import make_bundle, read_network

@cache
def small(name, size=48):
    "A network of the library for small pictures, and its bundle"
    torch.manual_seed(3)
    network = replace(read_network(build_model(name, size), size, ["cat", "dog"]), title=name)
    return network, make_bundle(network, half=False)

def _numbers(texts):
    "Numbers as the page sends them → arrays by name"
    return {name: np.frombuffer(base64.b64decode(text), np.float32) for name, text in texts.items()}

def pretend_cores(page, cores):
    "Let a page believe that the machine has so many cores"
    devtools = page.context.new_cdp_session(page)
    devtools.send("Emulation.setHardwareConcurrencyOverride", dict(hardwareConcurrency=cores))

# a page in the background has no frames: there two seconds are enough
_SETTLED = """async () => {
    const nextFrame = () => new Promise(done => {
        requestAnimationFrame(() => setTimeout(done));
        setTimeout(done, 2000);
    });
    await nextFrame();
    await nextFrame();
    return "settled" in document.documentElement.dataset;
}"""

class Visit:
    "One visit to a page: what the browser asked for, and what went wrong"
    def __init__(self, browser, address, cores=None, **options):
        self.page = browser.new_page(**(dict(viewport=dict(width=1280, height=800)) | options))
        if cores: pretend_cores(self.page, cores)
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
        """Wait until the picture that stays has been computed, and nothing more is going to happen.

        A page hears of some things only later than the hand that did them: that a fold was opened, that a
        part has another size or has come into sight. So two frames pass before it is asked.
        """
        self.wait(_SETTLED)

    def wait(self, expression, seconds=60):
        "Ask until an expression is true; Playwright's own way is `eval`, which the page's policy forbids"
        end = time.monotonic() + seconds
        while not self.page.evaluate(expression):
            assert time.monotonic() < end, expression
            self.page.wait_for_timeout(50)

    def wait_for_picture(self, name):
        "Wait until the picture of this name has been computed"
        self.wait(f"document.documentElement.dataset.settled === {json.dumps(name)}")
        self.settle()

    def wait_for_text(self, selector, *words):
        "Wait until an element shows all these words"
        for word in words:
            self.wait(f"document.querySelector({json.dumps(selector)}).innerText.includes({json.dumps(word)})")

    def show_drawing(self, number):
        "Choose one of the drawings, also the one that is shown already, and wait for its layers"
        self.page.evaluate("delete document.documentElement.dataset.settled")
        self.page.locator("#drawings button").nth(number).click()
        self.wait_for_picture(f"drawn {('cat', 'dog')[number % 2]} {number // 2 + 1}")

    def move_knob(self, trait, value):
        "Move a slider of the drawing"
        self.page.locator(f"[data-trait={trait}]").fill(str(value))

    def data(self, name): return self.page.evaluate(f"document.documentElement.dataset[{name!r}]")
    def bundle(self): return json.loads(self.page.text_content("#asset-bundle"))

    def text(self, selector): return self.page.inner_text(selector)

    def press(self, key): self.page.locator(":focus, body").last.press(key)

    def open_file(self, path):
        "Choose a file, and wait for its layers"
        self.page.evaluate("delete document.documentElement.dataset.settled")
        self.page.set_input_files("#file", path)
        self.wait_for_picture(os.path.basename(path))

    def layers(self, names):
        "The picture's numbers, the logits and layers, as the browser computes them"
        return _numbers(self.page.evaluate(_LAYERS, names))

    def way(self):
        "The way back that is on the screen, with the picture that it belongs to, and the place where it begins"
        found, place = self.page.evaluate(_WAY)
        return _numbers(found), tuple(place)

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

# numbers on their way out of the page: as a list of numbers Playwright would take seconds for them
_TEXT_OF = """const text = data => {
        const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
        let letters = "";
        for (let i = 0; i < bytes.length; i += 8192) letters += String.fromCharCode(...bytes.subarray(i, i + 8192));
        return btoa(letters);
    };"""

_LAYERS = """async names => {
    %s
    const { numbers, logits, outputs } = await toolbox.layersNow(names);
    const found = { numbers: text(numbers), logits: text(logits) };
    for (const name of names) found[name] = text(outputs[name]);
    return found;
}""" % _TEXT_OF

def same_layers(visit, network, path):
    "Open a picture in the page; every layer must equal PyTorch's"
    visit.open_file(path)
    pixels = as_batch(Image.open(path))
    names = [row["name"] for row in visit.bundle()["layers"]]
    found = visit.layers(names)
    assert np.abs(found["numbers"] - pixels.numpy().ravel()).max() < 1e-6
    xb = normalized(network, pixels)
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

def choose_layer(visit, layer):
    "Show a layer, and wait for its values"
    visit.page.locator(f"[data-layer={layer}]").click()
    visit.settle()

def choose_unit(visit, layer, unit):
    "Show a layer and choose a unit of it"
    choose_layer(visit, layer)
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
    visit.wait(f"toolbox.knowsKernels({json.dumps(first)})")
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
    xb = normalized(network, torch.tensor(found["numbers"]).view(1, 3, network.size, network.size))
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

def normalized(network, pixels):
    "Pixels from 0 to 1 as the network was trained on them"
    mean, std = (torch.tensor(numbers).view(3, 1, 1) for numbers in (network.mean, network.std))
    return (pixels - mean) / std

def open_steps(visit):
    "Show the steps of values, if they are not shown"
    if visit.page.evaluate("!document.getElementById('apart').open"): visit.page.locator("#apart summary").click()
    visit.settle()

_WAY = """() => {
    %s
    const { numbers, logits, back, place } = toolbox.shownWay();
    const found = { numbers: text(numbers), logits: text(logits), back: text(back) };
    return [found, [place.row, place.column]];
}""" % _TEXT_OF

def same_way_back(visit, network, layer, unit, rule):
    "The way back from the strongest place of a unit must equal PyTorch's"
    choose_unit(visit, layer, unit)
    visit.page.locator("#view").select_option(rule)
    visit.settle()
    found, place = visit.way()
    xb = torch.tensor(found["numbers"]).view(1, 3, network.size, network.size)
    target = Unit(layer, unit, place)
    want = attribute(network.module, xb, rule, target, colors="keep").flatten().numpy()
    difference = np.abs(found["back"] - want).max()
    assert difference <= 1e-4 * max(1, np.abs(want).max()), layer
    silent = "silent" in visit.text("#view-note")
    assert silent == (not want.any()), layer

class PairVisit(Visit):
    "A visit to a page with two networks, of which each has a frame"
    def guests(self):
        "The pages of the two networks"
        frames = [f for f in self.page.frames if f.parent_frame and f.parent_frame.parent_frame is None]
        return [FrameVisit(frame) for frame in frames]

    def settle(self):
        "Wait for both networks"
        self.guests()                           # each waits until it has settled
        super().settle()

def pixels_of(visit):
    "The picture on the screen as the network sees it: size×size×3, 0 to 255"
    size = visit.bundle()["size"]
    return 255 * visit.layers([])["numbers"].reshape(3, size, size).transpose(1, 2, 0)

NAMELESS = """[...document.querySelectorAll(
        "button, input, select, [role=meter], canvas[role], section, dialog, iframe")]
    .filter(e => !(e.getAttribute("aria-label") || e.textContent.trim() || e.title || e.querySelector("img[alt]")
        || e.closest("label")?.textContent.trim()))
    .map(e => e.outerHTML.slice(0, 90))"""
