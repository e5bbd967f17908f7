"""The widgets of lessons/convolution in a browser.

Every setting against PyTorch, buttons, keys, and a page without scripts.
"""
import itertools, random

import pytest, torch
import torch.nn.functional as F

from catsdogs.core import CatsDogsError
from catsdogs.lessons.convolution import conv_explorer_html, sliding_window_html
from catsdogs.models.convolution import output_size

image = torch.rand(32, 32, generator=torch.Generator().manual_seed(0))
letter = torch.zeros(7, 7)
letter[1:6, 2] = 1
letter[5, 2:5] = 1
kernel = torch.tensor([[-1., 0, 1], [-2, 0, 2], [-1, 0, 1]])

@pytest.fixture
def show(browser, tmp_path):
    "Open pieces of HTML as one page, under the strictest eye: any error in the console and any request fails the test"
    pages, trouble = [], []
    def open_page(*pieces, **options):
        (tmp_path/"page.html").write_text(
            "<!doctype html><meta charset=utf-8>" + "".join(pieces), encoding="utf8")
        page = browser.new_page(**options)
        pages.append(page)
        page.on("pageerror", lambda e: trouble.append(str(e)))
        page.on("console", lambda m: trouble.append(m.text) if m.type == "error" else None)
        page.on(
            "request",
            lambda r: trouble.append(r.url) if not r.url.startswith(("file:", "data:")) else None)
        page.goto((tmp_path/"page.html").as_uri())
        return page
    yield open_page
    for page in pages: page.close()
    assert trouble == []

def turn(page, **values):
    "Set sliders and choices as a reader does, and return what the explorer answers"
    return page.evaluate("""values => { const root = document.querySelector(".cd-conv");
        for (const [name, value] of Object.entries(values)) {
            const control = root.querySelector(`[name=${name}]`);
            control.value = value;
            control.dispatchEvent(new Event("input"));
        }
        return root.answer; }""", values)

def expected(size, kernel, padding, stride, dilation, mode):
    "PyTorch's result of a mean over the window, or our reason why there is none"
    try: n = output_size(size, kernel, stride, padding, dilation)
    except CatsDogsError as error: return str(error)
    if mode == "reflect" and padding >= size: return "reflect padding of"
    small = F.adaptive_avg_pool2d(image[None, None], size).mul(100).round().div(100)
    padded = F.pad(small, (padding,) * 4, mode="reflect" if mode == "reflect" else "constant")
    result = F.conv2d(
        padded, torch.full((1, 1, kernel, kernel), 1 / kernel**2), stride=stride, dilation=dilation
    )[0, 0]
    assert result.shape == (n, n)
    return result

def test_explorer_agrees_with_pytorch(show):
    page = show(conv_explorer_html(image))
    combinations = list(
        itertools.product(
            (1, 2, 5, 16, 24), range(8), range(-1, 5), range(5), range(5), ("zeros", "reflect")))
    refused = 0
    for size, k, padding, stride, dilation, mode in random.Random(0).sample(combinations, 400):
        answer = turn(
            page, size=size, kernel=k, padding=padding, stride=stride, dilation=dilation, mode=mode,
            what="blur")
        truth = expected(size, k, padding, stride, dilation, mode)
        if isinstance(truth, str):
            refused += 1
            assert answer["error"].startswith(truth)
            assert page.inner_text(".cd-say") == "Not possible: " + answer["error"]
        else:
            torch.testing.assert_close(
                torch.tensor(answer["result"], dtype=torch.float32), truth, atol=2e-4, rtol=0)
    assert 100 < refused < 350

def test_explorer_in_the_readers_hands(show):
    page = show(conv_explorer_html(image), viewport=dict(width=900, height=700))
    assert "= 16." in page.inner_text(".cd-say") and page.locator(".cd-static").count() == 0
    slider = page.get_by_label("stride")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert "/ 2⌋ + 1 = 8. Row 0, column 0" in page.inner_text(
        ".cd-say") and "seen by no window" in page.inner_text(".cd-say")
    result = page.get_by_label("result; arrow keys move the window")
    box = result.bounding_box()
    page.mouse.move(box["x"] + box["width"] * .99, box["y"] + box["height"] * .5)
    assert "Row 4, column 7" in page.inner_text(".cd-say")
    result.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowUp")
    assert "Row 3, column 6" in page.inner_text(".cd-say")
    page.get_by_label("weights").select_option("vertical edges")
    slider.focus()
    page.keyboard.press("Home")
    assert (
        page.inner_text(".cd-say")
        == "Not possible: stride 0 never moves the window on: use 1 or more")
    page.keyboard.press("End")
    assert "/ 4⌋ + 1 = 4." in page.inner_text(".cd-say")

def test_sliding_window_steps(show):
    html = sliding_window_html(letter, kernel, stride=2, padding=1)
    # the same widget twice on a page: each on its own
    page = show(html, html)
    truth = F.conv2d(letter[None, None], kernel[None, None], stride=2, padding=1).flatten().tolist()
    first, second = page.locator(".cd-conv").all()
    for i, value in enumerate(truth):
        said = first.locator(".cd-say").inner_text()
        assert (
            said.startswith(f"Place {i + 1} of {len(truth)}:")
            and float(said.rsplit("= ", 1)[1].replace("−", "-")) == value)
        assert (
            first.locator("td.cd-on").count() == 9
            and first.locator("td.cd-later").count() == len(truth) - i - 1)
        first.get_by_role("button", name="Next").click()
    # it stops at the end
    assert (
        said == first.locator(".cd-say").inner_text()
        and "Place 1 of" in second.locator(".cd-say").inner_text())
    first.get_by_role("button", name="Back").click()
    assert f"Place {len(truth) - 1} of" in first.locator(".cd-say").inner_text()
    second.get_by_role("button", name="Play").click()
    page.wait_for_function(
        "document.querySelectorAll('.cd-say')[1].textContent.startsWith('Place 3 of')")
    second.get_by_role("button", name="Pause").click()
    second.get_by_label("place of the window").focus()
    page.keyboard.press("End")
    assert f"Place {len(truth)} of" in second.locator(".cd-say").inner_text()

def test_on_a_phone_and_without_scripts(show, browser):
    pieces = sliding_window_html(letter, kernel, padding=1), conv_explorer_html(image)
    page = show(*pieces, viewport=dict(width=390, height=800))
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    plain = show(*pieces, java_script_enabled=False)
    cells = plain.locator(".cd-out td").all_inner_texts()
    assert [float(c.replace("−", "-")) for c in cells] == F.conv2d(
        letter[None, None], kernel[None, None], padding=1).flatten().tolist()
    # a table to read, and nothing that looks alive
    assert (
        "does not fit into 16" in plain.inner_text(".cd-static")
        and plain.locator("button, input").count() == 0)
