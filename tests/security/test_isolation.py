# SPDX-License-Identifier: Apache-2.0
"""What an app of the native stage1 can see and do. Each test fails when its defence is removed."""
import fcntl
import io
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import pytest

from machine import Machine
from cprograms import in_image
from rktlib import entry, wait_until


def sh(rkt, script, *flags, **kw):
    if not getattr(rkt, "imaged", False):
        rkt.image(exec=["/bin/sh", "-c"])
        rkt.imaged = True
    return rkt.run(*flags, "example.com/busybox", "--", script, **kw)


def test_apps_of_a_pod_have_the_same_mounts(rkt):
    """The first one has what they share, the others copies of it: the same file systems, of which the same is hidden."""
    for name in ("one", "two", "three"):
        rkt.image(f"example.com/{name}", exec=["/bin/cat", "/proc/self/mountinfo"])
    seen = {"one": [], "two": [], "three": []}
    for line in rkt.run("example.com/one", "example.com/two", "example.com/three", code=0).out.splitlines():
        app, text = re.search(r"(\w+)\[\d+\]: (.*)", line).groups()
        seen[app].append(text.split())
    shapes = [[(m[3], *m[4:6]) for m in mounts if m[4] != "/"] for mounts in seen.values()]
    assert len(shapes[0]) > 20 and shapes[0] == shapes[1] == shapes[2]
    shared = [{m[4]: m[2] for m in mounts if m[4] in ("/proc", "/sys", "/dev/pts", "/dev/shm", "/dev/mqueue")} for mounts in seen.values()]
    assert len(shared[0]) == 5 and shared[0] == shared[1] == shared[2]


@pytest.mark.parametrize("ns", ["pid", "mnt", "ipc", "uts", "net", "cgroup"])
def test_namespaces_are_the_pods_own(rkt, ns):
    assert sh(rkt, f"readlink /proc/self/ns/{ns}", code=0).out.strip() != os.readlink(f"/proc/self/ns/{ns}")


def test_apps_of_a_pod_share_all_but_mounts(rkt):
    rkt.image("example.com/a", exec=["/bin/sh", "-c", "for n in pid ipc uts net mnt; do readlink /proc/self/ns/$n; done"])
    out = rkt.run("example.com/a", "example.com/a", "--name=b", code=0).out
    by_app = {app: re.findall(rf"\] {app}\[\d+\]: (.*)", out) for app in ("a", "b")}
    assert by_app["a"][:4] == by_app["b"][:4] and by_app["a"][4] != by_app["b"][4]


def test_no_process_of_the_host_is_visible(rkt):
    out = sh(rkt, "cat /proc/1/comm; ls /proc | grep -c '^[0-9]'", code=0).out.split()
    assert int(out[-1]) <= 5


def test_no_mount_of_the_host_is_visible(rkt):
    out = sh(rkt, "cat /proc/self/mountinfo", code=0).out
    targets = {line.split()[4] for line in out.splitlines()}
    assert "/" in targets and not any(t.startswith(("/var", "/work", "/home", "/opt/stage2", "/.old", "/oldroot")) for t in targets), targets
    assert str(rkt.tmp) not in "\n".join(targets)


def test_only_the_default_capabilities(rkt):
    out = dict(line.split(":\t") for line in sh(rkt, "grep ^Cap /proc/self/status", code=0).out.splitlines())
    assert out["CapBnd"] == out["CapEff"] == out["CapPrm"] == "00000000a80425fb"
    assert out["CapAmb"] == "0" * 16 and out["CapInh"] == "0" * 16


def test_capability_flags(rkt):
    rkt.image(exec=["/bin/sh", "-c"])
    r = rkt.run("example.com/busybox", "--caps-retain=CAP_NET_BIND_SERVICE", "--", "grep ^CapBnd /proc/self/status", code=0)
    assert r.out.split()[1] == "0000000000000400"
    r = rkt.run("example.com/busybox", "--caps-remove=CAP_CHOWN,CAP_MKNOD", "--", "grep ^CapBnd /proc/self/status", code=0)
    assert int(r.out.split()[1], 16) == 0xa80425fb & ~1 & ~(1 << 27)
    r = rkt.run("example.com/busybox", "--caps-retain=CAP_CHOWN", "--caps-remove=CAP_CHOWN", code=254)
    assert "cannot use both --caps-retain and --caps-remove on the same image" in r.err


