# SPDX-License-Identifier: Apache-2.0
"""Isolators of apps and pods: each is applied, or the pod is refused with the reason. None is passed over in silence."""
import json
import os

import pytest

from rktlib import manifest, wait_until

CONTEXT = {"user": "u", "role": "r", "type": "t", "level": "s0"}
POD_ERRORS = [
    ("os/linux/selinux-context", CONTEXT, "an image does not choose its context", "/none"),
    ("os/linux/apparmor-profile", {"profile": "web"}, "AppArmor is not active on this host", "/sys/module/apparmor"),
    ("resource/network-bandwidth", {"default": True, "limit": "1M"}, "the apps of a pod share its network", "/none"),
    ("os/unix/sysctl", {"kernel.core_pattern": "|/bin/evil"}, '"kernel.core_pattern" would change the host', "/none"),
    ("os/unix/sysctl", {"net/../kernel/core_pattern": "x"}, "is no kernel parameter", "/none"),
]


def isolators(**named):
    return [{"name": n.replace("__", "/").replace("_", "-"), "value": v} for n, v in named.items()]


def pod_manifest(rkt, aci, *, pod=(), app=None, **fields):
    image = manifest(aci.name, **fields)
    path = rkt.tmp / "pod.json"
    body = {"acVersion": "0.8.11", "acKind": "PodManifest", "isolators": list(pod),
            "apps": [{"name": "busybox", "image": {"id": aci.id}, "app": {**image["app"], **(app or {})}}]}
    path.write_text(json.dumps(body))
    return f"--pod-manifest={path}"


def group_file(rkt, uuid, controller, file, app="busybox.service"):
    scope = os.path.basename((rkt.data / "pods/run" / uuid / "subcgroup").read_text())
    own = {c: line.split(":")[2] for line in open("/proc/self/cgroup") for c in line.split(":")[1].split(",")}
    below = f"/system.slice/{app}" if app else ""
    return f"/sys/fs/cgroup/{controller}/{own[controller].strip().strip('/')}/{scope}{below}/{file}"


@pytest.mark.parametrize("name,value,text,unless", POD_ERRORS, ids=lambda v: str(v)[:30])
def test_what_cannot_be_had_is_refused_with_the_reason(rkt, name, value, text, unless):
    assert not os.path.exists(unless)
    rkt.image(exec=["/bin/true"], isolators=[{"name": name, "value": value}])
    assert text in rkt.run("example.com/busybox", code=254).err


@pytest.mark.skipif(os.path.exists("/sys/fs/selinux/enforce"), reason="SELinux is active")
def test_a_context_needs_selinux_and_somebody_who_states_it(rkt):
    aci = rkt.image(exec=["/bin/true"])
    own = isolators(os__linux__selinux_context=CONTEXT)
    assert "SELinux is not active on this host" in rkt.run(pod_manifest(rkt, aci, app={"isolators": own}), code=254).err
    aci = rkt.image("example.com/own", exec=["/bin/true"], isolators=own)
    path = rkt.tmp / "image.json"
    path.write_text(json.dumps({"acVersion": "0.8.11", "acKind": "PodManifest", "apps": [{"name": "own", "image": {"id": aci.id}}]}))
    assert "an image does not choose its context" in rkt.run(f"--pod-manifest={path}", code=254).err


def test_kernel_parameters_of_the_pod(rkt):
    rkt.image(exec=["/bin/cat", "/proc/sys/net/ipv4/ip_default_ttl", "/proc/sys/kernel/shmmni", "/proc/sys/fs/mqueue/msg_max"],
              isolators=isolators(os__unix__sysctl={"net.ipv4.ip_default_ttl": "77", "kernel.shmmni": "123", "fs.mqueue.msg_max": "17"}))
    before = [open("/proc/sys/" + f).read() for f in ("net/ipv4/ip_default_ttl", "kernel/shmmni", "fs/mqueue/msg_max")]
    assert rkt.run("example.com/busybox", code=0).out.split() == ["77", "123", "17"]
    assert rkt.run("--private-users", "example.com/busybox", code=0).out.split() == ["77", "123", "17"]
    assert [open("/proc/sys/" + f).read() for f in ("net/ipv4/ip_default_ttl", "kernel/shmmni", "fs/mqueue/msg_max")] == before
    assert "would change the host" in rkt.run("example.com/busybox", net="host", code=254).err
    assert "would change the host" in rkt.run("--ipc=parent", "example.com/busybox", code=254).err


