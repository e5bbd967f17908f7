"""The toolbox in a real browser, for the network that comes with the package.

The saved page from file://, the served page, the webcam, keys, and the numbers of every layer.
"""
import copy, multiprocessing, os, re, signal, time, urllib.error, urllib.request
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from catsdogs.cli import main
from catsdogs.drawing.dataset import draw_pet, pet_spec
from catsdogs.drawing.scenes import draw
from catsdogs.models.hooks import activations, capture_outputs
from catsdogs.runs.folder import shipped_run
from catsdogs.runs.predict import Predictor
from catsdogs.toolbox.page import Toolbox
from catsdogs.toolbox.units import drawn_pictures
from serving import serve
from visiting import (
    choose_layer, choose_unit, NAMELESS, open_steps, pixels_of, same_changed_layers, same_layers, same_way_back, Visit)

pytestmark = pytest.mark.usefixtures("quick_export")

@pytest.fixture(scope="module")
def saved(folder, engine):
    "The page of the network that comes with the package, written by the command"
    assert main(["toolbox", "--save", str(folder/"page.html")]) == 0
    return folder/"page.html"

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
    visit.show_drawing(0)
    visit.page.evaluate("document.activeElement.blur()")

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
    assert visit.page.locator("#unit .hint").is_visible()
    assert not visit.page.locator("#unit-name").is_visible()
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
    choose_unit(visit, "relu5", 17)
    assert visit.text("#unit-name") == "relu5, unit 17"
    assert (
        visit.page.locator(".units button[aria-checked=true]").get_attribute("aria-label")
        == "unit 17")
    visit.show_drawing(3)
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
        choose_layer(visit, layer)
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
    choose_unit(visit, layer, unit)
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
    choose_layer(visit, layer)
    for view in ("gradient", "guided_backprop", "deconvolution", "grad_cam"):
        visit.page.keyboard.press("b")
        assert visit.page.input_value("#view") == view
    visit.show_drawing(1)
    found, _ = visit.way()
    xb = torch.tensor(found["numbers"]).view(1, 3, network.size, network.size).requires_grad_()
    with capture_outputs(network.module, [layer]) as kept: logits = network.module(xb)
    alone = logits.shape[1] == 1
    evidence = logits.sum().abs() if alone else logits.max()
    slopes, = torch.autograd.grad(evidence, kept[layer])
    weighed = slopes.mean((2, 3), keepdim=True) * kept[layer]
    want = weighed.sum(1).clamp(min=0).detach().flatten().numpy()
    assert want.any() and np.abs(found["back"] - want).max() < 1e-4
    answered = network.classes[int(logits.sum() > 0) if alone else int(logits.argmax())]
    assert answered in visit.text("#view-note") and layer in visit.text("#view-note")
    visit.page.keyboard.press("b")
    assert visit.page.input_value("#view") == "map"

