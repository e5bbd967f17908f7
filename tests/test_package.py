"""The files for a package index: an sdist from which the wheel can be built, and what the package's page shows."""
import email
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from configparser import ConfigParser

import pytest
from conftest import root

pytest.importorskip("setuptools")
BESIDE = ("setup.py", "settings.ini", "pyproject.toml", "MANIFEST.in", "README.md", "CHANGELOG.md",
          "CITATION.cff", "LICENSE")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")

def build(kind, source, out):
    "What `python -m build` asks setuptools for, in a process of its own and without a network"
    code = f"import setuptools.build_meta as b; print('BUILT', b.build_{kind}({str(out)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    name, = re.findall("^BUILT (.+)$", done.stdout, re.MULTILINE)
    return out/name

@pytest.fixture(scope="module")
def built(tmp_path_factory):
    "The sdist of the clone, and the wheel of what was unpacked from it"
    place = tmp_path_factory.mktemp("package")
    clone, out = place/"clone", place/"dist"
    shutil.copytree(
        root/"catsdogs", clone/"catsdogs", ignore=shutil.ignore_patterns("__pycache__", "engine"))
    for name in BESIDE: shutil.copy(root/name, clone/name)
    out.mkdir()
    sdist = build("sdist", clone, out)
    shutil.unpack_archive(sdist, place/"unpacked")
    (unpacked,) = (place/"unpacked").iterdir()
    return sdist, build("wheel", unpacked, out)

def metadata(wheel):
    with zipfile.ZipFile(wheel) as file:
        name = next(n for n in file.namelist() if n.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(file.read(name))

def test_the_sdist_can_be_built_from(built):
    sdist, wheel = built
    with tarfile.open(sdist) as tar: names = {n.partition("/")[2] for n in tar.getnames()}
    assert set(BESIDE) <= names
    assert not [n for n in names if n.startswith(("tests/", "nbs/", "benchmarks/"))]

def test_the_wheel_holds_what_the_package_needs(built):
    with zipfile.ZipFile(built[1]) as file: names = set(file.namelist())
    kinds = {".py", ".js", ".css", ".html", ".typed", ".safetensors", ".json", ".gz", ".md"}
    ours = {
        f.relative_to(root).as_posix() for f in (root/"catsdogs").rglob("*")
        if f.suffix in kinds and not {"engine", "__pycache__"} & set(f.parts)}
    ours -= {"catsdogs/toolbox/package.json", "catsdogs/toolbox/package-lock.json"}
    assert "catsdogs/py.typed" in ours and "catsdogs/petnet/model.safetensors" in ours
    assert ours <= names, sorted(ours - names)

def test_the_version_is_said_alike(built):
    config = ConfigParser(delimiters=["="])
    config.read(root/"settings.ini", encoding="utf8")
    version = config["DEFAULT"]["version"]
    said = metadata(built[1])["Version"]
    citation = (root/"CITATION.cff").read_text(encoding="utf8")
    cited, = re.findall(r"^version: (\S+)$", citation, re.MULTILINE)
    assert said == version == cited == __import__("catsdogs").__version__
    assert f"\n## {version} (" in (root/"CHANGELOG.md").read_text(encoding="utf8")

def test_the_page_of_the_package_shows_the_whole_readme(built):
    page = metadata(built[1])
    assert page["Description-Content-Type"] == "text/markdown"
    text, readme = page.get_payload(), (root/"README.md").read_text(encoding="utf8")
    # every address holds on another site, and none is lost
    addresses = LINK.findall(text)
    assert len(addresses) == len(LINK.findall(readme)) > 20
    assert [a for a in addresses if not a.startswith(("https://", "http://", "#", "mailto:"))] == []
    pictures = re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", text)
    assert pictures and all(p.startswith("https://") for p in pictures)
    assert re.findall("^#.*$", text, re.MULTILINE) == re.findall("^#.*$", readme, re.MULTILINE)
