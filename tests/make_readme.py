"""Write README.md from nbs/index.ipynb, or check that it is in step: python tests/make_readme.py [--check]

nbdev's own `nbdev_readme` needs quarto; nbconvert does the same for a notebook without figures.
"""
import sys
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter

root = Path(__file__).resolve().parent.parent

def readme():
    "index.ipynb as Markdown, without the cells that are hidden"
    nb = nbformat.read(root/"nbs"/"index.ipynb", as_version=4)
    nb.cells = [c for c in nb.cells if "#| hide" not in c.source and c.cell_type != "raw"]
    for c in nb.cells: c.source = "\n".join(l for l in c.source.splitlines() if not l.startswith("#|"))
    text, _ = MarkdownExporter().from_notebook_node(nb)
    note = "<!-- Made from nbs/index.ipynb by tests/make_readme.py; edit the notebook. -->\n\n"
    return note + "\n".join(l.rstrip() for l in text.strip().splitlines()) + "\n"

if __name__ == "__main__":
    target, text = root/"README.md", readme()
    if "--check" not in sys.argv: target.write_text(text, encoding="utf8")
    elif target.read_text(encoding="utf8") != text: sys.exit("README.md is out of step with nbs/index.ipynb: run `make readme`")
