"""The toolbox in a real browser, for small networks: every model, and two at once."""
import numpy as np
import pytest
import torch
from PIL import Image

from catsdogs.drawing.dataset import draw_pet
from catsdogs.models.hooks import activations, as_batch, list_layers
from catsdogs.models.zoo import MODELS
from catsdogs.toolbox.page import make_comparison, make_page, read_engine
from visiting import (
    choose_unit, NAMELESS, open_steps, PairVisit, same_changed_layers, same_layers, small, Visit)

pytestmark = pytest.mark.usefixtures("quick_export")

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
    place = dict(row=1, column=2)
    visit.wait("toolbox.chosenSteps()")
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
    visit.wait_for_text("#steps", "sum of the two branches")
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
    v.settle()
    after = [guest.layers([])["logits"] for guest in guests]
    assert (before[0] == after[0]).all() and v.page.locator(".track b:visible").count() == 2
    with v.page.expect_download() as saving: v.page.locator("#save").click()
    saving.value.save_as(folder/"both screens.png")
    assert Image.open(folder/"both screens.png").height > 1000          # two rows
    v.close()

def pictures_of_both(visit):
    "How many pictures each of two networks has computed, read at the same moment"
    return visit.page.evaluate("""[...document.querySelectorAll("iframe")].map(
        frame => Number(frame.contentDocument.documentElement.dataset.pictures))""")

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
    counts = pictures_of_both(v)
    v.wait(f"+document.querySelector('iframe').contentDocument.documentElement.dataset.pictures > {counts[0]} + 10")
    assert v.data("live") == "true"
    v.wait_for_text("#rate", "pictures/s")
    press_in(v, "Space")
    v.settle()
    frozen = [guest.layers([])["numbers"] for guest in (first, second)]
    assert (frozen[0] == frozen[1]).all()
    more = [after - before for after, before in zip(pictures_of_both(v), counts, strict=True)]
    assert min(more) > 10 and abs(more[0] - more[1]) <= 2, more          # in step
    v.show_drawing(0)
    v.move_knob("turn", 1)
    v.wait_for_picture("drawn cat 1, head turn 1")
    v.page.set_viewport_size(dict(width=390, height=850))
    v.wait("document.documentElement.scrollWidth <= window.innerWidth", 5)
    for guest in (first, second):
        guest.wait("document.documentElement.scrollWidth <= window.innerWidth", 5)
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
