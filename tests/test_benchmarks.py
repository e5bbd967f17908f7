"""The scripts that the README's numbers come from: each of them can still be imported."""
import importlib.util
import sys

import pytest
from conftest import root

NEEDS_KERAS = {"keras_codelab"}     # runs where TensorFlow is, in an environment of its own
NEEDS_MORE = {"corruptions": "imagecorruptions"}    # a package that nothing else here needs
SCRIPTS = sorted((root/"benchmarks").glob("*.py"))


def import_script(path):
    "Run a script's top level, but not its `if __name__ == '__main__'`"
    spec = importlib.util.spec_from_file_location(f"benchmark_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module     # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[spec.name]
    return module


def test_there_are_benchmarks():
    assert len(SCRIPTS) > 15


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_benchmark_imports(path):
    if path.stem in NEEDS_KERAS:
        pytest.skip("Keras lives in an environment of its own")
    if path.stem in NEEDS_MORE: pytest.importorskip(NEEDS_MORE[path.stem])
    assert import_script(path).__doc__, (
        "a benchmark says at its top what it measures and how it is called")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_benchmark_compiles(path):
    "Keras' side too"
    compile(path.read_text(encoding="utf8"), str(path), "exec")
