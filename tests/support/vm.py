# SPDX-License-Identifier: Apache-2.0
"""A virtual machine on another kernel: Debian's own, emulated by QEMU, with one hierarchy of cgroups (v2). It holds busybox, or a
Debian that systemd runs, rkt as it was built, and what a test puts beside it; it runs named shell scripts one after the other and
gives back what each printed."""
import os
import re
import shutil
import subprocess

import pytest

from rktlib import BUILD, Result

WORKERS = ("unpack", "verify")
# For a step: a pod in the background. Its UUID is in /tmp/uuid; its apps run when this is through.
BACKGROUND = """
rm -f /tmp/uuid; rkt run --net=none --uuid-file-save=/tmp/uuid %s >/tmp/pod.out 2>/tmp/pod.err & pod=$!
until rkt status "$(cat /tmp/uuid 2>/dev/null)" 2>/dev/null | grep -q ^pid=; do kill -0 $pod || { cat /tmp/pod.err; exit 1; }; done
uuid=$(cat /tmp/uuid); dir=/sys/fs/cgroup$(cat /var/lib/rkt/pods/run/$uuid/subcgroup)
"""
# The first file system of a machine cannot be pivoted away from, so everything moves to a second one.
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t tmpfs -o size=1g,mode=755 root /new
for d in bin etc lib lib64 rkt scripts; do [ ! -e /$d ] || cp -a /$d /new/; done
mkdir -p /new/proc /new/sys /new/dev /new/tmp /new/run /new/root /new/var
exec switch_root /new /scripts/main
"""
STEPS = """exec 3>/dev/ttyS1; stty -F /dev/ttyS1 raw
for step in /scripts/[0-9]*; do
  sh $step >/tmp/out 2>/tmp/err </dev/null; code=$?
  { echo "::code $code"; cat /tmp/out; echo "::err"; cat /tmp/err; echo "::end ${step##*-}"; } >&3
