"""The form of a lesson: what stands at its top, what is collapsed, how long it may be; and the teacher's table.

python tools/lessons.py             gives every lesson its badges, its set-up cell and collapsed hidden cells,
                                    and writes the table in nbs/course/teachers.ipynb
python tools/lessons.py LESSON …    the same for some lessons
python tools/lessons.py --check     says what is not in form, and changes nothing
"""
import json
import re
import sys
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COURSE = ROOT/"nbs"/"course"
TEACHERS = COURSE/"teachers.ipynb"
SECONDS = ROOT/"tools"/"notebook_seconds.json"

SET_UP = """#| hide
# In Colab and on Kaggle this fetches the package, and the recorded results that some lessons show.
# Anywhere else it fetches nothing.
import importlib.util
import os
import warnings

for harmless in (".*torch.jit.script", "IProgress not found"):      # of fastai and tqdm
    warnings.filterwarnings("ignore", message=harmless)
missing = importlib.util.find_spec("catsdogs") is None
in_cloud = "COLAB_RELEASE_TAG" in os.environ or "KAGGLE_KERNEL_RUN_TYPE" in os.environ
if missing and in_cloud:
    !git clone --quiet --depth 1 {repository} /tmp/catsdogs
    %pip install --quiet /tmp/catsdogs
if in_cloud and os.path.isdir("/tmp/catsdogs/nbs/course"):
    os.chdir("/tmp/catsdogs/nbs/course")

from catsdogs.lessons.checks import explain_folded_tests
from catsdogs.lessons.figures import figures_with_alt
explain_folded_tests()
figures_with_alt()"""


def settings():
    "What settings.ini says"
    config = ConfigParser(interpolation=None)
    config.read(ROOT/"settings.ini", encoding="utf8")
    return config["DEFAULT"]


def lesson_files():
    "The lessons, in their order"
    return sorted(COURSE.glob("[0-9][0-9]_*.ipynb"))


def read(path):
    "A notebook as a dictionary"
    return json.loads(path.read_text(encoding="utf8"))