@pytest.mark.parametrize("command", ["mount -t tmpfs none /tmp", "umount /proc", "unshare -m true", "nsenter -t 1 -m true", "chroot /proc/1/root ls",
                                     "mknod /dev/mem c 1 1 && cat /dev/mem", "echo 1 > /proc/sys/kernel/core_pattern", "echo h > /proc/sysrq-trigger",
                                     "hostname evil", "date -s 2000-01-01"])
def test_privileged_operations_fail(rkt, command):
    r = sh(rkt, f"({command}) >/dev/null 2>&1 && echo worked; exit 0", code=0)
    assert "worked" not in r.out


@pytest.mark.parametrize("path", ["/proc/kcore", "/proc/kallsyms", "/proc/keys", "/proc/timer_list", "/sys/firmware", "/sys/kernel/debug", "/proc/sched_debug"])
def test_kernel_paths_are_hidden(rkt, path):
    if not os.path.exists(path):
        pytest.skip("not on this kernel")
    r = sh(rkt, f"if [ -d {path} ]; then ls {path} 2>/dev/null | wc -l; else cat {path} 2>/dev/null | wc -c; fi", code=0)
    assert r.out.strip() == "0"


@pytest.mark.parametrize("path", ["/proc/sys/net/ipv4/ip_forward", "/proc/sys/kernel/hostname", "/proc/bus", "/proc/irq", "/sys/class", "/sys/kernel"])
def test_kernel_paths_are_read_only(rkt, path):
    assert "no" in sh(rkt, f"if [ -d {path} ]; then touch {path}/x 2>/dev/null || echo no; else (echo 1 > {path}) 2>/dev/null || echo no; fi", code=0).out


def test_dev_is_private_and_small(rkt):
    out = sh(rkt, "ls /dev; echo x > /dev/null; head -c4 /dev/urandom | wc -c; ls -l /dev/ptmx; test -w /dev/shm && echo shm", code=0).out.split()
    assert {"null", "zero", "full", "random", "urandom", "tty", "pts", "ptmx", "shm", "fd", "stdin", "stdout", "stderr"} <= set(out)
    assert not {"mem", "kmem", "vda", "sda", "kvm", "loop0"} & set(out)


def test_seccomp_kills_what_is_not_allowed(rkt):
    script = "grep ^Seccomp: /proc/self/status; unshare -U true; echo after $?"
    assert sh(rkt, script, code=0).out == "Seccomp:\t2\nafter 159\n"
    r = rkt("--insecure-options=seccomp", "run", "--net=none", "example.com/busybox", "--", script, code=0)
    assert r.out == "Seccomp:\t0\nafter 0\n", "nothing but the filter refuses that"


def test_seccomp_flag_sets(rkt):
    rkt.image(exec=["/bin/sh", "-c", "mkdir /tmp/x; echo $?"])
    assert rkt.run("example.com/busybox", "--seccomp=mode=remove,errno=EPERM,mkdir,mkdirat", code=0).out == "1\n"
    assert rkt.run("example.com/busybox", "--seccomp=mode=retain,@appc.io/all", code=0).out == "0\n"
    r = rkt.run("example.com/busybox", "--seccomp=mode=retain,@no.such/set")
    assert r.code != 0 and "@no.such/set" in r.err


def test_no_new_privs_for_ordinary_users(rkt):
    assert sh(rkt, "grep ^NoNewPrivs /proc/self/status", code=0).out.split()[1] == "0"
    assert rkt.run("example.com/busybox", "--user=worker", "--", "grep ^NoNewPrivs /proc/self/status", code=0).out.split()[1] == "1"


def test_memory_limit_is_enforced(rkt):
    rkt.image(exec=["/bin/dd", "if=/dev/zero", "of=/dev/null", "bs=200M", "count=1"])
    uuid = rkt.tmp / "uuid"
    rkt.run(f"--uuid-file-save={uuid}", "example.com/busybox", "--memory=32M", code=137)
    assert rkt.status(uuid.read_text())["reason-busybox"] == "OOMKilled"
    assert "1+0 records out" in rkt.run("example.com/busybox", "--memory=512M", code=0).err
    rkt.image("example.com/small", exec=["/bin/true"])
    assert "memory limit of 1024 bytes too low" in rkt.run("example.com/small", "--memory=1Ki", code=254).err


