# SPDX-License-Identifier: Apache-2.0
"""A full disk at any point: one clear error, and a store that is whole and usable once there is room again."""
import os
import signal
import subprocess

import pytest

from rktlib import entry, oci_layout
from test_docker import INSECURE, base_layer

MiB = 1 << 20


@pytest.fixture
def small(rkt, request):
    """The data directory as a file system of its own whose size can be set."""
    rkt.data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m,mode=755", "rkt-test", rkt.data], check=True)

    def resize(size):
        subprocess.run(["mount", "-o", f"remount,size={size}", rkt.data], check=True)
    yield resize
    rkt.close()
    subprocess.run(["umount", rkt.data], check=True)


def free(rkt):
    st = os.statvfs(rkt.data)
    return st.f_bavail * st.f_frsize


def used(rkt):
    st = os.statvfs(rkt.data)
    return (st.f_blocks - st.f_bfree) * st.f_frsize


def is_one_clear_error(r, rkt):
    assert r.code == 254, r
    lines = [line for line in r.err.strip().splitlines()
             if not line.startswith(("image: warning", "image: signature", "  builder", "Downloading"))]
    assert len(lines) == 1, r
    assert "no space left on device" in lines[0] and str(rkt.data) in lines[0] and "rkt image gc --unused`" in lines[0], r


