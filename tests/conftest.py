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
        "train", draw_pets(folder / "pets", n=200, size=64), "--model", "classic", "--epochs", "2",
        "--out", folder / "drawn")
    assert done.returncode == 0, done.stderr
    return folder/"drawn"

@pytest.fixture(scope="session")
def browser():
    "Headless Chromium; without it the test is skipped"
    playwright = pytest.importorskip("playwright.sync_api")
    program = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome"))
    if not program: pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as p:
        b = p.chromium.launch(
            executable_path=program,
            args=[
                "--no-sandbox", "--disable-background-networking", "--disable-component-update",
                "--disable-sync", "--no-first-run"])
        yield b
        b.close()

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
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--allow-root",
            f"--port={port}",
            "--ip=127.0.0.1",
            "--IdentityProvider.token=",
            f"--ServerApp.root_dir={place}",
            "--LabApp.news_url=None"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "JUPYTER_CONFIG_DIR": str(place / "config")})
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