def test_cpu_and_memory_limits_are_in_the_cgroup(rkt):
    rkt.image(exec=["/bin/sleep", "1000"])
    p, uuid = rkt.start_pod("example.com/busybox", "--memory=64Mi", "--cpu=500m", "--cpu-shares=512")
    sub = (rkt.data / "pods/run" / uuid / "subcgroup").read_text()
    scope = os.path.basename(sub)
    own = {c: line.split(":")[2] for line in open("/proc/self/cgroup") for c in line.split(":")[1].split(",")}
    pod_group = lambda c: f"/sys/fs/cgroup/{c}/{own[c].strip().strip('/')}/{scope}"
    value = lambda c, f: open(f"{pod_group(c)}/system.slice/busybox.service/{f}").read().strip()
    assert value("memory", "memory.limit_in_bytes") == str(64 << 20)
    assert value("cpu", "cpu.cfs_quota_us") == "50000" and value("cpu", "cpu.cfs_period_us") == "100000"
    assert value("cpu", "cpu.shares") == "512"
    rkt("stop", "--force", uuid)
    p.wait()
    rkt("gc", "--grace-period=0s", code=0)
    assert not os.path.exists(pod_group("memory"))


def test_oom_score_adj(rkt):
    rkt.image(exec=["/bin/cat", "/proc/self/oom_score_adj"])
    assert rkt.run("example.com/busybox", "--oom-score-adj=500", code=0).out == "500\n"


def test_readonly_rootfs(rkt):
    rkt.image(exec=["/bin/sh", "-c", "touch /x || echo read-only"])
    assert rkt.run("example.com/busybox", "--readonly-rootfs=true", code=0).out == "read-only\n"


def test_no_descriptor_of_rkt_reaches_the_app(rkt):
    read, write = os.pipe()
    os.set_inheritable(write, True)
    try:
        rkt.image(exec=["/bin/sh", "-c", "ls /proc/self/fd; ls -l /proc/self/fd"])
        p = subprocess.run(rkt.argv("run", "--net=none", "example.com/busybox"), env=rkt.env, capture_output=True, text=True, close_fds=False, stdin=subprocess.DEVNULL)
        assert p.returncode == 0 and p.stdout.split()[:4] == ["0", "1", "2", "3"], p.stdout  # 3 is ls's own directory
        assert str(rkt.tmp) not in p.stdout
    finally:
        os.close(read)
        os.close(write)


def test_the_supervisor_cannot_be_looked_into(rkt):
    r = sh(rkt, "ls /proc/1/root/ >/dev/null 2>&1 && echo root; readlink /proc/1/fd/0; cat /proc/1/environ 2>/dev/null | head -c1; readlink /proc/1/exe; cat /proc/1/cmdline | grep -a /; exit 0", code=0)
    assert r.out.strip() == "", r.out


def test_entering_is_as_confined_as_running(rkt):
    look = "for n in mnt pid net ipc uts cgroup; do readlink /proc/self/ns/$n; done; cat /proc/self/cgroup; echo end"
    rkt.image(exec=["/bin/sh", "-c", f"{look}; exec sleep 1000"])
    p, uuid = rkt.start_pod("example.com/busybox")
    status = rkt("enter", uuid, "/bin/cat", "/proc/self/status", code=0).out
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["CapBnd"] == "00000000a80425fb" and fields["CapEff"] == "00000000a80425fb" and fields["Seccomp"] == "2"
    inside = rkt("enter", uuid, "/bin/sh", "-c", look, code=0).out.splitlines()
    app = list(itertools.takewhile(lambda line: line != "end", map(str.strip, io.TextIOWrapper(p.stdout))))
    assert inside == [*app, "end"] and len(app) > 6, "the namespaces and the cgroups of the app"
    for ns, there in zip(("mnt", "pid", "net", "ipc", "uts", "cgroup"), inside):
        assert there.startswith(ns) and there != os.readlink(f"/proc/self/ns/{ns}")


