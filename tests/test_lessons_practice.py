"""The widgets of lessons 8, 9, 13 and 14 in a real browser, against NumPy."""
import io

import numpy as np
from PIL import Image

from catsdogs.lessons.plots_practice import frame_slider_html, threshold_explorer_html
from test_lessons import open_page

rng = np.random.default_rng(0)
no, yes = rng.beta(2, 5, 60).round(4), rng.beta(5, 2, 40).round(4)

def expected(threshold):
    "Counts of the confusion matrix, row by row"
    halves = [no <= threshold, no > threshold, yes <= threshold, yes > threshold]
    return [int(half.sum()) for half in halves]

def test_threshold_explorer_agrees_with_numpy(browser, tmp_path):
    other = threshold_explorer_html(no, yes, ("<b>", "dog"), .3)
    page, trouble = open_page(
        browser, tmp_path, threshold_explorer_html(no, yes, ("cat", "dog"), 0.5), other)
    first = page.locator(".cd-threshold").first
    for threshold in (.5, .2, 0, 1, .77):
        first.locator("input").fill(str(threshold))
        counts = expected(threshold)
        assert [int(text) for text in first.locator("td").all_inner_texts()] == counts
        assert page.evaluate("document.querySelector('.cd-threshold').result.counts") == counts
        x = float(first.locator(".dot").get_attribute("cx"))
        assert abs(x - 30 - 130 * counts[1] / 60) < .1
        assert (
            f"dog: {round(100 * counts[3] / 40)}% are called dog. cat: "
            in first.locator("output").inner_text())
    second = page.locator(".cd-threshold").nth(1)
    # it is its own
    assert [int(text) for text in second.locator("td").all_inner_texts()] == expected(.3)
    assert "called <b>" in second.locator("th").nth(1).inner_text()
    assert trouble == []
    page.close()

def test_threshold_explorer_says_the_same_without_scripts(browser, tmp_path):
    html = threshold_explorer_html(no, yes, ("cat", "dog"), .4)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_content(html)
    assert [int(text) for text in page.locator("td").all_inner_texts()] == expected(.4)
    context.close()

def picture(color):
    file = io.BytesIO()
    Image.new("RGB", (8, 8), color).save(file, "PNG")
    return file.getvalue()

def test_frame_slider_shows_one_picture(browser, tmp_path):
    html = frame_slider_html(
        {"10": picture("red"), "20 </script>": picture("blue")}, "drawings", "a colour", 1)
    page, trouble = open_page(browser, tmp_path, html)
    shown = lambda: [page.locator("img").nth(i).is_visible() for i in (0, 1)]
    assert shown() == [False, True]
    page.locator("input").fill("0")
    assert shown() == [True, False]
    assert page.locator("label b").inner_text() == "10"
    assert trouble == []
    page.close()
