#!/usr/bin/env python3
"""clang-tidy over everything, in parallel. Prints the findings; exit 1 when there is one.

  tidy.py BUILD_DIR            the checks of .clang-tidy on every source of BUILD_DIR, a unity build, in a few translation units
                               of whole folders: the checks spend their time in the headers of the standard library, which are
                               then read as seldom as can be. So a namespace knows a name in one meaning, tests included.
  tidy.py --deep BUILD_DIR [FOLDER …]   the static analyzer, which only looks at the main file of a translation unit: for a build
                               that compiles file by file; only on sources below these folders. Ten seconds a file."""
import collections
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


def merged(units, build, count):
    """Writes `count` translation units of equal weight into a build directory of their own: its path, and theirs."""
    folders = collections.defaultdict(set)
    for u in units:
        for f in re.findall(r'^#include "(/[^"]+)"', open(u).read(), re.M) if "/Unity/" in u else [u]:
            folders[os.path.dirname(f)].add(f)
    groups = [(0, []) for _ in range(count)]
    size = {d: sum(map(os.path.getsize, files)) for d, files in folders.items()}
    for d in sorted(folders, key=size.get, reverse=True):
        total, files = groups.pop(0)
        groups = sorted([*groups, (total + size[d], files + sorted(folders[d]))])
    out = os.path.join(build, "merged")
    os.makedirs(out, exist_ok=True)
    test = next(e for e in json.load(open(os.path.join(build, "compile_commands.json"))) if "_test.dir/" in e["file"])
    commands = []
    for n, (_, files) in enumerate(groups):
        path = os.path.join(out, f"{n}.cc")
        with open(path, "w") as f:
            for i, source in enumerate(sorted(files, key=lambda p: "test" in os.path.basename(p))):  # <iomanip> of gtest last
                program = re.search(r"^int main\(", open(source).read(), re.M)
                f.write(f'#define main main_{i}\n#include "{source}"\n#undef main\n' if program else f'#include "{source}"\n')
        commands.append({**test, "file": path, "command": test["command"].split(" -o ")[0] + f" -c {path}"})
    json.dump(commands, open(os.path.join(out, "compile_commands.json"), "w"))
    return out, {c["file"] for c in commands}


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
    if not deep:
        build, units = merged(units, build, 4)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(tidy, u, build, checks) for u in sorted(units)]
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
