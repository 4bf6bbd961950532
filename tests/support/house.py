#!/usr/bin/env python3
"""The rules of the house that no compiler checks: an #include only points up the list of folders, files and functions stay small,
calls that race, leak or hide errors are not used. Prints every finding; exit 1 when there is one."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAYERS = [["base"], ["sys"], ["json"], ["schema"], ["net", "cgroup"], ["config"], ["keystore", "store"], ["image"], ["tree"], ["pod"],
          ["stage0"], ["cli"], ["cmd"]]
HEIGHT = {name: i for i, row in enumerate(LAYERS) for name in row}
LOW = {"base", "sys", "json", "schema"}
BANNED = [
    (r"\bstd::filesystem::(remove_all|create_directories)\b", "races, and crosses live mounts"),
    (r"(?<![\w.>])(?:std::|::)?(system|popen|strtok)\s*\(", "banned call"),
    (r"(?<![\w.>])(?:::)?dup\s*\(", "dup without close-on-exec"),
    (r"(?<![\w.>])(?:std::|::)?getenv\s*\(", "plain getenv"),
    (r"(?<![\w.>])(?:u|nano|clock_nano)?sleep\s*\(|\bsleep_(for|until)\b", "sleeping: wait for the event"),
    (r"\bcatch\s*\(\s*\.\.\.\s*\)\s*\{\s*\}", "an empty catch (...)"),
    (r"\busing namespace\b", "using namespace"), (r"\bgoto\b", "goto"), (r"\bconst_cast\b", "const_cast"),
]


def allowed(room, to):
    if to == room or to not in HEIGHT:
        return True
    if room == "stage1":
        return to in LOW | {"net", "cgroup"}
    if room == "worker":
        return to in LOW
    return HEIGHT[to] < HEIGHT[room]


def main():
    found = []
    files = subprocess.run(["git", "ls-files", "src/*.h", "src/*.cc", "stage1/*.h", "stage1/*.cc"], cwd=ROOT, check=True,
                           capture_output=True, text=True).stdout.split()
    for name in files:
        lines = open(os.path.join(ROOT, name)).read().split("\n")
        room = "stage1" if name.startswith("stage1/") else name.split("/")[1]
        test = name.endswith("_test.cc")
        if len(lines) > 800:
            found.append(f"{name}: {len(lines)} lines; split it")
        if name.endswith(".h") and "#pragma once" not in lines:
            found.append(f"{name}: no #pragma once")
        if test:
            continue
        for n, line in enumerate(lines, 1):
            include = re.match(r'\s*#include "([^"/]+)/', line)
            if include and include.group(1) != "stage1" and not allowed(room, include.group(1)):
                if (room, include.group(1)) != ("image", "worker"):
                    found.append(f"{name}:{n}: {room} includes {include.group(1)}")
            code = re.sub(r'"(\\.|[^"\\])*"', '""', line).split("//")[0]
            found += [f"{name}:{n}: {why}" for pattern, why in BANNED if re.search(pattern, code)]
    print("\n".join(found) if found else f"house: {len(files)} files, nothing found")
    return 1 if found else 0


sys.exit(main())
