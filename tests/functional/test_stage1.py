# SPDX-License-Identifier: Apache-2.0
"""Which stage1 runs a pod: ours by name, path, hash and directory, somebody else's, and none that is not verified."""
import json
import os
import resource
import shutil
import signal
import subprocess
import time

import pytest
from rktlib import ARCH, BUILD, entry, wait_until, write_aci

IMAGES = os.path.join(BUILD, "lib", "rkt", "stage1-images")


def stage1_of(rkt, uuid):
    return json.loads((rkt.data / "pods/run" / uuid / "stage1/manifest").read_text())["name"]


@pytest.fixture
def run_with(rkt):
    rkt.image(exec=["/bin/sh", "-c", "exit 3"])

    def run(*flags, code=3):
        uuid = rkt.tmp / "uuid"
        r = rkt.run(*flags, f"--uuid-file-save={uuid}", "example.com/busybox", code=code)
        return r if code == 254 else stage1_of(rkt, uuid.read_text())
    return run


def test_native_is_the_default(run_with):
    assert run_with() == "coreos.com/rkt/stage1-native"


@pytest.mark.parametrize("name, found", [
    ("coreos.com/rkt/stage1-native", "native"), ("coreos.com/rkt/stage1-native:2.0.0", "native"),
    ("coreos.com/rkt/stage1-fly", "fly"), ("coreos.com/rkt/stage1-fly:2.0.0", "fly"),
    ("coreos.com/rkt/stage1-coreos", "native"), ("coreos.com/rkt/stage1-host:1.30.0", "native"), ("coreos.com/rkt/stage1-src", "native")])
def test_names_are_found_without_network(run_with, name, found):
    assert run_with(f"--stage1-name={name}") == f"coreos.com/rkt/stage1-{found}"


def test_another_version_of_ours_is_not_made_up(run_with):
    r = run_with("--stage1-name=coreos.com/rkt/stage1-native:9.9.9", "--store-only", code=254)
    assert "stage1-native" in r.err


def test_path_hash_and_directory(rkt, run_with):
    assert run_with(f"--stage1-path={IMAGES}/stage1-fly.aci") == "coreos.com/rkt/stage1-fly"
    images = json.loads(rkt("image", "list", "--format=json", code=0).out)
    key = next(i["id"] for i in images if "stage1-fly" in i["name"])
    assert run_with(f"--stage1-hash={key}") == "coreos.com/rkt/stage1-fly"
    assert run_with("--stage1-from-dir=stage1-fly.aci") == "coreos.com/rkt/stage1-fly"


@pytest.fixture
def unpacked(rkt):
    """An installation that was unpacked somewhere: bin/rkt with its stage1 image in the same folder, which is returned."""
    place = rkt.tmp / "place" / "bin"
    place.mkdir(parents=True)
    shutil.copy(rkt.bin, place)
    shutil.copytree(os.path.join(BUILD, "libexec"), rkt.tmp / "place" / "libexec")
    shutil.copytree(os.path.join(BUILD, "lib/rkt/trustedkeys"), rkt.tmp / "place/lib/rkt/trustedkeys")
    for name in ("stage1-native.aci", "stage1-native.aci.asc"):
        shutil.copy(os.path.join(IMAGES, name), place)
    rkt.bin = str(place / "rkt")
    return place


def test_the_image_beside_the_binary_is_found(rkt, unpacked, run_with):
    assert run_with() == "coreos.com/rkt/stage1-native"
    (rkt.etc / "stage1.d").mkdir()
    configured = {"rktKind": "stage1", "rktVersion": "v1", "location": "/nonexistent/stage1-native.aci"}
    (rkt.etc / "stage1.d" / "s.json").write_text(json.dumps(configured))
    assert run_with() == "coreos.com/rkt/stage1-native"
    os.unlink(unpacked / "stage1-native.aci")
    assert ("failed to fetch stage1 image and failed to fall back to stage1 image in the rkt directory: open /nonexistent/stage1-native.aci"
            in run_with(code=254).err)


def test_what_is_stored_is_no_default_without_the_image_beside_the_binary(rkt, unpacked, run_with):
    """Under its name the store has what anybody brought there who was not asked for a signature; who states the name means it."""
    assert run_with() == "coreos.com/rkt/stage1-native"
    os.unlink(unpacked / "stage1-native.aci")
    assert "coreos.com/rkt/stage1-native" in rkt("image", "list", "--fields=name", code=0).out
    assert "no stage1 image beside this binary" in run_with(code=254).err
    assert run_with("--stage1-name=coreos.com/rkt/stage1-native") == "coreos.com/rkt/stage1-native"