def test_a_replaced_shell_cannot_reach_the_entering_helper(rkt):
    """The CVE-2019-5736 class: an entered program that is a link to /proc/self/exe must not give the host's binary."""
    rkt.image(exec=["/bin/sh", "-c", "rm -f /bin/bash; ln -s /proc/self/exe /bin/bash; touch /ready; exec sleep 1000"])
    _, uuid = rkt.start_pod("example.com/busybox")
    wait_until(lambda: rkt("enter", uuid, "/bin/test", "-e", "/ready").code == 0, "the app")
    r = rkt("enter", uuid, "/bin/bash", "-c", "echo ran")
    assert r.code != 0 and "ran" not in r.out


def test_host_abstract_sockets_and_shm_are_out_of_reach(rkt):
    name = "/dev/shm/rkt-test-host-file"
    open(name, "w").close()
    with socket.socket(socket.AF_UNIX) as s:
        s.bind("\0rkt-test-host-socket")
        s.listen()
        assert "@rkt-test-host-socket" in open("/proc/net/unix").read()
        try:
            assert sh(rkt, f"ls {name} 2>/dev/null; grep rkt-test /proc/net/unix; exit 0", code=0).out == ""
        finally:
            os.unlink(name)


def test_nothing_listens_in_a_pod(rkt):
    """No shell, no helper: what is not the app's is not on the network, nor on a socket that the pod could see."""
    assert sh(rkt, "cat /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6 /proc/net/unix | grep -v -i -e local -e Num", code=1).out == ""


@pytest.mark.parametrize("isolator, text", [("retain:@appc.io/empty", None), ("remove:@appc.io/all", None), ("retain:@no.such/set", "@no.such/set"), ("remove:@no.such/set", "@no.such/set")])
def test_no_filter_by_mistake(rkt, isolator, text):
    kind, name = isolator.split(":")
    rkt.image(exec=["/bin/echo", "ran"], isolators=[{"name": f"os/linux/seccomp-{kind}-set", "value": {"set": [name]}}])
    r = rkt.run("example.com/busybox")
    assert r.code != 0 and r.out == "" and (text is None or text in r.err), r


def test_the_log_is_no_place_of_the_apps(rkt):
    """Paths for logs in annotations, which are opened as the host's root, lead to a file of the directory alone, whatever an app puts there."""
    place, precious = rkt.tmp / "logs", rkt.tmp / "precious"
    place.mkdir()
    precious.write_text("precious")
    aci = rkt.image(exec=["/bin/sh", "-c", f"echo logged; rm /logs/*; ln -s {precious} /logs/a; mkfifo /logs/b"])
    note = lambda name, value: {"name": f"coreos.com/rkt/experiment/{name}", "value": value}

    def run(path, code):
        app = {"name": "a", "image": {"id": aci.key}, "annotations": [note("kubernetes-log-path", path)], "mounts": [{"volume": "v", "path": "/logs"}]}
        manifest = {"acVersion": "1.30.0", "acKind": "PodManifest", "annotations": [note("logmode", "k8s-plain"), note("kubernetes-log-dir", str(place))],
                    "volumes": [{"name": "v", "kind": "host", "source": str(place)}], "apps": [app]}
        (rkt.tmp / "pod.json").write_text(json.dumps(manifest))
        return rkt.run(f"--pod-manifest={rkt.tmp}/pod.json", code=code).out
    assert run(f"../..{rkt.tmp}/evil", 254) == "" and os.listdir(place) == []
    assert run("a", 0) == "logged\n"
    assert run("a", 254) == run("b", 254) == "", "a link, and what nobody reads from"
    assert precious.read_text() == "precious" and not (rkt.tmp / "evil").exists()


def with_caps(rkt, *names, **fields):
    """An image that asks for capabilities itself."""
    return rkt.image(isolators=[{"name": "os/linux/capabilities-retain-set", "value": {"set": list(names)}}], **fields)


def test_a_callers_inheritable_capabilities_add_nothing(rkt):
    rkt.image(exec=["/bin/grep", "^Cap", "/proc/self/status"])
    p = subprocess.run(["setpriv", "--inh-caps=+sys_admin,+sys_ptrace,+net_admin,+dac_read_search", *rkt.argv("run", "--net=none", "example.com/busybox")], env=rkt.env, capture_output=True,
                       text=True, stdin=subprocess.DEVNULL)
    caps = dict(line.split(":\t") for line in p.stdout.splitlines())
    assert caps == {"CapInh": "0" * 16, "CapPrm": "00000000a80425fb", "CapEff": "00000000a80425fb", "CapBnd": "00000000a80425fb",
                    "CapAmb": "0" * 16}, p.stderr


