# SPDX-License-Identifier: Apache-2.0
"""Images that attack whoever unpacks, prepares or runs them: a clear error or a harmless pod, and no change outside."""
import gzip
import json
import os
import tarfile

import pytest

from rktlib import busybox_rootfs, entry, manifest, oci_layout, tar_bytes, write_aci

INSECURE = "--insecure-options=image"


def fetch_hostile(rkt, entries, code=254):
    path = str(rkt.tmp / "hostile.aci")
    write_aci(path, manifest("example.com/hostile", exec=["/bin/true"]), entries)
    return judged(rkt(INSECURE, "run", "--net=none", path), code)


def judged(r, code=254):
    """A clean error is one line; a harmless pod ends with 0 and nothing to complain of."""
    assert r.code == code and len(r.complaints) == (1 if code else 0), r
    return r


def untouched(tmp_path):
    victim = tmp_path / "victim"
    victim.mkdir(exist_ok=True)
    (victim / "file").write_text("original")

    def check():
        assert (victim / "file").read_text() == "original" and os.listdir(victim) == ["file"]
    return victim, check


@pytest.mark.parametrize("name", ["../../../../../../..{v}/new", "rootfs/../../../../../../..{v}/new", "rootfs/a/../../../../../../../..{v}/new"])
def test_path_traversal_is_refused(rkt, tmp_path, name):
    victim, check = untouched(tmp_path)
    r = fetch_hostile(rkt, busybox_rootfs([entry(name.format(v=victim), "evil")]))
    assert "new" in r.err
    check()


def test_writing_through_a_symlink_of_the_image_stays_inside(rkt, tmp_path):
    victim, check = untouched(tmp_path)
    fetch_hostile(rkt, busybox_rootfs([entry("rootfs/out", link=str(victim)), entry("rootfs/out/file", "evil")]), code=0)
    check()
    oci = oci_layout(tmp_path / "oci", [[entry("out", link=str(victim)), entry("out/file", "evil")]], {"Cmd": ["/x"]})
    judged(rkt(INSECURE, "fetch", f"oci:{oci}"), code=0)
    check()


def test_hard_links_to_the_outside_are_refused(rkt, tmp_path):
    victim, check = untouched(tmp_path)
    for link in (str(victim / "file"), "../" * 12 + str(victim / "file")[1:]):
        fetch_hostile(rkt, busybox_rootfs([entry("rootfs/hard", type=tarfile.LNKTYPE, link=link), entry("rootfs/hard", "evil")]))
        check()
        oci = oci_layout(tmp_path / f"oci{len(link)}", [[entry("hard", type=tarfile.LNKTYPE, link=link)]], {"Cmd": ["/x"]})
        judged(rkt(INSECURE, "fetch", f"oci:{oci}"))
        check()


@pytest.mark.parametrize("place", ["etc", "dev", "proc", "sys", "tmp", "run", "opt"])
def test_a_symlinked_directory_of_the_image_does_not_lead_out(rkt, tmp_path, place):
    """The CVE-2026-41579 class: what the engine makes in /etc, /dev … of an image must not appear where a link of it points."""
    victim, check = untouched(tmp_path)
    entries = [(i, b) for i, b in busybox_rootfs() if not i.name.startswith("rootfs/" + place)]
    code = 254 if place in ("dev", "proc", "sys") else 0
    r = fetch_hostile(rkt, entries + [entry("rootfs/" + place, link=str(victim))], code)
    assert not code or f'"/{place}" of the image is not a directory' in r.err, r
    check()
    judged(rkt(INSECURE, "run", "--net=none", "--hosts-entry=1.2.3.4=x", "--dns=1.1.1.1", str(rkt.tmp / "hostile.aci")), code)
    check()
    judged(rkt(INSECURE, "run", "--net=none", "--no-overlay", "--dns=1.1.1.1", str(rkt.tmp / "hostile.aci")), code)
    check()


@pytest.mark.parametrize("file", ["etc/passwd", "etc/group", "etc/resolv.conf", "etc/hosts", "etc/hostname", "etc/mtab", "dev/null", "dev/ptmx", "dev/shm"])
def test_symlinked_files_of_the_image_do_not_lead_out(rkt, tmp_path, file):
    victim, check = untouched(tmp_path)
    entries = [(i, b) for i, b in busybox_rootfs() if i.name != "rootfs/" + file]
    if not any(i.name == "rootfs/" + os.path.dirname(file) for i, _ in entries):
        entries.append(entry("rootfs/" + os.path.dirname(file)))
    fetch_hostile(rkt, entries + [entry("rootfs/" + file, link=str(victim / "file"))], code=0)
    check()


