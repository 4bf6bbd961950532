#!/usr/bin/env python3
"""clang-tidy over everything, in parallel. Prints the findings; exit 1 when there is one.

  tidy.py BUILD_DIR            the checks of .clang-tidy on every translation unit of BUILD_DIR. The preset "tidy" has one a target:
                               the headers of the standard library, which cost most, are then read once a target.
  tidy.py --deep BUILD_DIR [FOLDER …]   the static analyzer, which only looks at the main file of a translation unit: for a build
                               that compiles file by file; only on sources below these folders. Ten seconds a file."""
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEEP = "-*,clang-analyzer-core.*,clang-analyzer-cplusplus.*,clang-analyzer-unix.*,clang-analyzer-deadcode.*"
NOISE = re.compile(r"^(\d+ warnings? (and \d+ errors? )?generated|Suppressed \d+ warnings|Use -header-filter|\d+ warnings treated|$)")


def weight(path):
    """Bytes of source behind a translation unit: the longest go first."""
    text = open(path).read()
    return sum(os.path.getsize(p) for p in re.findall(r'^#include "(/[^"]+)"', text, re.M)) or len(text)


def tidy(path, build, checks):
    start = time.monotonic()
    # A build directory elsewhere has no .clang-tidy above it; a build with g++ has warnings that clang does not know.
    r = subprocess.run(["clang-tidy-19", "--quiet", f"--config-file={ROOT}/.clang-tidy", "--extra-arg=-Wno-unknown-warning-option",
                        "-p", build, *checks, path], cwd=ROOT, capture_output=True, text=True)
    lines = [line for line in (r.stdout + r.stderr).split("\n") if not NOISE.match(line)]
    return path, r.returncode, lines, time.monotonic() - start


def main():
    args = sys.argv[1:]
    deep = "--deep" in args
    if deep:
        args.remove("--deep")
    build, folders = os.path.abspath(args[0]), args[1:]
    units = {os.path.join(e["directory"], e["file"]) for e in json.load(open(os.path.join(build, "compile_commands.json")))}
    if folders:
        units = {u for u in units if os.path.relpath(u, ROOT).startswith(tuple(f + "/" for f in folders)) and "_test.cc" not in u}
    checks = ["-checks=" + DEEP] if deep else []
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(tidy, u, build, checks) for u in sorted(units, key=weight, reverse=True)]
        for job in concurrent.futures.as_completed(jobs):
            path, rc, lines, seconds = job.result()
            if os.environ.get("RKT_TIDY_TIMES"):
                print(f"tidy: {seconds:5.1f} s {path}", flush=True)
            if rc != 0:
                failed += 1
                print("\n".join(lines), flush=True)
    print(f"tidy: {len(units)} translation units, {failed} with findings")
    return 1 if failed or not units else 0


sys.exit(main())
