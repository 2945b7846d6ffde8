#!/usr/bin/env python3
"""Add up what ran: doctest cases out of Meson's test log, and pytest cases out of JUnit files.

    count_tests.py [--meson LOG.json]... [--junit FILE.xml]... [--plain PASSED,FAILED,SKIPPED]...

Prints one line, ``N passed, N failed, N skipped``. Exit code 1 if anything failed or nothing ran. A test program that
has no doctest summary counts as one test; one that died after or without its summary counts as one failure more, so
that a crash can never look like success. A file that was asked for and is missing is a failure.
"""

import argparse
import json
import pathlib
import re
import sys
import xml.etree.ElementTree

DOCTEST_SUMMARY = re.compile(r"\[doctest\] test cases:\s*(\d+)\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed\s*\|\s*(\d+) skipped")
ANSI_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def count_meson(path):
    """Counts of one ``testlog.json``: a JSON object a line, one for each test program."""
    passed = failed = skipped = 0
    for line in pathlib.Path(path).read_text().splitlines():
        if not line.strip():
            continue
        test = json.loads(line)
        result = test["result"]
        summaries = DOCTEST_SUMMARY.findall(ANSI_COLOUR.sub("", test.get("stdout") or ""))
        cases_failed = sum(int(summary[2]) for summary in summaries)
        passed += sum(int(summary[1]) for summary in summaries)
        failed += cases_failed
        # What doctest calls skipped is mostly what a filter left out; only decorated cases are skipped here, and
        # both look the same, so they are shown rather than hidden.
        skipped += sum(int(summary[3]) for summary in summaries)
        if result in ("OK", "EXPECTEDFAIL"):
            passed += not summaries
        elif result == "SKIP":
            skipped += 1
        elif not cases_failed:
            failed += 1
            print(f"{test['name']}: {result}", file=sys.stderr)
    return passed, failed, skipped


def count_junit(path):
    """Counts of one JUnit XML file."""
    passed = failed = skipped = 0
    for suite in xml.etree.ElementTree.parse(path).getroot().iter("testsuite"):
        total, bad, left_out = (int(suite.get("tests", 0)), int(suite.get("failures", 0)) + int(suite.get("errors", 0)),
                                int(suite.get("skipped", 0)))
        passed += max(0, total - bad - left_out)
        failed += bad
        skipped += left_out
    return passed, failed, skipped


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--meson", action="append", default=[], metavar="LOG.json")
    parser.add_argument("--junit", action="append", default=[], metavar="FILE.xml")
    parser.add_argument("--plain", action="append", default=[], metavar="PASSED,FAILED,SKIPPED")
    options = parser.parse_args()
    total = [0, 0, 0]
    for reader, paths in ((count_meson, options.meson), (count_junit, options.junit)):
        for path in paths:
            try:
                counts = reader(path)
            except (OSError, ValueError, KeyError, xml.etree.ElementTree.ParseError) as error:
                print(f"{path}: cannot be read, counted as a failure: {error}", file=sys.stderr)
                counts = (0, 1, 0)
            total = [a + b for a, b in zip(total, counts)]
    for text in options.plain:
        total = [a + b for a, b in zip(total, map(int, text.split(",")))]
    passed, failed, skipped = total
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
