# SPDX-License-Identifier: Apache-2.0
"""Memory that unpacking takes: a bound, and the window of the compression where that is larger."""
import json
import os
import subprocess
import sys

import pytest

from rktlib import BUILD, entry, manifest, tar_bytes

# Measured by a process of its own: what a child takes before its exec would be this one's.
MEASURE = ("import resource, subprocess, sys\nr = subprocess.run(sys.argv[1:])\n"
           "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\nsys.exit(r.returncode)")


def measured_fetch(rkt, tool):
    """(status, MiB of the largest process, stderr)"""
    tar = tar_bytes([entry("manifest", json.dumps(manifest("example.com/a"))), entry("rootfs"), entry("rootfs/big", bytes(144 << 20))])
    packed = subprocess.run([*tool, "-c"], input=tar, stdout=subprocess.PIPE, check=True).stdout
    (rkt.tmp / "a.aci").write_bytes(packed)
    r = subprocess.run([sys.executable, "-c", MEASURE, *rkt.argv("--insecure-options=image", "fetch", rkt.tmp / "a.aci")], capture_output=True, text=True, env=rkt.env)
    return r.returncode, int(r.stdout.splitlines()[-1]) >> 10, r.stderr


@pytest.mark.parametrize("tool, limit", [(["gzip", "-1"], 64), (["xz", "-T1", "--lzma2=preset=0,dict=32MiB"], 64), (["xz", "-T1", "--lzma2=preset=0,dict=64MiB"], 96),
                                         (["zstd", "-q", "--long=27"], 168)], ids=["gzip", "xz", "xz-9", "zstd-long"])
def test_the_window_is_all_that_grows(rkt, tool, limit):
    status, most, err = measured_fetch(rkt, tool)
    assert status == 0 and ("asan" in os.path.basename(BUILD) or most < limit), (most, err)


@pytest.mark.parametrize("tool", [["xz", "-T1", "--lzma2=preset=0,dict=256MiB"], ["zstd", "-q", "--ultra", "--long=28"]], ids=["xz", "zstd"])
def test_a_window_that_is_too_large_is_named(rkt, tool):
    status, most, err = measured_fetch(rkt, tool)
    assert status == 254 and "needs too much memory to be read" in err and "corrupt" not in err and most < 168, (most, err)
