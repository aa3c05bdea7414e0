"""Prints one table of all bars, from what the measurements wrote into bench-results/."""

import json

from components.bench import HEAD, RESULTS, ROOT, Bar


def main() -> None:
    print(f"\nall bars\n{HEAD}")
    missed = 0
    for path in sorted(RESULTS.glob("*.json")):
        document = json.loads(path.read_text())
        note = ", a short run that says nothing of speed" if document.get("short") else ""
        print(f"{path.relative_to(ROOT)}{note}")
        for fields in document.get("bars", []):
            verdict = fields.pop("verdict")
            missed += verdict == "MISSED"
            print(Bar(**fields).row())
    print(f"\n{missed} missed")


if __name__ == "__main__":
    main()