def test_hiding_parts(visit):
    "A dragged mouse hides pixels behind grey, `x` hides what the frame shows, and all comes back to the bit"
    size, before = Toolbox(shipped_run()).network.size, visit.layers([])
    box = visit.page.locator("#stage").bounding_box()
    visit.page.keyboard.press("h")
    visit.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    visit.settle()
    hidden = visit.layers([])
    grey = np.isclose(hidden["numbers"].reshape(3, size, size), 128 / 255).all(0)
    middle = slice(size // 2 - size // 16 + 1, size // 2 + size // 16 - 1)
    assert grey[middle, middle].all() and size**2 / 64 * .8 < grey.sum() < size**2 / 64 * 1.3
    assert np.abs(hidden["logits"] - before["logits"]).max() > 1e-4
    visit.page.keyboard.press("h")
    visit.settle()
    after = visit.layers([])
    assert (after["numbers"] == before["numbers"]).all() and (
        after["logits"] == before["logits"]).all()
    choose_layer(visit, "relu3")
    visit.page.keyboard.press("x")
    visit.settle()
    grey = np.isclose(visit.layers([])["numbers"].reshape(3, size, size), 128 / 255).all(0)
    assert .8 * 21**2 < grey.sum() < 1.3 * 21**2            # relu3 sees 21×21 pixels

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
    visit.wait_for_text("#message", "not a picture", BAD_NAME)
    assert visit.page.locator("#message img").count() == 0
    assert visit.text("#picture-name") == "pasted.png"

def test_webcam(camera, saved):
    "The webcam's frames come through live; freezing stops them; frames are dropped, not queued"
    v = Visit(camera, saved.as_uri())
    v.page.keyboard.press("w")
    v.wait("+document.documentElement.dataset.pictures > 15")
    for _ in range(3):                                      # the cat moves
        value = v.text("#value")
        v.wait(f"document.getElementById('value').textContent !== {value!r}")
    assert v.data("live") == "true" and float(v.data("fps")) > 0 and float(v.data("latency")) > 0
    # a queue would grow beyond any bound
    assert float(v.data("latency")) < 3 * float(v.data("inference")) + 300
    print(
        f"webcam: {v.data('fps')} pictures a second, latency "
        f"{v.data('latency')} ms, of which the network {v.data('inference')} ms")
    v.page.keyboard.press("Space")
    v.settle()
    value, pictures = v.text("#value"), v.data("pictures")
    v.page.wait_for_timeout(700)
    assert (v.text("#value"), v.data("pictures"), v.data("live")) == (value, pictures, "false")
    v.page.keyboard.press("Space")
    v.wait(f"+document.documentElement.dataset.pictures > {pictures} + 3")
    v.show_drawing(0)
    assert v.data("live") == "false" and v.page.evaluate(
        "document.getElementById('video').srcObject === null")
    v.close()

def test_no_camera(visit):
    "A camera that is refused or missing: one line that says what to do"
    visit.press("w")
    visit.wait_for_text("#message", "camera", "choose a file")
    assert visit.data("live") in (None, "false")

@pytest.mark.parametrize("width, scheme", [(1280, "dark"), (390, "light")])
def test_dark_and_narrow(visit, width, scheme):
    visit.page.set_viewport_size(dict(width=width, height=850))
    visit.page.emulate_media(color_scheme=scheme)
    visit.wait("document.documentElement.scrollWidth <= window.innerWidth", 5)     # after it is laid out anew
    color = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    ground = [int(n) for n in re.findall(r"\d+", color)]
    assert max(ground) < 60 if scheme == "dark" else min(ground) > 200

def test_sliders_of_a_drawing(visit):
    "A recorded slider shows the picture that Python draws at its value, and only that trait has moved"
    size, spec = visit.bundle()["size"], pet_spec(0, 2)
    assert visit.page.locator("#knobs input:visible").count() == 4
    for trait, value in (("turn", .75), ("turn", -1), ("muzzle", 1)):
        visit.move_knob(trait, value)
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
    visit.show_drawing(1)           # for this one nothing is recorded
    assert not visit.page.locator("#knobs").is_visible()

def test_value_step_by_step(visit):
    "The steps of a value end at the layer's own value, and on their way they meet those of PyTorch"
    network = Toolbox(shipped_run()).network
    rows = [row for row in visit.bundle()["layers"] if row["maps"]]
    numbers = visit.layers([])["numbers"]
    xb = torch.tensor(numbers).view(1, 3, network.size, network.size)
    want = activations(network.module, xb, [row["name"] for row in rows])
    kinds, corners = set(), [(0, 0), (1, 2), (-1, -1)]              # at the edges a window reaches beyond
    for row in rows:
        name, (units, height, width) = row["name"], row["shape"]
        places = [dict(row=y % height, column=x % width) for y, x in corners]
        found = visit.page.evaluate("asked => toolbox.stepsAt(...asked)", [name, units // 2, places])
        for place, steps in zip(places, found or (), strict=False):
            kinds |= {steps["kind"], *[s["kind"].split(":")[0] for s in steps["after"]]}
            value = want[name][0, units // 2, place["row"], place["column"]].item()
            assert steps["value"] == pytest.approx(value, abs=1e-4), (name, place)
            if name == "relu1": assert len(steps["parts"]) == 3 and same_steps(steps, want, units // 2, place)
    assert {"Conv", "AveragePool", "ReLU", "batch norm"} <= kinds
    choose_unit(visit, "relu1", 1)
    open_steps(visit)
    visit.wait_for_text("#steps", "sum of all channels", "blue")
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
    visit.show_drawing(0)
    visit.move_knob("turn", 1)
    visit.wait_for_picture("drawn cat 1, head turn 1")
    visit.press("p")
    assert "replace(pet_spec(0, seed=2), turn=1)" in visit.page.input_value("#code")

def test_everything_has_a_name(visit):
    "What can be reached by keys has a name for screen readers"
    assert visit.page.evaluate(NAMELESS) == []
    assert "drawn cat 1: cat" in visit.page.text_content("#spoken")

def same_drawing_by_python(visit):
    "Behind a served page Python draws; several sliders and choices count together"
    visit.show_drawing(3)
    visit.move_knob("light", 80)
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
        first, second = Visit(browser, address, cores=1), Visit(browser, address)
        assert first.text("#title") == "petnet" and first.page.evaluate("crossOriginIsolated")
        different_drawings_in_two_tabs(first, second)
        same_drawing_by_python(first)
        same_by_two_threads(browser, address, first)
        first.close()
        os.kill(process.pid, signal.SIGINT)
        process.join(30)
        assert (process.exitcode, err.read_text()) == (0, "")
        alive_without_its_server(second)
    finally: process.kill()

def same_by_two_threads(browser, address, by_one):
    "With four cores two threads compute, and the numbers are the same"
    by_two = Visit(browser, address, cores=4)
    assert (by_one.data("threads"), by_two.data("threads")) == ("1", "2")
    names = [row["name"] for row in by_two.bundle()["layers"] if row["main"]]
    for visit in (by_one, by_two): visit.show_drawing(1)
    found, same = by_two.layers(names), by_one.layers(names)
    for name in ("logits", *names): assert np.abs(found[name] - same[name]).max() < 1e-4, name
    by_two.close()

def different_drawings_in_two_tabs(*tabs):
    "Each tab gets the drawings that it asked for, also if they ask at the same time"
    values = [f"{-.9 + .2 * i:.1f}" for i in range(9)]
    for tab in tabs: tab.show_drawing(0)
    for turn in values:
        for tab, trait in zip(tabs, ("turn", "muzzle"), strict=True):
            tab.move_knob(trait, turn if trait == "turn" else abs(float(turn)))
    changes, size = (dict(turn=.7), dict(muzzle=.7)), tabs[0].bundle()["size"]
    for tab, change, name in zip(tabs, changes, ("head turn 0.7", "muzzle 0.7"), strict=True):
        tab.wait_for_picture(f"drawn cat 1, {name}")
        drawn = np.asarray(draw(replace(pet_spec(0, 2), **change), size).image)
        assert np.abs(pixels_of(tab) - drawn).mean() < 1

def alive_without_its_server(visit):
    "A page whose command has ended goes on computing, and says what it cannot do any more"
    visit.move_knob("turn", .1)
    visit.wait_for_text("#message", "has ended; start it again")
    visit.show_drawing(1)
    assert visit.text("#message") == ""
    visit.page.close()
