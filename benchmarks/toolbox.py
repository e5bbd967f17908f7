"""How fast the toolbox's page is in a real browser: python benchmarks/toolbox.py [SECONDS]
                                                  python benchmarks/toolbox.py --table

For each network: the page's size, seconds until it answers, pictures a second from a fake webcam of
60 frames a second, the median latency from frame to picture, the share of it that is the network
alone, and the processor time that the browser spends on a picture; then the same with the way back
to the pixels on the screen. All of it is measured on one core, where the browser's own processes
and the fake webcam have to live too, and on all cores. Processor time and share hardly depend on what
else the machine does, and so they are what to compare. Needs Chromium and the toolbox's engine.

Writes benchmarks/results/toolbox.json, and with --table what is in it into README.md.
"""
import json, os, platform, shutil, sys, tempfile, time
from contextlib import contextmanager
from pathlib import Path

import psutil
import torch
from playwright.sync_api import sync_playwright

from catsdogs.models.zoo import build_model
from catsdogs.runs.folder import shipped_run
from catsdogs.toolbox.page import Toolbox

ARGUMENTS = [
    "--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream=fps=60"]
RESULTS = Path(__file__).resolve().parent/"results"/"toolbox.json"
CLASSES = ["cat", "dog"]

def networks():
    "Name and toolbox of each network"
    torch.manual_seed(0)
    yield "petnet as it comes", Toolbox(shipped_run())
    yield "petnet, 128", Toolbox(build_model("petnet", 128), size=128, classes=CLASSES)
    yield "codelab, 150", Toolbox(build_model("codelab", 150), size=150, classes=CLASSES)

def processor_seconds():
    "What all processes below this one have used so far"
    return sum(sum(p.cpu_times()[:2]) for p in psutil.Process().children(recursive=True))

def facts_of(page): return page.evaluate("({...document.documentElement.dataset})")

def measure(page, seconds):
    "What a page says of itself while the webcam runs, and what the browser spends on a picture"
    page.wait_for_timeout(4000)                 # until the browser has made fast code of everything
    before, used, start = facts_of(page), processor_seconds(), time.perf_counter()
    page.wait_for_timeout(1000 * seconds)
    after, used, passed = facts_of(page), processor_seconds() - used, time.perf_counter() - start
    pictures = int(after["pictures"]) - int(before["pictures"])
    latency, inference = float(after["latency"]), float(after["inference"])
    return dict(
        pictures_per_second=round(pictures / passed, 1), latency_ms=round(latency, 1),
        network_ms=round(inference, 1), network_share=round(inference / latency, 2),
        processor_ms_per_picture=round(1000 * used / max(pictures, 1), 1))

def processor_name():
    "What Linux calls the processor; elsewhere the kind of machine"
    try: lines = Path("/proc/cpuinfo").read_text(encoding="utf8").splitlines()
    except OSError: return platform.machine()
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()

def chromium():
    "The browser's program, or None for the one that Playwright brings"
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

@contextmanager
def browser_on(cores):
    "A browser that may use these cores only, with all its processes"
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        with sync_playwright() as playwright:   # its processes are born with the cores of this one
            browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
            yield browser
            browser.close()
    finally: os.sched_setaffinity(0, allowed)

def visit(browser, file, seconds):
    "Open a page, run the webcam, with the layers alone and with the way back to the pixels"
    page = browser.new_page(viewport=dict(width=1280, height=800))
    start = time.perf_counter()
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-settled]", state="attached", timeout=120_000)
    opened = time.perf_counter() - start
    page.keyboard.press("w")
    layers = measure(page, seconds)
    page.locator("#view").select_option("gradient")
    back = measure(page, seconds)
    return dict(opens_in_seconds=round(opened, 1), layers=layers, way_back=back)

START, END = "<!-- toolbox.py --table writes this -->", "<!-- until here -->"

def table(found):
    "What was measured, in Markdown"
    lines = [
        "| network | cores | pictures a second: layers, with the way back | "
        "milliseconds to the picture | of them the network |",
        "| --- | --- | --- | --- | --- |"]
    for name, network in found["networks"].items():
        for cores in ("one core", "all cores"):
            layers, back = network[cores]["layers"], network[cores]["way_back"]
            number = "1" if cores == "one core" else found["cores"]
            lines.append(
                f"| {name} ({network['page_megabytes']:.0f} MB) | {number} | "
                f"{layers['pictures_per_second']:.0f}, {back['pictures_per_second']:.0f} | "
                f"{layers['latency_ms']:.0f} | {layers['network_ms']:.0f} |")
    return "\n".join(lines)

def write_table():
    "Put the table where the README has it"
    readme = RESULTS.parents[1]/"README.md"
    before, rest = readme.read_text(encoding="utf8").split(START)
    after = rest.split(END, 1)[1]
    text = table(json.loads(RESULTS.read_text(encoding="utf8")))
    readme.write_text(f"{before}{START}\n{text}\n{END}{after}", encoding="utf8")

def main():
    "Measure each network, print a line for it, and write all into the results"
    if sys.argv[1:] == ["--table"]: return write_table()
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    all_cores = os.sched_getaffinity(0)
    found = dict(processor=processor_name(), cores=len(all_cores), networks={})
    with tempfile.TemporaryDirectory() as folder:
        for name, box in networks():
            file = box.save(Path(folder)/"page.html")
            result = dict(size=box.network.size, page_megabytes=round(file.stat().st_size / 1e6, 2))
            for kind, cores in (("one core", {max(all_cores)}), ("all cores", all_cores)):
                with browser_on(cores) as browser:
                    found["browser"] = f"Chromium {browser.version}, headless"
                    result[kind] = visit(browser, file, seconds)
            result["load"] = round(os.getloadavg()[0], 1)
            found["networks"][name] = result
            print(f"{name}: {json.dumps(result)}", flush=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf8")

if __name__ == "__main__": main()