def fails_until_it_fits(rkt, small, *args, most, steps=14, input=None):
    """Runs the command with ever more room; each try works or ends with the one error, and the store stays whole. Returns the number
    of tries that failed."""
    start, failed = used(rkt), 0
    for step in range(steps + 1):
        small(str(max((start + most * step // steps + 4095) // 4096, 1) * 4096))  # 0 is no limit at all
        r = rkt(*args, input=input)
        if r.code == 0:
            break
        is_one_clear_error(r, rkt)
        failed += 1
        small("256m")
        assert rkt("store", "check", code=0).out == ""
        rkt("image", "list", code=0)
        rkt("gc", "--grace-period=0s", "--expire-prepared=0s", code=0)
        rkt("image", "gc", code=0)
        start = min(start, used(rkt))
    else:
        raise AssertionError(f"does not fit into {most} bytes")
    small("256m")
    assert rkt("store", "check", code=0).out == ""
    return failed


def test_fetching_an_aci(rkt, small, web):
    aci = rkt.aci(key="builder", extra=[entry(f"rootfs/f{i}", os.urandom(MiB // 4)) for i in range(8)], exec=["/bin/true"])
    url = web.put(aci.path, "x.aci")
    rkt.trust("builder", aci.name)
    assert fails_until_it_fits(rkt, small, "fetch", url, most=16 * MiB) > 3
    rkt.run(aci.name, code=0)


def test_importing_an_image_from_a_pipe(rkt, small, tmp_path):
    layout = oci_layout(tmp_path / "oci", [base_layer() + [entry("f", os.urandom(2 * MiB))]], {"Cmd": ["/bin/true"]})
    archive = subprocess.run(["tar", "-C", layout, "-c", "."], check=True, stdout=subprocess.PIPE).stdout
    assert fails_until_it_fits(rkt, small, INSECURE, "image", "import", "--name=x", "-", most=14 * MiB, input=archive) > 3


def test_fetching_an_image_from_a_file(rkt, small):
    aci = rkt.aci(key="builder", extra=[entry("rootfs/f", os.urandom(2 * MiB))], exec=["/bin/true"])
    rkt.trust("builder", aci.name)
    assert fails_until_it_fits(rkt, small, "fetch", aci.path, most=16 * MiB) > 3
    rkt.run(aci.name, code=0)


def test_fetching_a_registry_image(rkt, small, registry, tmp_path):
    layers = [base_layer(), [entry("a", os.urandom(2 * MiB))], [entry("b", os.urandom(MiB))]]
    ref = registry.push(f"oci:{oci_layout(tmp_path / 'oci', layers, {'Cmd': ['/bin/true']})}:latest", "t/x")
    assert fails_until_it_fits(rkt, small, INSECURE, "fetch", ref, most=20 * MiB) > 3
    rkt(INSECURE, "run", "--net=none", ref, code=0)


def test_what_is_too_big_is_freed_as_the_error_says(rkt, small, registry, tmp_path):
    rkt("image", "list", code=0)
    start = used(rkt)
    small(str(start + 2 * MiB))
    layers = [base_layer(), [entry("a", os.urandom(3 * MiB))]]
    ref = registry.push(f"oci:{oci_layout(tmp_path / 'oci', layers)}:latest", "t/x")
    is_one_clear_error(rkt(INSECURE, "fetch", ref), rkt)
    assert used(rkt) > start + MiB
    rkt("image", "gc", "--unused", code=0)
    assert used(rkt) < start + MiB
    # Nothing goes on with the copy of a local file.
    aci = rkt.aci(how="tar", extra=[entry("rootfs/f", os.urandom(3 * MiB))])
    for _ in range(2):
        is_one_clear_error(rkt("--insecure-options=image", "fetch", aci.path), rkt)
        assert os.listdir(rkt.data / "cas" / "partial") == []


def test_fetching_a_layout(rkt, small, tmp_path):
    oci = oci_layout(tmp_path / "oci", [base_layer(), [entry("a", os.urandom(2 * MiB))]], {"Cmd": ["/bin/true"]})
    assert fails_until_it_fits(rkt, small, INSECURE, "fetch", f"oci:{oci}", most=16 * MiB) > 3


def test_preparing_a_pod(rkt, small):
    aci = rkt.image(extra=[entry("rootfs/f", os.urandom(2 * MiB))], exec=["/bin/true"])
    rkt.run(aci.name, code=0)  # stage1 is in the store
    rkt("gc", "--grace-period=0s", code=0)
    assert fails_until_it_fits(rkt, small, "prepare", "--no-overlay", "--quiet", aci.name, most=24 * MiB) > 1


def test_running_removing_and_collecting_on_a_full_disk(rkt, small):
    aci = rkt.image(exec=["/bin/true"])
    rkt.run(aci.name, code=0)
    small(str(used(rkt)))
    assert free(rkt) == 0
    r = rkt("store", "check")
    assert r.out == "", "the disk is full, no tree is damaged"
    is_one_clear_error(r, rkt)
    r = rkt.run(aci.name)
    assert r.code == 0 or "no space left" in r.err, r
    # What frees space must not need any.
    rkt("gc", "--grace-period=0s", "--expire-prepared=0s")
    r = rkt("image", "rm", aci.name)
    if r.code != 0:
        is_one_clear_error(r, rkt)
    before = used(rkt)
    r = rkt("image", "gc", "--grace-period=0s")
    assert used(rkt) < before and free(rkt) > 0, r
    small("256m")
    assert rkt("store", "check", code=0).out == ""
    rkt("fetch", aci.path, code=0)
    rkt.run(aci.name, code=0)


def test_a_pod_is_collected_where_no_file_can_be_made(rkt, small):
    aci = rkt.image(exec=["/bin/true"])
    rkt.run(aci.name, code=0)
    st = os.statvfs(rkt.data)
    subprocess.run(["mount", "-o", f"remount,nr_inodes={st.f_files - st.f_ffree}", rkt.data], check=True)
    assert os.statvfs(rkt.data).f_ffree == 0
    r = rkt("gc", "--grace-period=0s", code=0)
    assert "stage1" not in r.err and not list((rkt.data / "pods").glob("*/*-*")), r


def test_an_app_has_no_root_that_it_cannot_write_to_for_want_of_inodes(rkt, small):
    """overlayfs that cannot make its work directory is read-only, and says so to the kernel's log alone."""
    directories = [entry(f"rootfs/{d}") for d in ("dev", "proc", "sys")]
    aci = rkt.image(exec=["/bin/sh", "-c", "echo >/file || exit 9"], extra=directories)
    rkt.run(aci.name, code=0)
    for spare in range(0, 100, 2):
        rkt("gc", "--grace-period=0s")
        st = os.statvfs(rkt.data)
        subprocess.run(["mount", "-o", f"remount,nr_inodes={st.f_files - st.f_ffree + spare}", rkt.data], check=True)
        r = rkt.run(aci.name)
        if r.code == 0:
            break
        assert r.code in (9, 254) and "ead-only" not in r.err, (spare, r)
    assert r.code == 0 and spare > 20, (spare, r)


def test_a_disk_without_room_for_the_index(rkt, small):
    small("64k")
    is_one_clear_error(rkt("--insecure-options=image", "fetch", rkt.aci().path), rkt)
    small("256m")


def test_output_that_cannot_be_written_is_no_matter_of_the_data_directory(rkt):
    rkt.image(exec=["/bin/true"])
    for args in (["image", "list"], ["prepare", "example.com/busybox"]):
        with open("/dev/full", "w") as full:
            p = subprocess.run(rkt.argv(*args), stdout=full, stderr=subprocess.PIPE, text=True, env=rkt.env)
        assert p.returncode == 254 and "standard output" in p.stderr and str(rkt.data) not in p.stderr, p
    assert rkt.pods() == [], "a pod that nobody knows of"


def test_a_limit_on_the_size_of_files_is_an_error_like_any_other(rkt, web):
    aci = rkt.aci(key="builder", extra=[entry("rootfs/f", os.urandom(2 * MiB))])
    rkt.trust("builder", aci.name)
    for place in (aci.path, web.put(aci.path, "x.aci")):
        p = subprocess.run(["bash", "-c", 'ulimit -f 1000; exec "$@"', "sh", *rkt.argv("fetch", place)], capture_output=True, text=True, env=rkt.env)
        assert p.returncode == 254 and "file too large" in p.stderr.lower(), p


def test_a_reader_that_goes_away_ends_what_prints_in_silence(rkt):
    rkt.image(exec=["/bin/true"])
    for args in (["image", "list"], ["prepare", "example.com/busybox"], ["help"]):
        read, write = os.pipe()
        os.close(read)
        p = subprocess.run(rkt.argv(*args), stdout=write, stderr=subprocess.PIPE, text=True, env=rkt.env)
        os.close(write)
        assert (p.returncode, p.stderr) == (-signal.SIGPIPE, ""), p
    assert rkt.pods() == []


def test_what_is_removed_goes_also_when_nobody_can_be_told(rkt):
    rkt.image(exec=["/bin/true"])
    for args in (["gc", "--grace-period=0s"], ["rm"], ["image", "rm", "example.com/busybox"]):
        if args[0] != "image":
            rkt.run("example.com/busybox", code=0)
            rkt.run("example.com/busybox", code=0)
        uuids = [pod["name"] for pod in rkt.pods()] if args == ["rm"] else []
        with open("/dev/full", "w") as full:
            p = subprocess.run(rkt.argv(*args, *uuids), stdout=full, stderr=subprocess.PIPE, text=True, env=rkt.env)
        assert p.returncode == 0 and p.stderr.count("write \"standard output\"") == 1, p
        assert rkt.pods() == []
    assert rkt("image", "list", "--no-legend", "--fields=name", code=0).out.count("busybox") == 0


def test_a_stopped_download_goes_on_when_there_is_room(rkt, small, web):
    aci = rkt.aci(key="builder", how="tar", extra=[entry("rootfs/f", os.urandom(6 * MiB))])
    url = web.put(aci.path, "x.aci")
    rkt.trust("builder", aci.name)
    rkt("image", "list", code=0)
    small(str(used(rkt) + 3 * MiB))
    is_one_clear_error(rkt("fetch", url), rkt)
    small("256m")
    rkt("fetch", url, code=0)
    assert any(r[2].get("Range", "bytes=0-") != "bytes=0-" for r in web.gets("/x.aci")), "nothing was resumed"
