#!/usr/bin/env python3
"""Runs the unit tests of a build and says which were slow. A test that skips without being listed in tests/skips.txt (as
PROGRAM::Suite.Name) is a failure, as is a build without tests.

  unit.py BUILD_DIR"""
import glob
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as xml

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main():
    build = os.path.abspath(sys.argv[1])
    results = os.path.join(build, "unit-results")
    shutil.rmtree(results, ignore_errors=True)
    status = subprocess.run(["ctest", "--test-dir", build, "--output-on-failure", "--no-tests=error", "--timeout", "120",
                             f"-j{os.cpu_count()}"], env=os.environ | {"GTEST_OUTPUT": f"xml:{results}/"}).returncode
    listed = [line.split("#")[0].strip() for line in open(os.path.join(TESTS, "skips.txt"))]
    ran, unlisted, slow = 0, [], []
    for path in sorted(glob.glob(os.path.join(results, "*.xml"))):
        for case in xml.parse(path).getroot().iter("testcase"):
            name = f"{os.path.basename(path)[:-len('.xml')]}::{case.get('classname')}.{case.get('name')}"
            ran += 1
            if case.get("result") == "skipped" and name not in listed:
                unlisted.append(f"skipped, but not listed in tests/skips.txt: {name}")
            if float(case.get("time", 0)) > 1:
                slow.append(f"slow: {case.get('time')} s {name}")
    print("\n".join(slow + unlisted + [f"unit: {ran} tests ran"]))
    return status or (1 if unlisted or ran == 0 else 0)


sys.exit(main())