def test_magic_links_are_not_followed(rkt, tmp_path):
    entries = [(i, b) for i, b in busybox_rootfs() if i.name != "rootfs/etc/passwd"]
    entries.append(entry("rootfs/etc/passwd", link="/proc/self/root/etc/passwd"))
    path = str(rkt.tmp / "hostile.aci")
    write_aci(path, manifest("example.com/hostile", exec=["/bin/true"], user="daemon", group="daemon"), entries)
    r = judged(rkt(INSECURE, "run", "--net=none", path), 217)
    assert 'configure user "daemon": open "etc/passwd": no such file' in r.err, r


def test_a_bomb_is_stopped_early(rkt):
    """8 GiB of zeros in 8 MB: refused before the disk fills. The first GiB may be a file of zeros."""
    path = str(rkt.tmp / "bomb.aci")
    info = tarfile.TarInfo("rootfs/zeros")
    info.size = 8 << 30
    entries = tar_bytes([entry("manifest", json.dumps(manifest("example.com/bomb"))), entry("rootfs")])
    head = entries[:-(-len(entries.rstrip(b"\0")) // 512) * 512] + info.tobuf(tarfile.GNU_FORMAT)
    zeros = gzip.compress(b"\0" * (16 << 20))  # one gzip member, of which the file has many
    with open(path, "wb") as f:
        f.write(gzip.compress(head) + 512 * zeros + gzip.compress(b"\0" * 1024))
    r = rkt(INSECURE, "fetch", path, code=254)
    assert "taken for a decompression bomb" in r.err and len(r.complaints) == 1
    assert sum(f.stat().st_blocks * 512 for f in rkt.data.rglob("*") if f.is_file()) < 256 << 20


def test_a_truncated_image_is_an_error(rkt):
    aci = rkt.aci(how="gzip")
    data = open(aci.path, "rb").read()
    for cut in (len(data) - 5, len(data) // 2, 700):
        open(aci.path, "wb").write(data[:cut])
        r = rkt(INSECURE, "fetch", aci.path, code=254)
        assert len(r.complaints) == 1
    assert rkt("image", "list", "--format=json", code=0).out == "null\n"


def test_an_oversized_manifest_is_an_error(rkt):
    path = str(rkt.tmp / "big.aci")
    write_aci(path, manifest("example.com/big", annotations=[{"name": "a", "value": "x" * (64 << 20)}]), busybox_rootfs())
    assert len(rkt(INSECURE, "fetch", path, code=254).complaints) == 1


def test_control_characters_of_an_image_do_not_reach_the_terminal(rkt):
    path = str(rkt.tmp / "esc.aci")
    m = manifest("example.com/esc")
    m["name"] = "example.com/\x1b[31mred"
    write_aci(path, m, busybox_rootfs())
    assert "\x1b" not in rkt(INSECURE, "fetch", path, code=254).err


def test_labels_and_names_never_reach_a_command(rkt, tmp_path):
    """Environment, labels and exec of an image are data: nothing of them is run or written on the host."""
    mark = tmp_path / "mark"
    evil = f"$(touch {mark}); touch {mark}"
    path = str(rkt.tmp / "evil.aci")
    write_aci(path, manifest("example.com/evil", exec=["/bin/echo", evil], labels=[{"name": "note", "value": evil}],
                             environment=[{"name": "PATH", "value": "/bin"}, {"name": "EVIL", "value": evil + "\nLD_PRELOAD=/x"}]), busybox_rootfs())
    assert rkt(INSECURE, "run", "--net=none", path, code=0).out == evil + "\n"
    assert not mark.exists()


def test_setuid_and_capabilities_survive_but_devices_are_dead(rkt):
    entries = busybox_rootfs([entry("rootfs/bin/su", b"#!/bin/sh\n", mode=0o4755), entry("rootfs/sda", type=tarfile.BLKTYPE, dev=(254, 0), mode=0o666),
                              entry("rootfs/null", type=tarfile.CHRTYPE, dev=(1, 3), mode=0o666)])
    path = str(rkt.tmp / "dev.aci")
    write_aci(path, manifest("example.com/dev", exec=["/bin/sh", "-c", "stat -c %a /bin/su; head -c 1 /sda; cat /null; mknod /n b 254 0 && head -c1 /n; exit 0"]), entries)
    r = rkt(INSECURE, "run", "--net=none", path, code=0)
    assert r.out == "4755\n", r