def as_text(nb):
    "A notebook as nbdev writes it"
    return json.dumps(nb, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def source(cell):
    "A cell's text"
    return "".join(cell["source"])


def set_source(cell, text):
    "Give a cell a text"
    cell["source"] = text.splitlines(keepends=True)


# what a lesson looks like when it is opened

def badges(path):
    "The line that opens a lesson in Colab and on Kaggle"
    said = settings()
    page = f"{said['git_url']}/blob/{said['branch']}/{path.relative_to(ROOT).as_posix()}"
    colab = page.replace("https://github.com/", "https://colab.research.google.com/github/")
    kaggle = f"https://kaggle.com/kernels/welcome?src={page}"
    colab_picture = "https://colab.research.google.com/assets/colab-badge.svg"
    kaggle_picture = "https://kaggle.com/static/images/open-in-kaggle.svg"
    return f"[![Open in Colab]({colab_picture})]({colab}) [![Open in Kaggle]({kaggle_picture})]({kaggle})"


def set_up_cell():
    "The collapsed cell that makes the rest run"
    cell = {"cell_type": "code", "execution_count": None, "id": "set-up", "metadata": {}, "outputs": []}
    set_source(cell, SET_UP.format(repository=settings()["git_url"]))
    return cell


def is_hidden(cell):
    "Is a cell nothing for the reader?"
    return source(cell).lstrip("\n").startswith("#| hide")


def with_badges(text, line):
    "The first cell's text with this line under its title"
    title, *rest = text.split("\n")
    while rest and (not rest[0].strip() or rest[0].startswith("[![Open in")):
        rest.pop(0)
    return "\n".join([title, "", line, "", *rest])


def shape(nb, path):
    "Give a lesson its form, in place"
    first = nb["cells"][0]
    set_source(first, with_badges(source(first), badges(path)))
    others = [cell for cell in nb["cells"][1:] if cell["id"] != "set-up"]
    nb["cells"] = [first, set_up_cell(), *others]
    nb["metadata"]["kernelspec"] = {"display_name": "python3", "language": "python", "name": "python3"}
    for cell in nb["cells"]:
        cell["metadata"].pop("jupyter", None)
        if cell["cell_type"] == "code" and is_hidden(cell):
            collapse(cell)
    return nb


def collapse(cell):
    "Hide a cell's code. JupyterLab shows the first line of it even so, and so that line is empty"
    cell["metadata"]["jupyter"] = {"source_hidden": True}
    set_source(cell, "\n" + source(cell).lstrip("\n"))


# how long it may be, and what must not be missing

@dataclass(frozen=True)
class Measures:
    "What is counted in a lesson"
    code_cells: int
    words: int
    longest_cell: int   # lines
    widest_line: int    # columns
    links_out: int
    checks: int
    questions: int


MOST = Measures(code_cells=20, words=1800, longest_cell=15, widest_line=100, links_out=99, checks=99, questions=99)
LEAST = Measures(code_cells=5, words=300, longest_cell=1, widest_line=1, links_out=3, checks=3, questions=8)


def measure(nb):
    "Count"
    code = [source(cell) for cell in nb["cells"] if cell["cell_type"] == "code" and cell["id"] != "set-up"]
    lines = [text.splitlines() for text in code if not text.lstrip("\n").startswith("#| hide")]
    prose = "\n".join(source(cell) for cell in nb["cells"] if cell["cell_type"] == "markdown")
    without_badges = re.sub(r"^\[!\[Open in.*$", "", prose, flags=re.M)
    exercises = set(re.findall(r"\bcheck_\w+(?=\()", "\n".join(code)))
    return Measures(
        code_cells=len(code),
        words=len(without_badges.split()),
        longest_cell=max(map(len, lines)),
        widest_line=max(len(line) for text in lines for line in text),
        links_out=len(re.findall(r"\]\(https?://", without_badges)),
        checks=len(exercises),
        questions=prose.count("<details><summary>"))


def out_of_limits(measures):
    "What passes a limit, in words"
    found = []
    for name, value in vars(measures).items():
        low, high = getattr(LEAST, name), getattr(MOST, name)
        if not low <= value <= high:
            found.append(f"{name.replace('_', ' ')}: {value}, not from {low} to {high}")
    return found


def out_of_form(nb, path):
    "What a reader would stumble over when the lesson is opened, in words"
    found = []
    if as_text(shape(read(path), path)) != as_text(nb):
        found.append("badges, set-up cell or collapsed cells are missing: run `python tools/lessons.py`")
    shown = [cell for cell in nb["cells"] if cell["cell_type"] == "code" and not is_hidden(cell)]
    if any(line.startswith("#|") for cell in shown for line in source(cell).splitlines()):
        found.append("a directive of nbdev stands in a cell that is shown")
    outputs = [output for cell in nb["cells"] for output in cell.get("outputs", [])]
    if any(output.get("name") == "stderr" for output in outputs):
        found.append("a cell printed a warning")
    found += unheard(outputs)
    first = [page_of(output) for cell in shown[:3] for output in cell["outputs"]]
    if not any("<img" in page or "<table" in page for page in first):
        found.append("no picture and no page within the first three cells")
    if not any("<script>" in page_of(output) for output in outputs):
        found.append("nothing answers at once: no slider and nothing to click")
    if not re.match(r"# \d+\. ", source(nb["cells"][0])) or "**You will be able to**" not in source(nb["cells"][0]):
        found.append("the first cell says no title or no promise")
    return found


def page_of(output):
    "The HTML of an output"
    return "".join(output.get("data", {}).get("text/html", ""))


def unheard(outputs):
    "Pictures that a screen reader cannot read aloud, in words"
    found = []
    if any(kind.startswith("image/") for output in outputs for kind in output.get("data", {})):
        found.append("a figure is no HTML, so it has no alternative text: run the lesson from its first cell")
    for output in outputs:
        pictures = re.findall(r"<img\b[^>]*>", page_of(output))
        if not all(re.search(r'\balt="[^"]+"', picture) for picture in pictures):
            found.append("a picture has no alternative text")
    return found


def remarks(path):
    "All that is wrong with a lesson"
    nb = read(path)
    return out_of_form(nb, path) + out_of_limits(measure(nb))


# what a teacher needs to know

def minutes(seconds):
    "A running time in words"
    if seconds is None:
        return "not measured"
    if seconds < 60:
        return "under 1 minute"
    whole = -(-seconds // 60)
    return f"{whole} minute{'s' * (whole > 1)}"


def spoken_time(text):
    "How long a reader takes, as the lesson itself says"
    found = re.search(r"About (\d+|an hour)(?: (minutes))?", text)
    if not found:
        return "-"
    return found[1] if found[1] == "an hour" else f"{found[1]} minutes"


def needs(text):
    "What the lesson says that it needs, without the times"
    found = re.search(r"\*\*You need\*\*:? (.*?)(?= About (?:\d|an hour)|\n\n|$)", text, re.S)
    return " ".join(found[1].split()) if found else "-"


def row(path, seconds):
    "A lesson's line in the teacher's table"
    nb = read(path)
    first, counted = source(nb["cells"][0]), measure(nb)
    title = first.splitlines()[0].removeprefix("# ")
    taken = minutes(seconds.get(f"course/{path.name}"))
    return f"| [{title}]({path.name}) | {needs(first)} | {spoken_time(first)} | {taken} | {counted.checks} |"


def table():
    "All lessons"
    seconds = json.loads(SECONDS.read_text(encoding="utf8"))
    head = ["| lesson | what it needs | to work through | to run | exercises |", "| --- | --- | --- | --- | --- |"]
    return "\n".join(head + [row(path, seconds) for path in lesson_files()])


def with_table():
    "The teacher's page with the table of today"
    nb = read(TEACHERS)
    for cell in nb["cells"]:
        if cell["id"] == "lessons":
            set_source(cell, table())
    return as_text(nb)


def write(path, text):
    "Write a file that changed"
    if path.read_text(encoding="utf8") != text:
        path.write_text(text, encoding="utf8")
        print(f"changed {path.relative_to(ROOT)}")


def main(argv):
    "The exit status"
    check = "--check" in argv
    named = [Path(name).resolve() for name in argv if name != "--check"]
    found = []
    for path in named or lesson_files():
        if not check:
            write(path, as_text(shape(read(path), path)))
        found += [f"{path.name}: {remark}" for remark in remarks(path)]
    if not check:
        write(TEACHERS, with_table())
    elif TEACHERS.read_text(encoding="utf8") != with_table():
        found.append("teachers.ipynb: the table is not the one of today's lessons: run `python tools/lessons.py`")
    print(*found, sep="\n", end="\n" if found else "")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