def test_a_parameter_that_the_kernel_refuses_ends_the_start(rkt):
    rkt.image(exec=["/bin/true"], isolators=isolators(os__unix__sysctl={"net.ipv4.no_such_thing": "1"}))
    assert "net/ipv4/no_such_thing" in rkt.run("example.com/busybox", code=254).err


def test_block_limits_are_in_the_cgroup(rkt):
    rkt.image(exec=["/bin/sleep", "1000"], isolators=[{"name": "resource/block-bandwidth", "value": {"default": True, "limit": "10Mi"}},
                                                      {"name": "resource/block-iops", "value": {"default": True, "limit": "1k"}}])
    p, uuid = rkt.start_pod("example.com/busybox")
    # Those with something on them when the pod started: others come and go (loop devices of whoever else is here).
    disks = {open(f"/sys/block/{d}/dev").read().strip() for d in os.listdir("/sys/block") if not d.startswith("loop") and open(f"/sys/block/{d}/size").read().strip() != "0"}
    assert disks
    for way in ("read", "write"):
        for unit, limit in (("bps", 10 << 20), ("iops", 1000)):
            lines = open(group_file(rkt, uuid, "blkio", f"blkio.throttle.{way}_{unit}_device")).read().splitlines()
            assert {line for line in lines if not line.startswith("7:")} == {f"{d} {limit}" for d in disks}
    rkt("stop", "--force", uuid, code=0)
    p.wait()


def test_the_number_of_processes_is_limited(rkt):
    rkt.image(exec=["/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done; echo made"], isolators=isolators(resource__pids={"limit": "5"}))
    r = rkt.run("example.com/busybox")
    assert r.code != 0 and "can't fork" in r.err and "made" not in r.out, r


def test_limits_of_the_pod_hold_for_everything_in_it(rkt):
    aci = rkt.image(exec=["/bin/true"])
    flag = pod_manifest(rkt, aci, exec=["/bin/sleep", "1000"], pod=isolators(resource__memory={"limit": "64Mi"}, resource__pids={"limit": "20"}))
    p, uuid = rkt.start_pod(flag)
    assert open(group_file(rkt, uuid, "memory", "memory.limit_in_bytes", app=None)).read().strip() == str(64 << 20)
    assert open(group_file(rkt, uuid, "pids", "pids.max", app=None)).read().strip() == "20"
    for controller in ("memory", "pids"):
        top = os.path.dirname(group_file(rkt, uuid, controller, "cgroup.procs", app=None))
        members = lambda: [pid for group, _, _ in os.walk(top) for pid in open(f"{group}/cgroup.procs").read().split()]
        programs = lambda: sorted(os.readlink(f"/proc/{pid}/exe").split("/")[-1] for pid in members())
        wait_until(lambda: programs() == ["busybox", "init"], controller)
    shown = rkt("enter", uuid, "/bin/cat", "/proc/self/cgroup", code=0).out
    assert [line.split(":")[2] for line in shown.splitlines() if line.split(":")[1] in ("memory", "pids")] == ["/", "/"]
    with open(group_file(rkt, uuid, "pids", "pids.max", app=None), "w") as limit:
        limit.write("2")
    assert "has as many processes as isolator resource/pids allows" in rkt("enter", uuid, "/bin/true", code=254).err
    rkt("stop", "--force", uuid, code=0)
    p.wait()


