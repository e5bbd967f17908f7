"""What several tests need: drawn pets, a run trained on them, the command line, a browser."""
import os, shutil, socket, subprocess, sys, time, urllib.request
from pathlib import Path

import pytest

from typing_in import type_in

root = Path(__file__).resolve().parent.parent

@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    "A folder for the session; the photo cache is kept in it"
    d = tmp_path_factory.mktemp("catsdogs")
    os.environ["CATSDOGS_CACHE"] = str(d/"cache")
    return d

@pytest.fixture(scope="session")
def photos():
    "The folder with Kaggle's photos; without it the test is skipped"
    if not os.environ.get("CATSDOGS_PHOTOS"):
        pytest.skip("CATSDOGS_PHOTOS is not set: the folder with Kaggle's train.zip")
    return Path(os.environ["CATSDOGS_PHOTOS"])

@pytest.fixture(scope="session")
def catsdogs(folder):
    "Type a command line: catsdogs('predict', …) → the finished process"
    return lambda *args: type_in(args, folder)

@pytest.fixture(scope="session")
def drawn(folder, catsdogs):
    "A run folder, trained on 200 drawings"
    from catsdogs.drawing.dataset import draw_pets
    done = catsdogs(
        "train", draw_pets(folder/"pets", n=200, size=64), "--model", "classic", "--epochs", "2",
        "--out", folder/"drawn")
    assert done.returncode == 0, done.stderr
    return folder/"drawn"

def chromium():
    "The path of Chromium; None if there is none"
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

@pytest.fixture(scope="session")
def browser():
    "Headless Chromium; without it the test is skipped"
    playwright = pytest.importorskip("playwright.sync_api")
    program = chromium()
    if not program: pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as p:
        b = p.chromium.launch(
            executable_path=program,
            args=[
                "--no-sandbox", "--disable-background-networking", "--disable-component-update",
                "--disable-sync", "--no-first-run"])
        yield b
        b.close()

@pytest.fixture(scope="module")
def engine():
    "The program that runs networks in the browser; without it the test is skipped"
    from catsdogs.toolbox.page import engine_is_there
    if not engine_is_there(): pytest.skip("onnxruntime-web has not been fetched: make engine")

@pytest.fixture(scope="module")
def quick_export():
    "Each export after the first takes a second less"
    if str(root) not in sys.path: sys.path.append(str(root))
    import tools.quick_export  # noqa: F401

@pytest.fixture(scope="module")
def camera(folder, browser):
    "Headless Chromium whose webcam shows a cat that moves from left to right"
    frames = folder/"webcam.y4m"
    write_video(frames)
    arguments = [
        "--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={frames}"]
    other = browser.browser_type.launch(executable_path=chromium(), args=arguments)
    yield other
    other.close()

def write_video(path, width=160, height=120, frames=30):
    "An uncompressed video: grey ground, and on it a drawn cat that moves"
    from PIL import Image
    from catsdogs.drawing.dataset import draw_pet
    cat = draw_pet("cat", 0, 96)
    with open(path, "wb") as f:
        f.write(f"YUV4MPEG2 W{width} H{height} F30:1 Ip A1:1 C420jpeg\n".encode())
        for i in range(frames):
            frame = Image.new("RGB", (width, height), "#808080")
            frame.paste(cat, (2 * i, 12))
            y, cb, cr = frame.convert("YCbCr").split()
            small = [plane.resize((width // 2, height // 2)).tobytes() for plane in (cb, cr)]
            f.write(b"FRAME\n" + y.tobytes() + b"".join(small))

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]

@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    "A JupyterLab server on the loopback address, over a copy of the notebooks; yields its address and the copy"
    place = tmp_path_factory.mktemp("lab")
    shutil.copytree(root/"nbs", place/"nbs", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    # recorded experiments, which notebooks show
    shutil.copytree(root/"benchmarks"/"results", place/"benchmarks"/"results")
    port = free_port()
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
        "--ip=127.0.0.1", "--IdentityProvider.token=", f"--ServerApp.root_dir={place}",
        "--LabApp.news_url=None"]
    env = {**os.environ, "JUPYTER_CONFIG_DIR": str(place/"config")}
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(command, **silent, env=env)
    address = f"http://127.0.0.1:{port}"
    for _ in range(240):
        try:
            urllib.request.urlopen(f"{address}/api", timeout=1)
            break
        except OSError: time.sleep(.25)
    yield address, place
    server.terminate()
    try: server.wait(20)
    except subprocess.TimeoutExpired:                   # a kernel that does not end holds it up
        server.kill()
        server.wait()
