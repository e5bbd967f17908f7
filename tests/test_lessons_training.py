"""The sliders and the twin programs of lessons 4 to 7 in a real browser."""
import re

import numpy as np

from catsdogs.lessons.plots_training import curve_slider_html, picture_slider_html, twin_code_html
from test_lessons import open_page

def falling(start): return [dict(train_loss=start / (i + 1), valid_loss=start) for i in range(4)]

def visible(page):
    return page.evaluate(
        "[...document.querySelectorAll('[data-group]')].filter(g => "
        "getComputedStyle(g).visibility == 'visible').map(g => g.dataset.says)")

def slide(page, place):
    page.locator("input[type=range]").evaluate(
        "(slider, v) => { slider.value = v; slider.dispatchEvent(new Event('input')) }", place)

def test_curve_slider(browser, tmp_path):
    groups = {"dropout": {"10%": (falling(.5), "one"), "50%": (falling(.4), "two")},
              "L1": {"0.1": (falling(.3), "three")}}
    page, trouble = open_page(browser, tmp_path, curve_slider_html(groups, falling(.6)))
    assert visible(page) == ["10%: one"] and page.locator("output").inner_text() == "10%: one"
    slide(page, 1)
    assert visible(page) == ["50%: two"] and page.locator("output").inner_text() == "50%: two"
    page.locator("select").select_option("L1")
    assert visible(page) == ["0.1: three"] and page.locator("input").get_attribute("max") == "0"
    page.locator("select").select_option("dropout")
    slide(page, 1)
    assert visible(page) == ["50%: two"]
    heights = [
        float(y)
        for y in re.findall(
            r",([\d.]+)", page.locator("[data-group=dropout] path").nth(3).get_attribute("d"))]
    assert len(set(heights)) == 1           # the flat validation loss of the second setting
    assert trouble == []
    page.close()

def test_curve_slider_without_scripts(browser, tmp_path):
    html = curve_slider_html(
        {"dropout": {"10%": (falling(0.5), "one"), "50%": (falling(0.4), "two")}})
    context = browser.new_context(java_script_enabled=False)
    (tmp_path/"still.html").write_text(html, encoding="utf8")
    page = context.new_page()
    page.goto((tmp_path/"still.html").as_uri())
    assert (
        page.locator("[data-group]").first.is_visible()
        and not page.locator("[data-group]").nth(1).is_visible())
    assert (
        page.locator("output").inner_text() == "10%: one"
        and not page.locator("select").is_visible())
    context.close()

def test_one_group_leaves_no_choice(browser, tmp_path):
    page, trouble = open_page(
        browser, tmp_path,
        curve_slider_html({"n": {"1": (falling(0.5), ""), "2": (falling(0.4), "")}}))
    assert not page.locator("select").is_visible() and page.locator("input").is_visible()
    slide(page, 1)
    assert visible(page) == ["2"] and trouble == []
    page.close()

def test_twin_code(browser, tmp_path):
    pairs = [("a = 1", "let a = 1", "A number."), ('print("<a>")', "console.log(a)", "Write <it>.")]
    page, trouble = open_page(browser, tmp_path, twin_code_html(pairs, ("Python", "JavaScript")))
    def chosen(): return page.locator(".cd-chosen").all_inner_texts()
    assert chosen() == ["a = 1", "let a = 1"] and page.locator("output").inner_text() == "A number."
    page.get_by_text("console.log").click()
    assert (
        chosen() == ['print("<a>")', "console.log(a)"]
        and page.locator("output").inner_text() == "Write <it>.")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    assert chosen() == ["a = 1", "let a = 1"]           # the keyboard reaches it too
    assert trouble == []
    page.close()

def test_picture_slider(browser, tmp_path):
    pictures = [np.full((4, 4, 3), value, np.uint8) for value in (0, 128, 255)]
    html = picture_slider_html(
        pictures, ["left", "middle", "right"], {"dense": [0.9, 0.5, 0.1], "CNN": [0.8, 0.8, 0.7]},
        start=1)
    page, trouble = open_page(browser, tmp_path, html)
    def answers(): return page.locator("[data-answer] b").all_inner_texts()
    first = page.locator("img").get_attribute("src")
    assert answers() == ["50%", "80%"] and page.locator("output").inner_text() == "middle"
    slide(page, 2)
    assert answers() == ["10%", "70%"] and page.locator("output").inner_text() == "right"
    assert page.locator("img").get_attribute("src") != first
    width = page.evaluate(
        "[...document.querySelectorAll('[data-answer] i')].map(i => i.style.width)")
    assert width == ["10%", "70%"]
    assert trouble == []
    page.close()