def test_looking_into_pid_1_finds_no_place_of_the_host(rkt):
    look = ("for f in /proc/1/fd/*; do [ -d $f/../.. ] && ls -d $f/../../../../../../../../../../usr/bin/env 2>/dev/null; done; "
            "grep -E '^Cap(Eff|Prm)' /proc/1/status; ls -d /proc/1/root/usr /proc/1/cwd/usr 2>/dev/null; exit 0")
    with_caps(rkt, "CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", exec=["/bin/sh", "-c", look])
    out = rkt.run("example.com/busybox", code=0).out
    assert out.split() == ["CapPrm:", "0000000000000020", "CapEff:", "0000000000000020"], out


WATCHER = r"""
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
// Prints every capability set and every open descriptor above 2 of a process that is not this one or pid 1.
int main(void) {
  for (;;) {
    DIR *proc = opendir("/proc");
    for (struct dirent *e; (e = readdir(proc)) != NULL;) {
      int pid = atoi(e->d_name), open_fds = 0;
      if (pid <= 1 || pid == getpid()) continue;
      char path[64], text[4096], *caps;
      snprintf(path, sizeof path, "/proc/%d/fd", pid);
      DIR *fds = opendir(path);
      if (fds != NULL) {
        for (struct dirent *f; (f = readdir(fds)) != NULL;) open_fds += atoi(f->d_name) > 2;
        closedir(fds);
      }
      snprintf(path, sizeof path, "/proc/%d/status", pid);
      int fd = open(path, O_RDONLY);
      if (fd < 0) continue;
      ssize_t n = read(fd, text, sizeof text - 1);
      close(fd);
      text[n < 0 ? 0 : n] = 0;
      if ((caps = strstr(text, "CapPrm:\t")) != NULL) printf("%.16s %d\n", caps + 8, open_fds);
    }
    closedir(proc);
    fflush(stdout);
  }
}
"""


def watcher(rkt):
    with_caps(rkt, "CAP_SYS_PTRACE", "CAP_KILL", exec=["/watcher"], extra=[in_image(rkt, "watcher", WATCHER)])


