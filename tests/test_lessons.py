"""The widgets of the lessons in a real browser, against PyTorch."""
import numpy as np
import torch
from torch.nn import functional as F

from catsdogs.lessons.widgets import KERNELS, kernel_editor_html

picture = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)

def open_page(browser, tmp_path, *pieces):
    "A page with these pieces of HTML, and a list that fills with what goes wrong on it"
    (tmp_path/"page.html").write_text(
        "<!doctype html><meta charset=utf-8>" + "".join(pieces), encoding="utf8")
    page, trouble = browser.new_page(), []
    def note(message):
        if message.type == "error": trouble.append(message.text)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", note)
    page.goto((tmp_path/"page.html").as_uri())
    return page, trouble

def expected(kernel, relu):
    "What PyTorch makes of the picture, rows×columns×colours in one list"
    x = torch.tensor(picture).permute(2, 0, 1).float()[:, None]
    out = F.conv2d(x, torch.tensor(kernel, dtype=torch.float32).view(1, 1, 3, 3))
    if relu: out = out.clamp(min=0)
    return out[:, 0].permute(1, 2, 0).flatten()

def given(page, i=0):
    values = page.evaluate(
        f"Array.from(document.querySelectorAll('.cd-kernel')[{i}].result.values)")
    return torch.tensor(values, dtype=torch.float32)

def test_kernel_editor_agrees_with_pytorch(browser, tmp_path):
    html = kernel_editor_html(picture)
    page, trouble = open_page(browser, tmp_path, html, kernel_editor_html(picture, "blur"))
    first = page.locator(".cd-kernel").first
    for name, kernel in KERNELS.items():
        first.locator("select").select_option(name)
        torch.testing.assert_close(given(page), expected(kernel, False), atol=1e-2, rtol=0)
    first.get_by_label("weight 2, 2").fill("-3")
    mine = list(KERNELS["sharpen"])
    mine[4] = -3
    torch.testing.assert_close(given(page), expected(mine, False), atol=1e-2, rtol=0)
    assert first.locator("select").input_value() == "your own"
    first.get_by_label("ReLU").check()
    torch.testing.assert_close(given(page), expected(mine, True), atol=1e-2, rtol=0)
    # the second editor is its own
    torch.testing.assert_close(given(page, 1), expected(KERNELS["blur"], False), atol=1e-2, rtol=0)
    assert trouble == []
    page.close()
