"""Every parameter of every public function and method has a comment that says what it is.

python tools/docments.py       lists the parameters that have none

The comment stands behind the parameter or on the line above it. The commands in `cli` are left out, since
`typer` keeps their help; so are methods that a class of the same module has documented already.
"""
import ast
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent/"catsdogs"
LEFT_OUT = {"_modidx.py", "__main__.py", "cli.py"}


def is_public(node):
    "A function that others call, or how an object is made or called"
    is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    return is_function and (node.name in ("__init__", "__call__") or not node.name.startswith("_"))


def public_functions(tree):
    "Pairs of name and function"
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    for node in tree.body:
        if is_public(node):
            yield node.name, node
    for name, node in classes.items():
        bases = [classes[b.id] for b in node.bases if isinstance(b, ast.Name) and b.id in classes]
        inherited = {method.name for base in bases for method in base.body if is_public(method)}
        for method in node.body:
            if is_public(method) and not (name.startswith("_") or method.name in inherited):
                yield f"{name}.{method.name}", method


def undocumented(function, lines):
    "Names of parameters without a comment"
    a = function.args
    parameters = [*a.posonlyargs, *a.args, a.vararg, *a.kwonlyargs, a.kwarg]
    for parameter in parameters:
        if parameter is None or parameter.arg in ("self", "cls"):
            continue
        behind, above = lines[parameter.end_lineno - 1], lines[parameter.lineno - 2].strip()
        if "#" not in behind and not above.startswith("#"):
            yield parameter.arg


def main():
    "The exit status"
    found = []
    for file in sorted(PACKAGE.rglob("*.py")):
        if file.name in LEFT_OUT:
            continue
        text = file.read_text(encoding="utf8")
        for name, function in public_functions(ast.parse(text)):
            where = f"{file.relative_to(PACKAGE.parent)}:{function.lineno}: {name}"
            lacking = undocumented(function, text.splitlines())
            found += [f"{where} does not say what `{parameter}` is" for parameter in lacking]
    print(*found, sep="\n", end="\n" if found else "")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
