"""Write README.md from nbs/index.ipynb, or check that it is in step: python tools/make_readme.py [--check]

nbdev's own `nbdev_readme` needs quarto; nbconvert does the same for a notebook without figures.
"""
import sys
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter

ROOT = Path(__file__).resolve().parent.parent
NOTE = "<!-- Made from nbs/index.ipynb by tools/make_readme.py; edit the notebook. -->\n\n"


def shown(cell):
    "Does the reader see this cell?"
    return "#| hide" not in cell.source and cell.cell_type != "raw"


def without_directives(source):
    "A cell's text without the lines that speak to nbdev"
    lines = [line for line in source.splitlines() if not line.startswith("#|")]
    return "\n".join(lines)


def readme():
    "index.ipynb as Markdown, without the cells that are hidden"
    nb = nbformat.read(ROOT/"nbs"/"index.ipynb", as_version=4)
    nb.cells = [cell for cell in nb.cells if shown(cell)]
    for cell in nb.cells:
        cell.source = without_directives(cell.source)
    text, _ = MarkdownExporter().from_notebook_node(nb)
    lines = [line.rstrip() for line in text.strip().splitlines()]
    return NOTE + "\n".join(lines) + "\n"


def main(argv):
    "The exit status, or what is wrong"
    target, text = ROOT/"README.md", readme()
    if "--check" not in argv:
        target.write_text(text, encoding="utf8")
    elif target.read_text(encoding="utf8") != text:
        return "README.md is out of step with nbs/index.ipynb: run `make readme`"
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
