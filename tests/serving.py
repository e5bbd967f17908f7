"""`catsdogs toolbox` in a process of its own, which is given what it would otherwise export and look for anew."""
import signal
import sys


def serve(arguments, bundle, facts, out, err):
    "What the process does: the command, with its output into these two files, until Ctrl-C"
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdout, sys.stderr = (open(path, "w", encoding="utf8") for path in (out, err))
    import catsdogs.toolbox.page as page
    from catsdogs.cli import main
    page.make_bundle = lambda *options: bundle
    page.unit_facts = lambda *options: facts
    sys.exit(main(arguments))
