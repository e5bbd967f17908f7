"""git's clean filter for notebooks: what JupyterLab adds when a notebook is opened, run or saved is no change.

JupyterLab writes the name of the reader's kernel and the version of their Python into a notebook as soon as it is
opened, and counts the cells that are run. Git asks this filter before it compares a file with what is committed, so
`git status` stays clean. The rules are those of `nbdev_clean`, which takes too long to start for each file;
`tests/test_tools.py` compares the two. Reads a notebook from standard input and writes it to standard output.
"""
import json
import re
import sys
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OF_NOTEBOOK = {"kernelspec", "jekyll", "jupytext", "doc", "widgets"}
ADDRESS = re.compile(r"(<.*?)( at 0x[0-9a-fA-F]+)(>)")


def kept_of_cells():
    "The metadata of cells that stay, as settings.ini says"
    config = ConfigParser(interpolation=None)
    config.read(ROOT/"settings.ini", encoding="utf8")
    return {"hide_input", *config["DEFAULT"]["allowed_cell_metadata_keys"].split()}


def without_addresses(lines):
    "Text without the places in memory that change from run to run"
    if isinstance(lines, str):
        return ADDRESS.sub(r"\1\3", lines)
    return [ADDRESS.sub(r"\1\3", line) for line in lines]


def clean_output(output):
    "One output of a cell, in place"
    if "execution_count" in output:
        output["execution_count"] = None
    if "text" in output:
        output["text"] = without_addresses(output["text"])
    data = output.get("data", {})
    data.pop("application/vnd.google.colaboratory.intrinsic+json", None)
    for kind in data:
        if kind.startswith("text"):
            data[kind] = without_addresses(data[kind])
        if kind.startswith("image") and "svg" not in kind:
            data[kind] = data[kind].rstrip()


def clean_cell(cell, kept):
    "One cell, in place"
    cell["metadata"] = {name: value for name, value in cell["metadata"].items() if name in kept}
    if "execution_count" in cell:
        cell["execution_count"] = None
    for output in cell.get("outputs", []):
        clean_output(output)


def clean(text):
    "A notebook's text as it is committed"
    nb = json.loads(text)
    kept = kept_of_cells()
    for cell in nb["cells"]:
        clean_cell(cell, kept)
    kernel = nb["metadata"].get("kernelspec", {})
    if kernel.get("name"):
        kernel["display_name"] = kernel["name"]
    nb["metadata"] = {name: value for name, value in nb["metadata"].items() if name in OF_NOTEBOOK}
    return json.dumps(nb, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def main():
    "What cannot be read as a notebook passes as it is"
    given = sys.stdin.buffer.read()
    try:
        cleaned = clean(given.decode("utf8")).encode("utf8")
    except (ValueError, KeyError, TypeError, AttributeError):
        cleaned = given
    sys.stdout.buffer.write(cleaned)


if __name__ == "__main__":
    main()
