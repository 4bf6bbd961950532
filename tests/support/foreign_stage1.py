#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A stage1 of somebody else, written from the implementors' contract alone: apps in chroots, side by side, no isolation.
One file under several names; @HELD@ is a directory where it keeps something on the host that only its gc gives back."""
import json
import os
import signal
import sys

HELD = "@HELD@"


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


def record_call(name, args):
    fds = {}
    for fd in os.listdir("/proc/self/fd"):
        try:
            fds[fd] = os.readlink(f"/proc/self/fd/{fd}")
        except OSError:
            pass
    write(f"{HELD}/{name}.json", json.dumps({"args": args, "env": dict(os.environ), "cwd": os.getcwd(), "fds": fds, "argv0": sys.argv[0]}))


def app_root(name):
    return f"{os.getcwd()}/stage1/rootfs/opt/stage2/{name}/rootfs"


def start(app, lock):
    name = app["name"]
    with open(f"stage1/rootfs/opt/stage2/{name}/manifest") as f:
        spec = app.get("app") or json.load(f)["app"]
    pid = os.fork()
    if pid:
        return pid
    os.close(lock)  # the pod ends with its supervisor, not with an app's leftovers
    os.chroot(app_root(name))
    os.chdir(spec.get("workingDirectory") or "/")
    env = {v["name"]: v["value"] for v in spec.get("environment") or []}
    os.execvpe(spec["exec"][0], spec["exec"], {"PATH": "/bin", "AC_APP_NAME": name, **env})


def run(args):
    record_call("run", args)
    write(f"{HELD}/{args[-1]}", "")
    lock = int(os.environ["RKT_LOCK_FD"])
    if "--mutable" in args:
        serve()
    if "@PPID@" == "yes":  # the other way to say where the pod is: its only child
        write("ppid", f"{os.getpid()}\n")
        child = os.fork()
        if child:
            os.close(lock)
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    with open("pod") as f:
        apps = json.load(f)["apps"]
    running = {start(app, lock): app["name"] for app in apps}
    signal.signal(signal.SIGTERM, lambda *_: [os.kill(pid, signal.SIGTERM) for pid in running])
    if "@PPID@" != "yes":
        write("pid", f"{os.getpid()}\n")
    os.symlink("ready", "stage1/rootfs/rkt/supervisor-status")
    result = 0
    while running:
        pid, status = os.wait()
        code = abs(os.waitstatus_to_exitcode(status))  # a signal: its bare number, as the reference records it
        write(f"stage1/rootfs/rkt/status/{running.pop(pid)}", f"{code}\n")
        result = code or result
    sys.exit(result)


def serve():
    """A pod whose apps come later: here nothing more than what is on record of them."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    write("pid", f"{os.getpid()}\n")
    os.symlink("ready", "stage1/rootfs/rkt/supervisor-status")
    while True:
        signal.pause()


def crossing(name, args):
    record_call(name, args)
    enter_command = os.environ["RKT_STAGE1_ENTERCMD"]
    app = next(a for a in args if a.startswith("--app=")).removeprefix("--app=")
    if not os.access(enter_command, os.X_OK):
        sys.exit(f"{name}: {enter_command} is not there")
    if os.path.exists(f"{HELD}/{name}-{app}"):
        with open(f"{HELD}/{name}-{app}") as f:
            print(f"{name}: as it was told")
            sys.exit(int(f.read()))
    if name == "app_stop":
        write(f"stage1/rootfs/rkt/status/{app}", "0\n")


def enter(args):
    record_call("enter", args)
    flags = dict(a[2:].split("=", 1) for a in args[:args.index("--")])
    command = args[args.index("--") + 1:]
    os.execvp("nsenter", ["nsenter", f"--target={flags['pid']}", "--mount", "chroot", app_root(flags["appname"]), *command])


def stop(args):
    record_call("stop", args)
    with open("pid") as f:
        os.kill(int(f.read()), signal.SIGKILL if "--force" in args else signal.SIGTERM)


def gc(args):
    record_call("gc", args)
    os.path.exists(f"{HELD}/{args[-1]}") and os.unlink(f"{HELD}/{args[-1]}")


CALLED = os.path.basename(sys.argv[0])
crossing(CALLED, sys.argv[1:]) if CALLED == "attach" or CALLED.startswith("app_") else globals()[CALLED](sys.argv[1:])