done
"""
# Cgroups are mounted as systemd does it. Everything of the test runs in one below the top, as everything on a host does.
MAIN = """#!/bin/sh
export PATH=/rkt/bin:/bin HOME=/root
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mount -t cgroup2 -o nsdelegate,memory_recursiveprot cgroup2 /sys/fs/cgroup
mkdir /sys/fs/cgroup/tests; echo $$ >/sys/fs/cgroup/tests/cgroup.procs
for m in $(cat /lib/modules/modules); do insmod /lib/modules/$m.ko; done
ip link set lo up
""" + STEPS + """sync; poweroff -f
"""
# Systemd is executed by what came before it, and starts the steps as a service.
SYSTEMD_INIT = """#!/bin/busybox sh
/bin/busybox mkdir /new
/bin/busybox mount -t tmpfs -o size=1g,mode=755 root /new
for d in /*; do case $d in /new|/dev|/proc|/sys) ;; *) /bin/busybox cp -a $d /new/ ;; esac; done
/bin/busybox mkdir -p /new/dev /new/proc /new/sys
exec /bin/busybox switch_root /new /lib/systemd/systemd
"""
SERVICE = """[Unit]
After=systemd-logind.service
[Service]
Type=oneshot
ExecStart=/scripts/main
"""
SYSTEMD_MAIN = """#!/bin/sh
export PATH=/rkt/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
for m in $(cat /lib/modules/modules); do busybox insmod /lib/modules/$m.ko; done
""" + STEPS + """systemctl poweroff -ff
"""


def libraries(program):
    listing = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    return re.findall(r"(/\S+) \(0x", listing)


def add(root, source, name):
    target = os.path.join(root, name.lstrip("/"))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    (shutil.copytree if os.path.isdir(source) else shutil.copy)(source, target)


def add_program(root, source, name):
    add(root, source, name)
    for library in libraries(source):
        if not os.path.exists(root + library):
            add(root, library, library)


def write(root, name, text, mode=0o644):
    path = os.path.join(root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)


def fill_root(root, kernel, files, steps, init, main):
    add(root, "/bin/busybox", "bin/busybox")
    for file in os.listdir(kernel):
        if file != "vmlinuz":
            add(root, os.path.join(kernel, file), f"lib/modules/{file}")
    add(root, os.path.join(BUILD, "lib/rkt"), "rkt/lib/rkt")
    for program in ("bin/rkt", *(f"libexec/rkt/{w}" for w in WORKERS)):
        add_program(root, os.path.join(BUILD, program), f"rkt/{program}")
        subprocess.run(["strip", os.path.join(root, "rkt", program)], check=True)
    write(root, "init", init, 0o755)
    write(root, "scripts/main", main, 0o755)
    for n, (name, script) in enumerate(steps.items()):
        write(root, f"scripts/{n:03}-{name}", script)
    for source, name in files.items():
        add(root, source, name)


def tail(file):
    with open(file, errors="replace") as f:
        return f.read()[-4000:]


def boot(tmp, kernel, steps, parameters, timeout):
    root, archive, answers, console = (str(tmp / n) for n in ("root", "initramfs", "answers", "console"))
    with open(archive, "wb") as out:
        find = subprocess.Popen(["find", "."], cwd=root, stdout=subprocess.PIPE)
        subprocess.run(["busybox", "cpio", "-o", "-H", "newc"], cwd=root, stdin=find.stdout, stdout=out, stderr=subprocess.DEVNULL, check=True)
        assert find.wait() == 0
    # One thread for both processors: with one each, QEMU now and then goes on for ever with an instruction that the guest's kernel has
    # patched (its breakpoint in kmalloc, when the first cgroup with memory is made).
    machine = ["qemu-system-x86_64", "-accel", "tcg,thread=single", "-m", "2048", "-smp", "2", "-display", "none", "-no-reboot", "-nic", "none",
               "-kernel", os.path.join(kernel, "vmlinuz"), "-initrd", archive, "-append", f"console=ttyS0 quiet panic=-1 {parameters}",
               "-serial", f"file:{console}", "-serial", f"file:{answers}"]
    try:
        subprocess.run(machine, check=True, timeout=timeout, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        pytest.fail(f"the guest hangs after:\n{tail(answers)}\non its console:\n{tail(console)}")
    with open(answers, errors="replace") as f:
        found = re.findall(r"::code (\d+)\n(.*?)::err\n(.*?)::end (\w+)\n", f.read(), re.DOTALL)
    results = {name: Result(int(code), out, err) for code, out, err, name in found}
    assert list(results) == list(steps), tail(console)
    return results


def run_in_guest(tmp, kernel, files, steps, programs=(), parameters="", timeout=300):
    """Boots, runs every script of `steps` (name -> shell), returns name -> Result. `files`: path on the host -> path in the guest.
    Names hold no dash. `programs` of the host go along; `parameters`: the kernel's."""
    root = str(tmp / "root")
    for d in ("proc", "new", "dev"):
        os.makedirs(os.path.join(root, d))
    for program in ("/usr/bin/socat", *programs):
        add_program(root, program, f"bin/{os.path.basename(program)}")
    write(root, "etc/passwd", "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
    write(root, "etc/group", "root:x:0:\nnogroup:x:65534:\n")
    fill_root(root, kernel, files, steps, INIT, MAIN)
    return boot(tmp, kernel, steps, parameters, timeout)


def run_under_systemd(tmp, cache, files, steps, timeout=300):
    """The same on a Debian that systemd runs. The steps are one service, which delegates nothing."""
    root, kernel = str(tmp / "root"), os.path.join(cache, "kernel")
    os.mkdir(root)
    subprocess.run(["tar", "-xf", os.path.join(cache, "systemd.tar"), "-C", root, "--numeric-owner"], check=True)
    units = os.path.join(root, "etc/systemd/system")
    write(units, "steps.service", SERVICE)
    os.symlink("../steps.service", os.path.join(units, "multi-user.target.wants/steps.service"))
    os.symlink("/dev/null", os.path.join(units, "serial-getty@ttyS0.service"))  # would wait for a device that udev makes
    fill_root(root, kernel, files, steps, SYSTEMD_INIT, SYSTEMD_MAIN)
    return boot(tmp, kernel, steps, "", timeout)
