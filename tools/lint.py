"""Hold the code to ruff's rules in pyproject.toml, with a count of old offences that may only fall.

python tools/lint.py            fails where a folder breaks a rule more often than tools/lint_baseline.json allows
python tools/lint.py --lower    writes the counts of today into the baseline; it never raises one
python tools/lint.py --accept   writes the counts of today, the higher ones too (after a merge, and with a reason)

To see the offences themselves: ruff check FOLDER
"""
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BASELINE = ROOT/"tools"/"lint_baseline.json"


def written_by_nbdev(path, row):
    "Is this line of a module part of `__all__`, which nbdev writes and wraps as it likes?"
    line = (ROOT/path).read_text(encoding="utf8").splitlines()[row - 1]
    return path.parts[0] == "catsdogs" and line.startswith(("__all__ = [", "           '"))


def offences():
    "Everything that ruff objects to, as (folder, rule, place); not what nbdev writes itself"
    how = ["--no-cache", "--exit-zero", "--output-format", "json"]
    command = [sys.executable, "-m", "ruff", "check", *how, "."]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    found = []
    for offence in json.loads(done.stdout):
        path = Path(offence["filename"]).relative_to(ROOT)
        if offence["code"] == "E501" and written_by_nbdev(path, offence["location"]["row"]):
            continue
        place = f"{path}:{offence['location']['row']}"
        if offence.get("cell"):
            place = f"{path}, cell {offence['cell']}, line {offence['location']['row']}"
        found.append((path.parts[0], offence["code"] or "syntax", f"{place}: {offence['message']}"))
    return found


def count(found):
    "How often each folder breaks each rule: {folder: {rule: count}}"
    counts = Counter((folder, rule) for folder, rule, _ in found)
    table = {}
    for (folder, rule), number in sorted(counts.items()):
        table.setdefault(folder, {})[rule] = number
    return table


def compare(allowed, counts):
    "The (folder, rule, allowed, counted) that rose, and those that fell"
    rose, fell = [], []
    tables = (allowed, counts)
    pairs = {(folder, rule) for table in tables for folder in table for rule in table[folder]}
    for folder, rule in sorted(pairs):
        before = allowed.get(folder, {}).get(rule, 0)
        now = counts.get(folder, {}).get(rule, 0)
        if now > before:
            rose.append((folder, rule, before, now))
        if now < before:
            fell.append((folder, rule, before, now))
    return rose, fell


def lowered(allowed, counts):
    "The baseline with every count that fell; a count of 0 leaves it"
    table = {}
    for folder, rules in allowed.items():
        for rule, before in rules.items():
            now = min(before, counts.get(folder, {}).get(rule, 0))
            if now:
                table.setdefault(folder, {})[rule] = now
    return table


def write(table):
    "Write the baseline, one folder a paragraph"
    BASELINE.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n", encoding="utf8")


def report(found, rose, fell):
    "Say what rose, with the places of a rule that may not be broken at all, and what can be lowered"
    for folder, rule, before, now in rose:
        where = f"`ruff check --select {rule} {folder}` shows where"
        print(f"{folder} breaks {rule} {now} times, {before} are allowed: {where}")
        if before == 0:
            places = [place for *broken, place in found if broken == [folder, rule]]
            print(*(f"    {place}" for place in places[:10]), sep="\n")
    if fell:
        print("fewer than the baseline allows; keep it so by `python tools/lint.py --lower`:")
        lines = [f"    {folder} {rule}: {before} → {now}" for folder, rule, before, now in fell]
        print(*lines, sep="\n")


def main(argv):
    "The exit status"
    found = offences()
    counts = count(found)
    if "--accept" in argv:
        write(counts)
        return 0
    allowed = json.loads(BASELINE.read_text(encoding="utf8")) if BASELINE.exists() else {}
    if "--lower" in argv:
        allowed = lowered(allowed, counts)
        write(allowed)
    rose, fell = compare(allowed, counts)
    report(found, rose, fell)
    return bool(rose)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
