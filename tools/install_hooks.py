"""Teach this clone's git to merge notebooks cell by cell, to trust them afterwards, and to see what JupyterLab adds
on opening as no change. `make install` calls this.

It does what `nbdev_install_hooks` does for git, but leaves the home folder and other hooks alone, finds the tools
without an activated environment, works in a worktree, and has nothing to do where there is no git checkout.
"""
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(sys.executable).parent
POST_MERGE = f'#!/bin/sh\n# written by tools/install_hooks.py\nexec "{PROGRAMS}/nbdev_trust"\n'


def git(*arguments):
    "What git answers, or None where it cannot"
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def is_checkout():
    "Is this folder the top of a git checkout, and not merely inside someone else's?"
    top = git("rev-parse", "--show-toplevel")
    return top is not None and Path(top).resolve() == ROOT


def install_merge_driver():
    "Conflicts in notebooks are put into cells; .gitattributes names the driver"
    git("config", "--local", "merge.nbdev-merge.name", "notebooks are merged cell by cell")
    git("config", "--local", "merge.nbdev-merge.driver", f'"{PROGRAMS}/nbdev_merge" %O %A %B %P')


def install_clean_filter():
    "Metadata that JupyterLab adds is no change; .gitattributes names the filter, which git runs from the top folder"
    git("config", "--local", "filter.nbdev-clean.clean", f'"{sys.executable}" tools/clean_filter.py')


def install_post_merge():
    "Notebooks that a merge brought are trusted, so that Jupyter shows their outputs; another hook stays as it is"
    hook = ROOT/git("rev-parse", "--git-path", "hooks")/"post-merge"
    if hook.exists() and "tools/install_hooks.py" not in hook.read_text(encoding="utf8"):
        print(f"{hook} is a hook of your own and stays as it is")
        return
    hook.parent.mkdir(parents=True, exist_ok=True)
    hook.write_text(POST_MERGE, encoding="utf8")
    hook.chmod(0o755)


if __name__ == "__main__":
    if is_checkout():
        install_merge_driver()
        install_clean_filter()
        install_post_merge()
    else:
        print("no git checkout here: no hooks to install")