@pytest.mark.parametrize("version", ["1", "2.0.0-dirty"])
def test_a_configured_name_is_looked_up_in_the_store_only(rkt, run_with, version):
    (rkt.etc / "stage1.d").mkdir()
    (rkt.etc / "stage1.d" / "s.json").write_text(json.dumps({"rktKind": "stage1", "rktVersion": "v1", "name": "example.com/stage1", "version": version}))
    rkt.image("example.com/stage1", version="2.0.0-dirty")
    assert run_with() == "coreos.com/rkt/stage1-native"


def test_an_unsigned_copy_of_ours_is_refused(rkt, run_with):
    shutil.copy(os.path.join(IMAGES, "stage1-fly.aci"), rkt.tmp / "copy.aci")
    r = run_with(f"--stage1-path={rkt.tmp}/copy.aci", code=254)
    assert "copy.aci.asc" in r.err or "signature" in r.err


def test_a_tampered_stage1_is_refused(rkt, run_with):
    shutil.copy(os.path.join(IMAGES, "stage1-fly.aci"), rkt.tmp / "copy.aci")
    shutil.copy(os.path.join(IMAGES, "stage1-fly.aci.asc"), rkt.tmp / "copy.aci.asc")
    with open(rkt.tmp / "copy.aci", "r+b") as f:
        f.seek(1000)
        f.write(b"\0\0\0\0")
    assert "stage1-fly" not in str(run_with(f"--stage1-path={rkt.tmp}/copy.aci", code=254).out)


# -------------------------------------------------------------------------------------------------------------- fly

FLY = "--stage1-name=coreos.com/rkt/stage1-fly"


def test_fly_is_the_app_itself(rkt):
    rkt.image(exec=["/bin/sh", "-c", r"printf 'a\0b'; printf err >&2; exit 9"])
    p = subprocess.run(rkt.argv("run", "--net=host", FLY, "example.com/busybox"), capture_output=True, env=rkt.env, stdin=subprocess.DEVNULL)
    assert (p.returncode, p.stdout) == (9, b"a\0b") and p.stderr.endswith(b"err")
    assert "Warning: -net=none not supported" in rkt.run(FLY, "example.com/busybox", net="none", code=9).err, "who asks for no network is told that there is one"


def test_flys_signal_is_rkts(rkt):
    rkt.image(exec=["/bin/sh", "-c", "kill -9 $$"])
    assert rkt.run(FLY, "example.com/busybox", net="host").code == -signal.SIGKILL


def test_fly_sees_the_host_and_leaves_no_mount(rkt):
    rkt.image(exec=["/bin/sh", "-c", "readlink /proc/self/ns/pid; ls /bin/busybox; cat /data/file"])
    (rkt.tmp / "volume").mkdir()
    (rkt.tmp / "volume/file").write_text("volume\n")
    out = rkt.run(FLY, f"--volume=data,kind=host,source={rkt.tmp}/volume", "--mount=volume=data,target=/data", "example.com/busybox",
                  net="host", code=0).out.splitlines()
    assert out == [os.readlink("/proc/self/ns/pid"), "/bin/busybox", "volume"]


def test_fly_takes_one_app(rkt):
    rkt.image(exec=["/bin/true"])
    assert "fly only supports 1 application per Pod for now" in rkt.run(FLY, "example.com/busybox", "example.com/busybox", "--name=b", net="host", code=254).err


