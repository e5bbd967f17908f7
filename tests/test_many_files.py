"""Four times as many files take four times the work, and a bar counts them: benchmarks/many_files.py, small."""
import os
import sys
import subprocess
import time
import zipfile

import pytest
from test_layouts import picture

from catsdogs.data import photos as photos_module
from catsdogs.data.cache import _cache_file
from catsdogs.data.photos import find_photos
from catsdogs.data.splits import DataSettings, describe_split, split_photos

FEW, MANY = 1500, 6000


def folder_of(n, place):
    "Links to one photo, in a folder for each class"
    (place/"one.jpg").write_bytes(picture(1))
    for kind in ("cat", "dog"):
        (place/"photos"/kind).mkdir(parents=True)
        for i in range(n // 2):
            os.link(place/"one.jpg", place/"photos"/kind/f"{kind}.{i}.jpg")
    return place/"photos"


def zip_of(n, place):
    with zipfile.ZipFile(place/"photos.zip", "w") as archive:
        for i in range(n):
            archive.writestr(f"train/{('cat', 'dog')[i % 2]}.{i // 2}.jpg", b"x")
    return place/"photos.zip"


def linked_folders_of(n, place):
    "A folder for each animal, all of them elsewhere"
    source = place/"photos"
    for i in range(n // 10):
        kind = ("cat", "dog")[i % 2]
        (place/"elsewhere"/str(i)).mkdir(parents=True)
        (place/"elsewhere"/str(i)/"a.jpg").write_bytes(b"x")
        (source/kind).mkdir(parents=True, exist_ok=True)
        (source/kind/str(i)).symlink_to(place/"elsewhere"/str(i))
    return source


def begin(source):
    "What every training does before it decodes a photo"
    photos = find_photos(source).chosen()
    train, valid = split_photos(photos)
    describe_split(photos, [photos[i] for i in train], [photos[i] for i in valid])
    _cache_file(photos, DataSettings())


def calls(function, *arguments):
    "How many functions are called"
    count = 0

    def hook(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")
    sys.setprofile(hook)
    try:
        function(*arguments)
    finally:
        sys.setprofile(None)
    return count


def seconds(function, *arguments):
    "The least processor time of three"
    times = []
    for _ in range(3):
        start = time.process_time()
        function(*arguments)
        times.append(time.process_time() - start)
    return min(times)


@pytest.mark.parametrize("make", [folder_of, zip_of, linked_folders_of])
def test_work_grows_as_the_files_do(make, tmp_path):
    sources = []
    for n in (FEW, MANY):
        (tmp_path/str(n)).mkdir()
        sources.append(make(n, tmp_path/str(n)))
    few, many = (calls(begin, source) for source in sources)
    assert many < 4.4 * few, (few, many)                # sorting adds a little
    few, many = (seconds(begin, source) for source in sources)
    assert many < 9 * few + .1, (few, many)             # 16 times, if each file looked at each


def test_a_bar_counts_the_files(tmp_path, monkeypatch):
    bars = []

    class Bar:
        def __init__(self): self.n, self.closed = 0, False
        def __enter__(self): return self
        def __exit__(self, *error): self.closed = True
        def update(self, n=1): self.n += n

    def progress(it, desc="", total=None):
        bars.append((desc, Bar()))
        return bars[-1][1]
    monkeypatch.setattr(photos_module, "progress", progress)
    find_photos(folder_of(40, tmp_path))
    (desc, bar), = bars
    assert (desc, bar.n, bar.closed) == ("looking for photos", 40, True)


def shown(code, columns=60):
    "What a program writes to a terminal, with the seconds at which it does"
    import pty
    import termios
    terminal, end = pty.openpty()
    termios.tcsetwinsize(end, (30, columns))
    process = subprocess.Popen([sys.executable, "-c", f"import sys, time\n{code}"], stdout=end, stderr=end)
    os.close(end)
    start, pieces = time.monotonic(), []
    while True:
        try: text = os.read(terminal, 65536).decode()
        except OSError: text = ""                       # it has ended
        if not text: break
        pieces.append((time.monotonic() - start, text))
    os.close(terminal)
    assert process.wait(60) == 0, pieces
    return pieces


@pytest.mark.skipif(os.name == "nt", reason="a terminal of Unix")
@pytest.mark.parametrize("columns", [0, 60])
def test_a_bar_in_every_terminal(columns):
    "Terminals without a width, as those of containers, have a bar too"
    code = "from catsdogs.core import progress\nfor i in progress(range(9), 'busy'): time.sleep(.25)"
    assert "busy" in "".join(text for _, text in shown(code, columns))


WITHIN = """
from catsdogs import core
core._delay = lambda: .3
sys.stdout = core.BesideBars(sys.stdout)
with core.waiting("outer"):
    time.sleep(.8)
    for i in core.progress(range(2), "inner"):
        time.sleep(.8)
        print("half", end=" ")
        time.sleep(.4)
        print("whole")
    time.sleep(.8)
print("done")
lost = core.waiting("lost")
time.sleep(.6)
core.close_bars()
"""


@pytest.mark.skipif(os.name == "nt", reason="a terminal of Unix")
def test_bars_move_by_themselves():
    "Also where nothing is counted, and bars within bars; what is printed has lines of its own"
    pieces = shown(WITHIN)
    times = [when for when, _ in pieces]
    assert max(b - a for a, b in zip(times, times[1:], strict=False)) < 1.5, pieces
    text = "".join(text for _, text in pieces)
    assert "outer: 00:0" in text and "inner:  50%" in text and "lost: 00:00" in text
    assert text.rindex("outer") > text.rindex("inner")
    # what stands on each line in the end, a carriage return begins it anew
    lines = [on_screen(line) for line in text.split("\n")]
    assert lines == ["half whole", "half whole", "done", ""], lines


def on_screen(line):
    cells = []
    for part in line.split("\r"): cells[:len(part)] = part
    return "".join(cells).strip()