def test_who_may_look_runs_when_the_others_are_what_they_will_be(rkt):
    """Until an app executes something its process has capabilities. A lease holds that back here, as a slow disk would."""
    watcher(rkt)
    rkt.image("example.com/other", exec=["/v/sleep", "1000"])
    seen, asked = rkt.tmp / "seen", []
    before = signal.signal(signal.SIGIO, lambda *_: asked.append(1))
    with tempfile.TemporaryDirectory(dir="/dev/shm") as volume, open(seen, "wb") as out:
        shutil.copy("/bin/busybox", f"{volume}/sleep")
        program = os.open(f"{volume}/sleep", os.O_RDONLY)
        fcntl.fcntl(program, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        rkt.start_pod(f"--volume=v,kind=host,source={volume}", "example.com/busybox", "example.com/other", "--mount=volume=v,target=/v", stdout=out)
        wait_until(lambda: asked, "the other app to execute its program")
        with pytest.raises(AssertionError):
            wait_until(lambda: seen.stat().st_size, "the one that may look", seconds=0.3)
        fcntl.fcntl(program, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        os.close(program)
        lines = wait_until(lambda: seen.stat().st_size > 4096 and seen.read_text().splitlines()[:-1], "what it sees")
    signal.signal(signal.SIGIO, before)
    allowed = 0xa80425fb
    assert {int(line.split("]: ")[-1].split()[0], 16) & ~allowed for line in lines} == {0}


@pytest.mark.parametrize("pids", ["pod", "private"])
def test_who_enters_has_nothing_that_the_app_lacks_at_any_moment(rkt, pids):
    """CVE-2016-9962: an image with CAP_SYS_PTRACE could take over the entering process before it has dropped what it holds."""
    watcher(rkt)
    allowed = (1 << 19) | (1 << 5)
    out = rkt.tmp / "seen"
    with open(out, "wb") as seen:
        _, uuid = rkt.start_pod("example.com/busybox", f"--pid={pids}", stdout=seen)
    for _ in range(30):
        rkt("enter", uuid, "/bin/true", code=0)
    rkt("stop", "--force", uuid, code=0)
    seen = set(out.read_text().splitlines()[:-1])
    assert seen, "the watcher saw no process"
    assert {int(line.split()[0], 16) & ~allowed for line in seen} == {0} and {line.split()[1] for line in seen} == {"0"}, seen


def test_looking_into_pid_1_finds_no_file_system_of_the_kernels(rkt):
    """What all apps share is writable and unmasked there: /proc/sys/kernel/core_pattern would lead to the host."""
    look = "for n in $(ls /proc/1/fd); do for f in sys/kernel block class ptmx; do [ -e /proc/1/fd/$n/$f ] && echo $n/$f; done; done; ls /proc/1/fd | wc -l"
    with_caps(rkt, "CAP_SYS_PTRACE", exec=["/bin/sh", "-c", look])
    out = rkt.run("example.com/busybox", code=0).out.split()
    assert len(out) == 1 and int(out[0]) > 3, out


def test_an_image_uncovers_nothing_by_naming_it(rkt):
    points = [{"name": f"p{i}", "path": p} for i, p in enumerate(["/proc/kallsyms", "/proc/keys", "/sys/module/kernel"])]
    rkt.image(exec=["/bin/sh", "-c", "wc -c </proc/kallsyms; wc -c </proc/keys; ls /sys/module | wc -l"], mountPoints=points)
    assert rkt.run("example.com/busybox", code=0).out.split() == ["0", "0", "0"]


def test_later_mounts_of_the_host_do_not_reach_a_volume(rkt):
    place = rkt.tmp / "volume"
    (place / "sub").mkdir(parents=True)
    mount = lambda *args: subprocess.run(["mount", *args], check=True)
    mount("-t", "tmpfs", "none", str(place))
    try:
        mount("--make-shared", str(place))
        (place / "sub").mkdir()
        rkt.image(exec=["/bin/sleep", "1000"])
        _, uuid = rkt.start_pod(f"--volume=v,kind=host,source={place},readOnly=true", "--mount=volume=v,target=/v", "example.com/busybox")
        mount("-t", "tmpfs", "none", str(place / "sub"))
        (place / "sub/secret").write_text("")
        assert rkt("enter", uuid, "/bin/ls", "/v/sub", code=0).out == ""
        assert rkt("enter", uuid, "/bin/touch", "/v/sub/x").code != 0
    finally:
        subprocess.run(["umount", "-R", str(place)], check=True)


def test_a_linked_target_does_not_replace_the_root_or_the_kernels_files(rkt):
    for to in ("/", "/proc", "/dev"):
        rkt.image(f"example.com/link{len(to)}", exec=["/bin/true"], extra=[entry("rootfs/data", link=to)])
        err = rkt.run("--volume=v,kind=empty", "--mount=volume=v,target=/data", f"example.com/link{len(to)}", code=254).err
        assert '"/data" is a link to' in err, err


def test_entering_has_the_apps_oom_score(rkt):
    rkt.image(exec=["/bin/sleep", "1000"])
    _, uuid = rkt.start_pod("example.com/busybox", "--oom-score-adj=500")
    assert rkt("enter", uuid, "/bin/cat", "/proc/self/oom_score_adj", code=0).out == "500\n"


def test_an_implicit_volume_is_nobody_elses(rkt):
    rkt.image("example.com/col", exec=["/bin/sh", "-c", "ls -A /y; exit 0"], mountPoints=[{"name": "y", "path": "/y"}])
    rkt.image("example.com/other", exec=["/bin/sh", "-c", "touch /z/mine; exit 0"])
    r = rkt.run("--volume=col-y,kind=empty", "example.com/other", "--mount=volume=col-y,target=/z", "example.com/col", code=0)
    assert "mine" not in r.out


def test_a_start_that_fails_leaves_nothing(rkt):
    rkt.image(exec=["/bin/true"])
    rkt.run("example.com/busybox", net="nosuchnet", code=254)  # may leave the mounts of trees, for all who come
    before = Machine.look()
    rkt.run("example.com/busybox", net="nosuchnet", code=254)
    assert Machine.look().since(before) == []