def test_fly_can_be_entered_and_stopped(rkt):
    rkt.image(exec=["/bin/sleep", "1000"])
    p, uuid = rkt.start_pod(FLY, "example.com/busybox", net="host")
    assert rkt("enter", uuid, "/bin/readlink", "/proc/self/root", code=0).out.strip() != ""
    rkt("stop", uuid, code=0)
    assert p.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_stop_of_a_fly_app_in_the_background_leaves_its_caller_alone(rkt, force):
    """The app has gone and left a process behind; what started rkt runs on, in the same process group."""
    rkt.image(exec=["/bin/sh", "-c", "sleep 1000 & exit 0"])
    uuid_file = rkt.tmp / "uuid"
    script = subprocess.Popen(["sh", "-c", '"$@"; sleep 1000', "sh", *rkt.argv("run", "--net=host", FLY, f"--uuid-file-save={uuid_file}", "example.com/busybox")],
                              env=rkt.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        app = wait_until(lambda: uuid_file.exists() and rkt.status(uuid_file.read_text()).get("pid"), "the app")
        wait_until(lambda: not os.path.exists(f"/proc/{app}/root/."), "the app to end")
        rkt("stop", *force, uuid_file.read_text(), code=0)
        rkt("status", "--wait=10s", uuid_file.read_text(), code=0)
        assert rkt.status(uuid_file.read_text())["state"] == "exited"
        assert script.poll() is None
    finally:
        os.killpg(script.pid, signal.SIGKILL)
        script.wait()


def test_a_reused_process_number_is_neither_signalled_nor_entered(rkt):
    rkt.image(exec=["/bin/sleep", "1000"])
    p, uuid = rkt.start_pod(FLY, "example.com/busybox", net="host")
    stranger = subprocess.Popen(["sleep", "1000"])
    try:
        pod = rkt.data / "pods/run" / uuid
        known = (pod / "stage1-fly.process").read_text().split()
        (pod / "stage1-fly.process").write_text(" ".join([str(stranger.pid), *known[1:]]) + "\n")
        (pod / "pid").write_text(f"{stranger.pid}\n")
        assert "is not the app" in rkt("enter", uuid, "/bin/true", code=254).err
        rkt("stop", uuid, code=0)
        assert p.wait(10) == -signal.SIGTERM and stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


# --------------------------------------------------------------------------------------------------------------- gc

@pytest.mark.parametrize("lost", [["stage1/rootfs"], ["stage1/rootfs", "overlay"]])
def test_a_half_removed_pod_is_collected_without_complaint(rkt, lost):
    rkt.image(exec=["/bin/true"])
    uuid = rkt.tmp / "uuid"
    rkt.run(f"--uuid-file-save={uuid}", "example.com/busybox", code=0)
    rkt("gc", "--mark-only", code=0)
    pod = rkt.data / "pods/exited-garbage" / uuid.read_text()
    for path in lost:
        shutil.rmtree(pod / path)
    assert "problem" not in rkt("gc", "--grace-period=0s", code=0).err
    assert not pod.exists()


def test_no_app_is_too_deep_to_be_removed(rkt):
    rkt.image(exec=["/bin/sh", "-c", "i=0; while [ $i -lt 1500 ]; do mkdir d && cd -P d || exit 1; i=$((i+1)); done"])
    uuid = rkt.tmp / "uuid"
    rkt.run(f"--uuid-file-save={uuid}", "example.com/busybox", code=0)
    few = (256, 256)
    rkt("rm", uuid.read_text(), code=0, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, few))
    assert not (rkt.data / "pods/exited-garbage" / uuid.read_text()).exists()


# ---------------------------------------------------------------------------------------------------------- foreign

RUN = r"""#!/bin/sh
# A stage1 of somebody else: records how it was called, and runs nothing.
{ for a in "$@"; do echo "arg $a"; done; env | sort; pwd; ls -d stage1/rootfs/opt/stage2/*/rootfs/bin; } >called
echo $$ >pid
echo 42 >stage1/rootfs/rkt/status/busybox
exec sh -c 'test -e /proc/self/fd/'$RKT_LOCK_FD' && exit 42'
"""


def foreign(rkt, **annotations):
    notes = [{"name": f"coreos.com/rkt/stage1/{k.replace('_', '-')}", "value": v} for k, v in annotations.items()]
    script = RUN.replace("#!/bin/sh", "#!" + shutil.which("busybox") + " sh")
    files = [entry("rootfs"), entry("rootfs/opt"), entry("rootfs/opt/stage2"), entry("rootfs/rkt"), entry("rootfs/rkt/status"),
             entry("rootfs/run", script, mode=0o755), entry("rootfs/enter", script, mode=0o755),
             entry("rootfs/gc", "#!" + shutil.which("busybox") + f" sh\ntest ! -e {rkt.tmp}/broken\n", mode=0o755)]
    m = {"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "example.org/stage1-other", "annotations": notes,
         "labels": [{"name": "version", "value": "1"}, {"name": "os", "value": "linux"}, {"name": "arch", "value": ARCH}]}
    aci = write_aci(str(rkt.tmp / "other.aci"), m, files)
    rkt.keys("builder").sign(aci.path)
    rkt.trust("builder", "example.org/stage1-other")
    return aci


def test_a_foreign_stage1_gets_what_the_contract_says(rkt):
    rkt.image(exec=["/bin/true"])
    aci = foreign(rkt, run="/run", enter="/enter", gc="/gc", interface_version="2")
    uuid = rkt.tmp / "uuid"
    r = rkt.run(f"--stage1-path={aci.path}", "--hostname=h", "--dns=1.2.3.4", f"--uuid-file-save={uuid}", "example.com/busybox", code=42,
                env={"SECRET": "no", "TERM": "vt220"})
    called = (rkt.data / "pods/run" / uuid.read_text() / "called").read_text().splitlines()
    args = [line[4:] for line in called if line.startswith("arg ")]
    assert args[0] == "--net=none" and "--hostname=h" in args and args[-1] == uuid.read_text()
    assert not [a for a in args if a.startswith("--dns-conf-mode")] and "--dns-conf-mode option not supported by stage1" in r.err
    names = {line.split("=")[0] for line in called if "=" in line and not line.startswith("arg ")}
    assert {"RKT_LOCK_FD", "RKT_SELINUX_CONTEXT", "RKT_SELINUX_MOUNT_CONTEXT", "PATH", "TERM"} <= names and "SECRET" not in names
    assert str(rkt.data / "pods/run" / uuid.read_text()) in called
    assert "stage1/rootfs/opt/stage2/busybox/rootfs/bin" in called
    assert "app-busybox=42" in rkt("status", uuid.read_text(), code=0).out


