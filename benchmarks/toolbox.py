"""How fast the toolbox's page is in a real browser: python benchmarks/toolbox.py [SECONDS]

For each network: the page's size, seconds until it answers, pictures a second from a fake webcam of
60 frames a second, the median latency from frame to picture, the share of it that is the network
alone, the processor time that the browser spends on a picture, and how many processes wanted a core
meanwhile. Needs Chromium and the toolbox's engine.
"""
import os, shutil, sys, tempfile, time
from pathlib import Path

import psutil
import torch
from playwright.sync_api import sync_playwright

from catsdogs.models.zoo import build_model
from catsdogs.runs.folder import shipped_run
from catsdogs.toolbox.page import Toolbox

ARGUMENTS = [
    "--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream=fps=60"]

def networks():
    "Name and toolbox of each network"
    torch.manual_seed(0)
    yield "petnet as it comes, 112", Toolbox(shipped_run())
    yield "petnet, 128", Toolbox(build_model("petnet", 128), size=128, classes=["cat", "dog"])
    yield "codelab, 150", Toolbox(build_model("codelab", 150), size=150, classes=["cat", "dog"])

def processor_seconds():
    "What all processes below this one have used so far"
    return sum(sum(p.cpu_times()[:2]) for p in psutil.Process().children(recursive=True))

def measure(browser, file, seconds):
    "Open a page, run the webcam, return what it says of itself"
    page = browser.new_page(viewport=dict(width=1280, height=800))
    start = time.perf_counter()
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-settled]", state="attached", timeout=120_000)
    opened = time.perf_counter() - start
    page.keyboard.press("w")
    page.wait_for_timeout(4000)                 # until the browser has made fast code of everything
    before, used = page.evaluate("({...document.documentElement.dataset})"), processor_seconds()
    page.wait_for_timeout(1000 * seconds)
    after, used = (
        page.evaluate("({...document.documentElement.dataset})"),
        processor_seconds() - used)
    page.close()
    pictures = int(after["pictures"]) - int(before["pictures"])
    latency, inference = float(after["latency"]), float(after["inference"])
    return (
        f"opens in {opened:.1f} s, {pictures / seconds:.1f} pictures/s, latency {latency:.0f} ms, "
        f"of it network {inference / latency:.0%}, "
        f"processor {1000 * used / max(pictures, 1):.0f} ms a picture")

def main():
    "Print a line for each network"
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        program = (
            shutil.which("chromium")
            or shutil.which("chromium-browser")
            or shutil.which("google-chrome"))
        for name, box in networks():
            file = box.save(Path(folder)/"page.html")
            browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
            line = measure(browser, file, seconds)
            browser.close()
            busy = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
            print(f"{name:24} {file.stat().st_size / 1e6:5.1f} MB, {line} ({busy})", flush=True)

if __name__ == "__main__": main()
