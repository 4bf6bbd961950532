#!/usr/bin/env python3
"""The rules of the house that no compiler checks: an #include only points up the list of folders, files and functions stay small,
calls that race, leak or hide errors are not used, tests wait for events. Prints every finding; exit 1 when there is one."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Folders of src/, lowest first; a row includes what is in rows before it, never its own.
LAYERS = [["base"], ["sys"], ["json"], ["schema"], ["net", "cgroup"], ["config"], ["keystore", "store"], ["image"], ["tree"], ["pod"],
          ["stage0"], ["api", "cri", "cli"], ["cmd"]]
HEIGHT = {name: i for i, row in enumerate(LAYERS) for name in row}
LOW = {"base", "sys", "json", "schema"}
MAY_CROSS = {("image", "worker"), ("api", "cri"), ("cri", "api")}
FILE_LINES, HEADER_LINES, FUNCTION_LINES, COLUMNS = 800, 300, 100, 120
SLEEP = r"(?<![\w.>])(?:::)?(?:u|nano|clock_nano)?sleep\s*\(|\bsleep_(for|until)\b"
BANNED = [
    (r"\bstd::filesystem::(remove_all|create_directories)\b", "races, and crosses live mounts"),
    (r"(?<![\w.>])(?:std::|::)?(system|popen|strtok)\s*\(", "banned call"),
    (r"(?<![\w.>])(?:::)?dup\s*\(", "dup without close-on-exec"),
    (r"(?<![\w.>])(?:std::|::)?getenv\s*\(", "plain getenv"),
    (SLEEP, "sleeping: wait for the event"),
    (r"\bcatch\s*\(\s*\.\.\.\s*\)\s*\{\s*\}", "an empty catch (...)"),
    (r"\bassert\(false\)", "assert(false)"),
    (r"\busing namespace\b", "using namespace"), (r"\bgoto\b", "goto"), (r"\bconst_cast\b", "const_cast"),
]
EXIT = r"(?<![\w.>:])(?:std::|::)?exit\s*\("
STREAMS = r"\bstd::(cout|cerr)\b"


def listed(*patterns):
    return subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()


def may_include(room, to):
    if room == "stage1":
        return to in LOW | {"net", "cgroup", "stage1"}
    if room == "worker":
        return to in LOW | {"worker"}
    if to in ("stage1", "worker") or to in HEIGHT:
        return to == room or (room, to) in MAY_CROSS or HEIGHT.get(to, len(LAYERS)) < HEIGHT[room]
    return True  # generated files, libraries


def lines_findings(name, room, lines):
    for n, line in enumerate(lines, 1):
        include = re.match(r'\s*#\s*include "([^"/]+)/', line)
        if include and not may_include(room, include.group(1)):
            yield f"{name}:{n}: {room} includes {include.group(1)}"
        code = re.sub(r'"(\\.|[^"\\])*"', '""', line).split("//")[0]
        for pattern, why in BANNED:
            if re.search(pattern, code):
                yield f"{name}:{n}: {why}"
        if not name.endswith("main.cc") and re.search(EXIT, code):
            yield f"{name}:{n}: exit() below main"
        if room not in ("cli", "cmd", "stage1", "worker") and re.search(STREAMS, code):
            yield f"{name}:{n}: a library that prints"


def function_findings(files):
    out = subprocess.run(["ctags", "-x", "--_xformat=%F\t%{line}\t%{end}\t%N", "--kinds-C++=f", "--fields=+ne", "-L", "-"], cwd=ROOT,
                         input="\n".join(files), check=True, capture_output=True, text=True).stdout
    for row in out.split("\n"):
        part = row.split("\t")
        if len(part) == 4 and part[1].isdigit() and part[2].isdigit() and int(part[2]) - int(part[1]) >= FUNCTION_LINES:
            yield f"{part[0]}:{part[1]}: {part[3]}() has {int(part[2]) - int(part[1]) + 1} lines; split it"


def main():
    found = []
    sources = listed("src/*.h", "src/*.cc", "stage1/*.h", "stage1/*.cc")
    for name in sources + listed("tests/*.h", "tests/*.cc"):
        lines = open(os.path.join(ROOT, name)).read().split("\n")
        if len(lines) > FILE_LINES or (name.endswith(".h") and len(lines) > HEADER_LINES):
            found.append(f"{name}: {len(lines)} lines; split it")
        found += [f"{name}:{n}: wider than {COLUMNS} columns" for n, line in enumerate(lines, 1) if len(line) > COLUMNS]
        if name.endswith(".h") and "#pragma once" not in lines:
            found.append(f"{name}: no #pragma once")
        if name.startswith("tests/") or name.endswith(("_test.cc", "_for_test.h")):
            continue
        room = "stage1" if name.startswith("stage1/") else name.split("/")[1]
        if room not in HEIGHT and room not in ("stage1", "worker"):
            found.append(f"{name}: no layer is called {room}/")
            continue
        found += lines_findings(name, room, lines)
    for name in listed("tests/*.py"):
        for n, line in enumerate(open(os.path.join(ROOT, name)), 1):
            if re.search(r"\btime\.sleep\(", line) and "# polls" not in line:
                found.append(f"{name}:{n}: a test that sleeps: wait for the event (a loop that polls says \"# polls\")")
    found += function_findings([f for f in sources if not f.endswith("_test.cc")])
    print("\n".join(found) if found else f"house: {len(sources)} files, nothing found")
    return 1 if found else 0


sys.exit(main())
