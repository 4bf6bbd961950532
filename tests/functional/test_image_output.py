# SPDX-License-Identifier: Apache-2.0
"""Where `image export`, `image extract` and `image render` write to: what is made, what is spared, whose full disk it is."""
import os
import subprocess

import pytest

from rktlib import entry

MiB = 1 << 20


@pytest.fixture
def aci(rkt):
    return rkt.image(entries=[entry("rootfs"), entry("rootfs/big", os.urandom(2 * MiB))])


@pytest.fixture
def small(tmp_path):
    """A file system of 1 MiB."""
    place = tmp_path / "out" / "small"
    place.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "rkt-test", place], check=True)
    yield place
    subprocess.run(["umount", place], check=True)


def test_missing_directories_above_are_made(rkt, aci):
    for command in ("extract", "render"):
        out = rkt.tmp / command / "new" / "out"
        rkt("image", command, aci.name, out, code=0)
        assert (out / "rootfs" / "big").stat().st_size == 2 * MiB


def test_a_full_disk_is_that_of_the_output(rkt, aci, small):
    for args in (["extract", aci.name, small / "d"], ["render", aci.name, small / "d"], ["export", aci.name, small / "f.aci"],
                 ["export", "--overwrite", aci.name, "/dev/full"]):
        r = rkt("image", *args, code=254)
        assert f'there is no room for "{args[-1]}"' in r.err and "data directory" not in r.err and len(r.complaints) == 1, r
        assert os.listdir(small) == []


def test_a_directory_with_a_mount_in_it_stays_as_it_is(rkt, aci, small):
    (small.parent / "a").write_text("old")
    for target in (small.parent, small):
        r = rkt("image", "extract", "--overwrite", aci.name, target, code=254)
        assert f'"{target}" cannot be replaced: "{small}" is a mount point' in r.err, r
    assert (small.parent / "a").read_text() == "old"


def test_a_directory_is_replaced_when_the_new_one_is_complete(rkt, aci):
    out = rkt.tmp / "out"
    for only in ([], ["--rootfs-only"], []):
        (out / "old" / "deep").mkdir(parents=True)
        rkt("image", "extract", "--overwrite", *only, aci.name, out, code=0)
        assert sorted(os.listdir(out)) == (["big"] if only else ["manifest", "rootfs"])
    assert not [n for n in os.listdir(rkt.tmp) if n.startswith(".rkt-image")]


def test_the_data_directory_is_no_output(rkt, aci):
    (rkt.tmp / "link").symlink_to(rkt.data / "cas")
    for target in (rkt.data, rkt.data.parent, rkt.data / "new", rkt.data / "cas", rkt.data / "a" / "b", rkt.tmp / "link" / "new", f"{rkt.data}/cas/../x"):
        for command in ("extract", "render"):
            r = rkt("image", command, "--overwrite", aci.name, target, code=254)
            assert "the data directory" in r.err, r
    assert not (rkt.data / "a").exists()
    rkt("store", "check", code=0)