def test_limits_of_the_pod_hold_back_apps_without_their_own(rkt):
    aci = rkt.image(exec=["/bin/true"])
    fork = ["/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done; echo made"]
    r = rkt.run(pod_manifest(rkt, aci, exec=fork, pod=isolators(resource__pids={"limit": "5"})))
    assert r.code != 0 and "can't fork" in r.err and "made" not in r.out, r


def test_a_limit_that_the_kernel_refuses_ends_the_start(rkt):
    """More of a processor than the pod has: known only when the pod's first process has long been there."""
    aci = rkt.image(exec=["/bin/true"])
    more = {"isolators": isolators(resource__cpu={"limit": "500m"})}
    uuid = rkt.tmp / "uuid"
    flag = pod_manifest(rkt, aci, app=more, pod=isolators(resource__cpu={"limit": "100m"}))
    assert 'set cpu.cfs_quota_us to "50000": invalid argument' in rkt.run(f"--uuid-file-save={uuid}", flag, code=254).err
    status = rkt.status(uuid.read_text())
    assert (status["state"], status["app-busybox"]) == ("exited", "254")


def test_pod_isolators_are_applied_named_or_refused(rkt):
    aci = rkt.image(exec=["/bin/true"])
    r = rkt.run(pod_manifest(rkt, aci, pod=isolators(x__unknown={})), code=0)
    assert 'unknown isolator "x/unknown" of the pod ignored' in r.err
    r = rkt.run(pod_manifest(rkt, aci, pod=isolators(os__linux__no_new_privileges=True)), code=254)
    assert "only resources and os/unix/sysctl belong to a pod as a whole" in r.err
    flag = pod_manifest(rkt, aci, exec=["/bin/cat", "/proc/sys/net/ipv4/ip_default_ttl"], pod=isolators(os__unix__sysctl={"net.ipv4.ip_default_ttl": "33"}))
    assert rkt.run(flag, code=0).out == "33\n"


def test_rlimits_are_those_of_the_caller(rkt):
    rkt.image(exec=["/bin/sh", "-c", "ulimit -n; ulimit -c"])
    import resource

    def less():
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, 600))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    assert rkt.run("example.com/busybox", code=0, preexec_fn=less).out.split() == ["512", "0"]


@pytest.mark.parametrize("mode,own", [("auto", True), ("private", True), ("parent", False)])
def test_ipc_modes(rkt, mode, own):
    rkt.image(exec=["/bin/readlink", "/proc/self/ns/ipc"])
    out = rkt.run(f"--ipc={mode}", "example.com/busybox", code=0).out.strip()
    assert (out != os.readlink("/proc/self/ns/ipc")) == own


def test_fly_says_which_isolators_it_does_not_have(rkt):
    rkt.image(exec=["/bin/true"], isolators=isolators(resource__memory={"limit": "64Mi"}))
    r = rkt.run("--stage1-name=coreos.com/rkt/stage1-fly", "example.com/busybox", "--readonly-rootfs=true", code=0)
    assert "resource/memory" in r.err and "--readonly-rootfs" in r.err


def test_the_size_of_shared_memory(rkt):
    rkt.image(exec=["/bin/sh", "-c", "df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2; dd if=/dev/zero of=/dev/shm/x bs=1M count=2 2>&1 | grep -c 'No space'"])
    out = rkt.run("example.com/busybox", "--annotation=coreos.com/rkt/stage1/shm-size=1Mi").out.split()
    assert out == ["1024", "1"]
    assert "shm-size" in rkt.run("example.com/busybox", "--annotation=coreos.com/rkt/stage1/shm-size=0", code=254).err


def test_ipc_mode_of_a_prepared_pod(rkt):
    rkt.image(exec=["/bin/readlink", "/proc/self/ns/ipc"])
    uuid = rkt("prepare", "example.com/busybox", code=0).out.strip()
    assert "unknown value for --ipc parameter: bogus" in rkt("run-prepared", "--net=none", "--ipc=bogus", uuid, code=254).err
    assert rkt("run-prepared", "--net=none", "--ipc=parent", uuid, code=0).out.strip() == os.readlink("/proc/self/ns/ipc")