def test_a_stage1_without_an_entry_point_is_named(rkt):
    rkt.image(exec=["/bin/true"])
    aci = foreign(rkt, enter="/enter", gc="/gc")
    assert 'entrypoint "coreos.com/rkt/stage1/run" not found' in rkt.run(f"--stage1-path={aci.path}", "example.com/busybox", code=254).err


@pytest.fixture
def broken_pod(rkt):
    """Ended and marked; its stage1 cannot collect it."""
    rkt.image(exec=["/bin/true"])
    aci, uuid = foreign(rkt, run="/run", enter="/enter", gc="/gc"), rkt.tmp / "uuid"
    rkt.run(f"--stage1-path={aci.path}", f"--uuid-file-save={uuid}", "example.com/busybox", code=42)
    rkt("gc", "--mark-only", code=0)
    (rkt.tmp / "broken").touch()
    return rkt.data / "pods/exited-garbage" / uuid.read_text()


def test_what_stage1_cannot_release_is_tried_again(rkt, broken_pod):
    r = rkt("gc", "--grace-period=0s", code=254)
    assert "problem performing stage1 GC" in r.err and "stays until" in r.err
    assert (broken_pod / "pod").exists() and (broken_pod / "called").exists()
    (rkt.tmp / "broken").unlink()
    rkt("gc", "--grace-period=0s", code=0)
    assert not broken_pod.exists()


def test_a_broken_stage1_keeps_its_pod_for_a_day_at_most(rkt, broken_pod):
    rkt("gc", "--grace-period=0s", code=254)
    yesterday = time.time() - 25 * 3600
    os.utime(broken_pod / "stage1/gc-failed", (yesterday, yesterday))
    assert "problem performing stage1 GC" in rkt("gc", "--grace-period=0s", code=0).err
    assert not broken_pod.exists()


def test_rm_removes_a_pod_that_stage1_cannot_collect(rkt, broken_pod):
    assert "problem performing stage1 GC" in rkt("rm", broken_pod.name, code=0).err
    assert not broken_pod.exists()


def test_a_pod_whose_files_a_power_cut_has_emptied_can_be_removed(rkt):
    rkt.image(exec=["/bin/true"])
    rkt.run("example.com/busybox", code=0)
    (pod,) = (rkt.data / "pods/run").glob("*-*")
    (pod / "stage1TreeStoreID").write_text("")
    assert f'problem performing stage1 GC on "{pod.name}"' in rkt("gc", "--grace-period=0s").err
    left = rkt.data / "pods/exited-garbage" / pod.name
    assert left.exists()
    rkt("rm", pod.name, code=0)
    assert not left.exists()


def test_on_overlayfs_images_are_copied_and_a_pod_that_never_started_is_collected(rkt):
    rkt.image(exec=["/bin/sh", "-c", "exit 3"])
    for name in ("upper", "work"):
        (rkt.tmp / name).mkdir()
    options = f"lowerdir={rkt.data},upperdir={rkt.tmp}/upper,workdir={rkt.tmp}/work"
    subprocess.run(["mount", "-t", "overlay", "-o", options, "rkt-test", rkt.data], check=True)
    try:
        uuid = rkt("prepare", "--quiet", "example.com/busybox", code=0).out.strip()
        pod = rkt.data / "pods" / "prepared" / uuid
        (pod / "overlay-prepared").touch()  # what one has whose overlay could not be made
        (pod / "overlay" / (pod / "stage1TreeStoreID").read_text() / "upper").mkdir(parents=True)
        rkt("run-prepared", uuid, code=254)
        assert "which never started" in rkt("--debug", "gc", "--grace-period=0s", code=0).err
        assert rkt("list", "--no-legend", code=0).out.strip() == ""
        r = rkt.run("example.com/busybox", code=3)
        assert 'disabling overlay support: "unsupported filesystem: the data directory is on overlayfs"' in r.err
        rkt("gc", "--grace-period=0s", code=0)
    finally:
        subprocess.run(["umount", rkt.data], check=True)
