# SPDX-License-Identifier: Apache-2.0
"""What flags put into a pod manifest can be read there; what cannot is refused before anything is made."""
import json
import subprocess

from test_mutable import start_sandbox

IMAGE = "example.com/busybox"
NO_TEXT = "not UTF-8, as manifests are"
BAD = [
    (["--working-dir=rel"], 'invalid argument "rel" for --working-dir=rel: workingDirectory must be an absolute path'),
    (["--supplementary-gids=0,4294967295"], "for --supplementary-gids=0,4294967295: 4294967295 is no group number: the highest is 4294967294"),
    (["--annotation=created=today"], '--annotation=created=today: bad date "today", must be RFC 3339'),
    ([b"--exec=/bin/\xff"], NO_TEXT),
    ([b"--user=/\xff"], NO_TEXT),
    ([b"--environment=A=caf\xe9"], NO_TEXT),
    ([b"--user-label=a=\xff"], NO_TEXT),
    (["--mount=volume=v,target=/%e9"], NO_TEXT),
    (["--exec=/bin/echo", "--", b"a\xff"], "app argument \"a"),
]
POD_WIDE = [
    ([b"--volume=v,kind=host,source=/\xff"], NO_TEXT),
    ([b"--set-env=A=\xc3"], NO_TEXT),
    (["--set-env-file=latin1"], 'environment variable "A" (file "latin1"): ' + NO_TEXT),
]


def refused(rkt, *args):
    argv = rkt.argv() + list(args)  # bytes stay bytes
    r = subprocess.run(argv, capture_output=True, env=rkt.env, cwd=rkt.tmp, stdin=subprocess.DEVNULL)
    assert r.returncode == 254, r
    return r.stderr.decode(errors="replace")


def test_values_that_no_manifest_can_hold_are_refused_before_there_is_a_pod(rkt):
    rkt.image(exec=["/bin/true"])
    (rkt.tmp / "latin1").write_bytes(b"A=caf\xe9\n")
    for verb in ("prepare", "run"):
        for flags, why in BAD:
            assert why in refused(rkt, verb, IMAGE, *flags), flags
        for flags, why in POD_WIDE:
            assert why in refused(rkt, verb, *flags, IMAGE), flags
    assert rkt.pods() == [] and not list((rkt.data / "pods").glob("prepare/*"))
    rkt.env["LC_X"] = "caf\udce9"
    err = rkt.run("--inherit-env", IMAGE, code=254).err
    assert 'environment variable "LC_X" is not UTF-8' in err and "--set-env=LC_X=VALUE" in err
    rkt.run("--inherit-env", "--set-env=LC_X=café", IMAGE, code=0)


def test_a_wrong_value_leaves_the_manifest_of_a_running_pod_as_it_was(rkt):
    rkt.image(exec=["/bin/sleep", "1000"])
    p, uuid = start_sandbox(rkt)
    manifest = rkt.data / "pods/run" / uuid / "pod"
    before = manifest.read_bytes()
    for flags, why in BAD:
        assert why in refused(rkt, "app", "add", uuid, IMAGE, "--name=a", *flags), flags
    mount = "--mnt-volume=name=v,kind=host,source=/,target=/"
    assert NO_TEXT in refused(rkt, "app", "add", uuid, IMAGE, "--name=a", mount.encode() + b"\xff")
    assert manifest.read_bytes() == before
    rkt("app", "add", uuid, IMAGE, "--name=a", "--user=", "--group=", "--working-dir=", "--exec=", "--caps-retain=", code=0)
    app = json.loads(manifest.read_bytes())["apps"][0]["app"]
    assert (app["user"], app["group"], app["exec"], "workingDirectory" in app) == ("0", "0", ["/bin/sleep", "1000"], False)
    rkt("app", "start", uuid, "--app=a", code=0)
    out = rkt("app", "exec", "--app=a", uuid, "/bin/grep", "^CapBnd", "/proc/self/status", code=0).out
    assert out.split()[1] == "0" * 16, "--caps-retain= retains none"
    assert p.poll() is None


def test_what_only_the_whole_manifest_shows(rkt):
    err = rkt("app", "sandbox", "--annotation=coreos.com/rkt/stage1/mutable=false", code=1).err
    assert 'duplicate annotations of name "coreos.com/rkt/stage1/mutable"' in err
    assert [p["state"] for p in rkt.pods()] in ([], ["aborted prepare"])


def test_a_name_that_is_too_long_for_files_is_refused(rkt):
    rkt.image(exec=["/bin/sh", "-c", "exit 3"])
    err = rkt("prepare", IMAGE, "--name=" + "a" * 201, code=254).err
    assert "has 201 characters, not 200 at most; give the app another with --name" in err
    rkt.run(IMAGE, "--name=" + "a" * 200, code=3)
    [uuid] = [p["name"] for p in rkt.pods() if p["state"] == "exited"]
    assert rkt.status(uuid)["app-" + "a" * 200] == "3"
