# SPDX-License-Identifier: Apache-2.0
"""What `list`, `status` and `cat-manifest` say of pods, and to whom."""
import json
import os
import re
import subprocess

from test_lifecycle import ended, prepared


def test_list_and_status_agree_in_json(rkt):
    rkt.image("example.com/a", exec=["/bin/sh", "-c", "exit 2"])
    rkt.image("example.com/b", exec=["/bin/sleep", "1000"])
    (rkt.tmp / "v").mkdir()
    file = rkt.tmp / "u"
    rkt.run(f"--volume=data,kind=host,source={rkt.tmp}/v,readOnly=true", "--volume=tmp,kind=empty", "--mount=volume=data,target=/data", f"--uuid-file-save={file}",
            "example.com/a", "--user-label=x=1", "--user-annotation=y=2", "example.com/b", "--mount=volume=tmp,target=/t", code=2)
    (pod,) = rkt.pods()
    assert pod == json.loads(rkt("status", "--format=json", file.read_text(), code=0).out)
    assert list(pod) == ["name", "state", "app_names", "apps", "created_at", "started_at"]
    a, b = pod["apps"]
    assert list(a) == ["name", "state", "created_at", "started_at", "exit_code", "image_id", "mounts", "user_annotations", "user_labels"]
    assert a["mounts"] == [{"name": "data", "container_path": "/data", "host_path": f"{rkt.tmp}/v", "read_only": True}]
    assert (a["user_annotations"], a["user_labels"], a["exit_code"]) == ({"y": "2"}, {"x": "1"}, 2)
    assert {m["name"]: m["read_only"] for m in b["mounts"]} == {"tmp": False, "data": True}
    pretty = rkt("list", "--format=json-pretty", code=0).out
    assert pretty.startswith('[\n\t{\n\t\t"name": "') and json.loads(pretty) == [pod]


def test_list_of_pods_that_are_not_ready(rkt):
    rkt.image(exec=["/bin/true"])
    rkt("prepare", "example.com/busybox", "--name=Bad!", code=254)
    cells = rkt("list", "--no-legend", "--full", code=0).out.rstrip("\n").split("\t")
    cells = [c for c in cells if c]
    assert cells[1:5] == ["-", "-", "-", "aborted prepare"] and cells[5] == "0001-01-01 00:00:00 +0000 UTC"
    r = rkt("list", "--format=json", code=0)
    assert r.out == "null\n" and "invalid creation time" in r.err
    (uuid,) = [p.name for p in (rkt.data / "pods/prepare").iterdir()]
    assert "unable to print status: error converting pod: invalid creation time" in rkt("status", "--format=json", uuid, code=254).err


def test_a_pod_that_cannot_be_read_does_not_hide_the_others(rkt):
    rkt.image(exec=["/bin/true"])
    bad, no_image, good = prepared(rkt), prepared(rkt), prepared(rkt)
    (rkt.data / "pods/prepared" / bad / "pod").write_text("{")
    os.unlink(rkt.data / "pods/prepared" / no_image / "appsinfo/busybox/manifest")
    r = rkt("list", "--full", code=0)
    assert good in r.out and no_image in r.out and bad not in r.out and "\t--\t" in r.out
    assert "list: 2 error(s) encountered when listing pods:" in r.err and f"list: Unable to read pod {bad} manifest:" in r.err
    assert f"pod {no_image} ImageManifest could not be loaded" in r.err and "list:   rkt's appc version: 0.8.11" in r.err
    r = rkt("cat-manifest", bad, code=254)
    assert (r.out, len(r.err.splitlines())) == ("", 1)


def test_removed_images_break_nothing(rkt):
    rkt.image(exec=["/bin/true"])
    uuid = ended(rkt)
    rkt("image", "rm", "example.com/busybox", code=0)
    assert rkt.status(uuid)["state"] == "exited" and "example.com/busybox:1.0.0" in rkt("list", code=0).out


def test_cat_manifest(rkt):
    rkt.image(exec=["/bin/true"])
    uuid = prepared(rkt)
    pretty = rkt("cat-manifest", uuid, code=0).out
    assert pretty.startswith('{\n\t"acVersion": "') and pretty.endswith("}\n")
    m = json.loads(pretty)
    assert list(m) == ["acVersion", "acKind", "apps", "volumes", "isolators", "annotations", "ports"]
    assert (m["volumes"], m["isolators"], m["ports"]) == (None, None, [])
    assert re.fullmatch(r"\d+\.\d+\.\d+", m["acVersion"]) and m["acKind"] == "PodManifest"
    (rkt.tmp / "f").write_text(uuid)
    assert rkt("cat-manifest", "--pretty-print=false", f"--uuid-file={rkt.tmp}/f", code=0).out == json.dumps(m, separators=(",", ":")) + "\n"
    for args in ([], [uuid, uuid]):
        assert rkt("cat-manifest", *args, code=254).out.startswith("NAME:\n\tcat-manifest - ")


def test_the_group_may_read(rkt):
    """With the packaged modes (2750 root:rkt below DATA) its members list and read pods, and may do nothing else."""
    group = 54321
    rkt("list", code=0)
    for path in [rkt.data, rkt.data / "pods", *(rkt.data / "pods").iterdir()]:
        os.chown(path, 0, group)
        os.chmod(path, 0o2750)
    rkt.image(exec=["/bin/sh", "-c", "exit 3"])
    uuid, waiting = ended(rkt, code=3), prepared(rkt)

    def member(*args):
        p = subprocess.run(["setpriv", "--reuid=65534", f"--regid={group}", "--clear-groups", *rkt.argv(*args)], capture_output=True, text=True, env=rkt.env,
                           cwd="/")
        return p
    place = rkt.tmp
    while place != place.parent and place != place.parent.parent:  # pytest's directories are the owner's alone
        os.chmod(place, os.stat(place).st_mode | 0o011)
        place = place.parent
    p = member("status", uuid)
    assert p.returncode == 0 and "state=exited" in p.stdout and "app-busybox=3" in p.stdout, p
    p = member("list", "--format=json")
    assert p.returncode == 0 and {pod["name"] for pod in json.loads(p.stdout)} == {uuid, waiting}, p
    assert json.loads(member("cat-manifest", waiting).stdout)["acKind"] == "PodManifest"
    for command in ("rm", "stop"):  # programs of the pod's stage1, which others could have put there
        assert member(command, waiting).stderr.startswith(f"{command}: cannot run as unprivileged user; ")
    stranger = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *rkt.argv("list")], capture_output=True, text=True, env=rkt.env)
    assert stranger.returncode == 254 and "permission denied" in stranger.stderr.lower()


def test_three_hundred_pods_are_listed(rkt):
    rkt.image(exec=["/bin/true"])
    first = ended(rkt)
    source = rkt.data / "pods/run" / first
    for i in range(299):
        subprocess.run(["cp", "-a", source, rkt.data / f"pods/run/{i:08x}{first[8:]}"], check=True)
    assert len(rkt.pods()) == 300
    for args in ([], ["--full"], ["--format=json"]):
        assert rkt("list", *args, code=0).out.count("exited") >= 300
