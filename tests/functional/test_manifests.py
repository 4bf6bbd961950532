# SPDX-License-Identifier: Apache-2.0
"""Pod manifests: what flags make of them, what --pod-manifest takes, and what is said about one that is wrong."""
import copy
import json

import pytest

IMAGE = {"user": "worker", "group": "worker", "workingDirectory": "/tmp", "supplementaryGIDs": [2000],
         "environment": [{"name": "PATH", "value": "/bin"}, {"name": "WHO", "value": "image"}],
         "mountPoints": [{"name": "data", "path": "/data"}], "ports": [{"name": "http", "protocol": "tcp", "port": 80, "count": 1, "socketActivated": False}],
         "isolators": [{"name": "resource/memory", "value": {"request": "64M", "limit": "64M"}},
                       {"name": "os/linux/capabilities-remove-set", "value": {"set": ["CAP_KILL"]}},
                       {"name": "os/linux/cpu-shares", "value": 100}],
         "userLabels": {"from": "image"}, "userAnnotations": {"from": "image"}}


def made(rkt, *args):
    """The manifest that `prepare ARGS` writes."""
    uuid = rkt("prepare", *args, code=0).out.splitlines()[-1]
    return json.loads(rkt("cat-manifest", uuid, code=0).out)


@pytest.fixture
def image(rkt):
    return rkt.image(exec=["/bin/echo", "image"], **copy.deepcopy(IMAGE))


def only(manifest):
    (app,) = manifest["apps"]
    return app


def test_without_flags_the_app_is_the_images(rkt, image):
    app = only(made(rkt, "example.com/busybox"))
    assert list(app) == ["name", "image", "app"] and app["name"] == "busybox"
    assert app["image"]["name"] == image.name and app["image"]["id"] == image.key and {"name": "version", "value": "1.0.0"} in app["image"]["labels"]
    spec = app["app"]
    assert spec["exec"] == ["/bin/echo", "image"]
    assert list(spec) == ["exec", "user", "group", "supplementaryGIDs", "workingDirectory", "environment", "mountPoints", "ports", "isolators",
                          "userAnnotations", "userLabels"]
    assert {k: v for k, v in spec.items() if k in IMAGE and k not in ("isolators", "ports")} == {k: v for k, v in IMAGE.items() if k not in ("isolators", "ports")}


@pytest.mark.parametrize("flag, member, value", [
    ("--user=0", "user", "0"), ("--group=/etc", "group", "/etc"), ("--working-dir=/data", "workingDirectory", "/data"),
    ("--supplementary-gids=5,6", "supplementaryGIDs", [5, 6]), ("--user-label=a=b=c", "userLabels", {"a": "b=c"}),
    ("--user-annotation=x=y", "userAnnotations", {"x": "y"}), ("--exec=/bin/true", "exec", ["/bin/true"])])
def test_an_option_of_an_image_replaces(rkt, image, flag, member, value):
    assert only(made(rkt, "example.com/busybox", flag))["app"][member] == value


def test_arguments_follow_the_images_or_those_of_exec(rkt, image):
    assert only(made(rkt, "example.com/busybox", "--", "a", "--b"))["app"]["exec"] == ["/bin/echo", "image", "a", "--b"]
    assert only(made(rkt, "example.com/busybox", "--exec=/bin/cat", "--", "-"))["app"]["exec"] == ["/bin/cat", "-"]


def isolators(app):
    return [(i["name"], i["value"]) for i in app["app"]["isolators"]]


def test_isolators_of_flags(rkt, image):
    found = isolators(only(made(rkt, "example.com/busybox", "--memory=128M", "--cpu=500m", "--cpu-shares=200", "--oom-score-adj=-5", "--caps-retain=CAP_CHOWN,CAP_KILL",
                                "--seccomp=mode=remove,errno=EPERM,reboot")))
    names = [n for n, _ in found]
    assert [v["limit"] for n, v in found if n == "resource/memory"] == ["64M", "128M"]  # appended: the last one counts
    assert names.count("os/linux/cpu-shares") == 1 and ("os/linux/cpu-shares", 200) in found and ("os/linux/oom-score-adj", -5) in found
    assert "os/linux/capabilities-remove-set" not in names and ("os/linux/capabilities-retain-set", {"set": ["CAP_CHOWN", "CAP_KILL"]}) in found
    assert [v["limit"] for n, v in found if n == "resource/cpu"] == ["500m"]
    (seccomp,) = [v for n, v in found if n == "os/linux/seccomp-remove-set"]
    assert seccomp["set"] == ["reboot"] and seccomp["errno"] == "EPERM"


def test_environment_weakest_first(rkt, image):
    (rkt.tmp / "env").write_text("WHO=file\nFILE=file\nSET=file\n")
    args = ["--inherit-env", f"--set-env-file={rkt.tmp}/env", "--set-env=SET=flag", "--set-env=APP=flag", "example.com/busybox", "--environment=APP=app"]
    uuid = rkt("prepare", *args, code=0, env={"OUTSIDE": "yes", "WHO": "caller"}).out.strip()
    env = {v["name"]: v["value"] for v in only(json.loads(rkt("cat-manifest", uuid, code=0).out))["app"]["environment"]}
    assert (env["WHO"], env["FILE"], env["SET"], env["APP"], env["OUTSIDE"], env["PATH"]) == ("file", "file", "flag", "flag", "yes", "/bin")


def test_mounts_of_an_app_win_over_those_of_the_pod(rkt, image):
    app = only(made(rkt, "--volume=a,kind=empty", "--volume=b,kind=empty", "--mount=volume=a,target=/data/", "--mount=volume=a,target=/other",
                    "example.com/busybox", "--mount=volume=b,target=/data"))
    assert app["mounts"] == [{"volume": "b", "path": "/data"}, {"volume": "a", "path": "/other"}]


def test_the_pods_own_members(rkt, image):
    m = made(rkt, "--volume=v,kind=host,source=/srv,readOnly=true,recursive=false", "--volume=e,kind=empty,mode=0700,uid=1,gid=2", "--port=http:127.0.0.1:8080",
             "example.com/busybox", "--name=other", "--annotation=a.com/x=y", "--readonly-rootfs=true")
    assert m["volumes"] == [{"name": "v", "kind": "host", "source": "/srv", "readOnly": True, "recursive": False},
                            {"name": "e", "kind": "empty", "mode": "0700", "uid": 1, "gid": 2}]
    assert m["ports"] == [{"name": "http", "hostPort": 8080, "hostIP": "127.0.0.1"}]
    assert m["annotations"] == [{"name": "coreos.com/rkt/stage1/mutable", "value": "false"}]
    app = only(m)
    assert (app["name"], app["readOnlyRootFS"], app["annotations"]) == ("other", True, [{"name": "a.com/x", "value": "y"}])


def test_an_image_without_an_app_needs_exec(rkt):
    image = rkt.image(app=False)
    r = rkt("prepare", "example.com/busybox", code=254)
    assert f"error: image {image.key} has no app section and --exec argument is not provided" in r.err
    assert only(made(rkt, "example.com/busybox", "--exec=/bin/true"))["app"] == {"exec": ["/bin/true"], "user": "0", "group": "0"}


@pytest.mark.parametrize("args, text", [
    (["I", "--caps-retain=CAP_KILL", "--caps-remove=CAP_CHOWN"], "cannot use both --caps-retain and --caps-remove on the same image"),
    (["I", "--seccomp=mode=keep,reboot"], "invalid seccomp mode command-line override"),
    (["I", "--seccomp=mode=remove,color=red,reboot"], "invalid seccomp command-line override"),
    (["I", "--seccomp=mode=remove,errno=perm,reboot"], "errno must start with an 'E' character"),
    (["I", "--memory=1k"], "memory limit of 1000 bytes too low. Try a reasonable value, such as --memory=16M"),
    (["I", "--cpu=-1"], "cpu limit must not be negative"),
    (["I", "--cpu-shares=1"], "os/linux/cpu-shares must be between 2 and 262144, got 1"),
    (["I", "--oom-score-adj=1001"], "os/linux/oom-score-adj must be between -1000 and 1000, got 1001"),
    (["I", "--supplementary-gids=a"], "--supplementary-gids must be integers"),
    (["I", "--readonly-rootfs=maybe"], "--readonly-rootfs must be set with a boolean"),
    (["I", "--environment=a"], 'invalid format of --environment flag "a"'),
    (["I", "--exec=a", "--exec", "b"], 'invalid argument "b" for --exec: --exec specified multiple times for the same image'),
    (["I", "--mount=volume=v,target=/x"], 'dangling mount point "/x": volume "v" not found'),
    (["--port=nothing:80", "I"], 'port name "nothing" could not be found in any apps'),
    (["--port=http:80", "--port=http:80", "I"], "port tcp-0.0.0.0:80 already mapped to pod port 80"),
    (["I", "I", "--name=busybox"], "multiple apps with name busybox"),
    (["--exec=a", "I"], "--exec must follow an image"),
    (["--set-env=A=1", "--set-env=A=2", "I"], 'invalid argument "A=2" for --set-env=A=2: key "A" already set'),
])
def test_what_flags_cannot_say(rkt, image, args, text):
    assert text in rkt("prepare", *["example.com/busybox" if a == "I" else a for a in args], code=254).err


# ---------------------------------------------------------------------------------------------------- --pod-manifest

def pod(image, **app):
    return {"acVersion": "0.8.11", "acKind": "PodManifest", "apps": [{"name": "one", "image": {"id": image.id}, **app}]}


def spec(**fields):
    return {"exec": ["/bin/sh", "-c", "exit 6"], "user": "0", "group": "0", **fields}


def written(rkt, manifest):
    f = rkt.tmp / "pod.json"
    f.write_text(manifest if isinstance(manifest, str) else json.dumps(manifest))
    return f"--pod-manifest={f}"


def test_the_bytes_are_kept(rkt, image):
    text = json.dumps({**pod(image), "x-unknown": [1, 2]}, indent=3)
    uuid = rkt("prepare", written(rkt, text), code=0).out.strip()
    assert (rkt.data / "pods/prepared" / uuid / "pod").read_text() == text
    assert "x-unknown" not in json.loads(rkt("cat-manifest", uuid, code=0).out)


def test_the_app_replaces_the_images_or_is_the_images(rkt, image):
    assert rkt.run(written(rkt, pod(image)), code=0).out == "image\n"
    assert rkt.run(written(rkt, pod(image, app=spec())), code=6).out == ""
    assert rkt.run(written(rkt, pod(image, app=spec(exec=["/bin/sh", "-c", "id -u; pwd; id -G; echo $A-$WHO"], user="worker", group="worker", workingDirectory="/bin",
                                                    supplementaryGIDs=[7], environment=[{"name": "A", "value": "b"}]))), code=0).out == "1000\n/bin\n1000 7\nb-\n"


def test_members_of_a_runtime_app(rkt, image):
    (rkt.tmp / "v").mkdir()
    (rkt.tmp / "v/file").write_text("text\n")
    m = pod(image, app=spec(exec=["/bin/sh", "-c", "cat /a/file /b/file; echo x >/b/file; echo x >/new; echo $?"]), readOnlyRootFS=True,
            mounts=[{"volume": "v", "path": "/a"}, {"volume": "ignored", "path": "/b", "appVolume": {"name": "mine", "kind": "host", "source": f"{rkt.tmp}/v", "readOnly": True}}],
            annotations=[{"name": "a.com/b", "value": "c"}])
    m["volumes"] = [{"name": "v", "kind": "host", "source": f"{rkt.tmp}/v"}]
    r = rkt.run(written(rkt, m), code=0)
    assert r.out == "text\ntext\n1\n" and r.err.lower().count("read-only file system") == 2


def test_members_of_the_pod(rkt, image):
    m = {**pod(image, app=spec(exec=["/bin/true"], userLabels={"a": "1"})), "userLabels": {"p": "1"}, "userAnnotations": {"q": "2"},
         "annotations": [{"name": "x.com/y", "value": "z"}], "isolators": [{"name": "somebody/elses", "value": 1}], "volumes": None, "ports": []}
    rkt.run(written(rkt, m), code=0)
    (shown,) = rkt.pods()
    assert (shown["user_labels"], shown["user_annotations"], shown["apps"][0]["user_labels"]) == ({"p": "1"}, {"q": "2"}, {"a": "1"})


@pytest.mark.parametrize("flag", ["--volume=v,kind=empty", "--mount=volume=v,target=/x", "--port=http:80", "--pull-policy=never", "--pull-policy=update", "--store-only",
                                  "--no-store", "--inherit-env", "--set-env=A=b", "--set-env-file=/dev/null"])
@pytest.mark.parametrize("command", ["run", "prepare"])
def test_flags_that_contradict_a_manifest(rkt, flag, command):
    f = written(rkt, "{}")
    assert "conflicting flags set with --pod-manifest (see --help)" in rkt(command, f, flag, code=254).err
    assert "conflicting flags set with --pod-manifest (see --help)" in rkt(command, f, "image", code=254).err


WRONG = [
    ({"acKind": "ImageManifest"}, 'missing or bad ACKind (must be "PodManifest")'),
    ({"acKind": None}, "ACKind must be set"),
    ({"acVersion": "1"}, "acVersion: SemVer is bad"),
    ({"apps[0]": {"name": "Bad"}}, "apps[0].name: ACName must contain only lower case alphanumeric characters"),
    ({"apps[0]": {"image": {}}}, 'apps[0]: no image ID for app "one"'),
    ({"apps[0]": {"image": {"id": "md5-0"}}}, "apps[0].image: unrecognized hash type: md5"),
    ({"apps[0]": {"image": {"id": "sha512-" + "0" * 128}}}, "apps[0].image.id: no image IDs found"),
    ({"apps[0]": {"mounts": [{"volume": "v", "path": "/x"}]}}, 'apps[0].mounts[0]: dangling mount point "/x": volume "v" not found'),
    ({"apps[0]": {"mounts": [{"volume": "v"}]}}, "apps[0].mounts[0]: path must be set"),
    ({"apps[0]": {"app": spec(isolators=[{"name": "resource/cpu", "value": {"limit": "-1"}}])}}, "apps[0].app.isolators[0].value.limit: must not be negative"),
    ({"isolators": [{"name": "resource/memory", "value": {"limit": "x"}}]}, "isolators[0].value.limit: "),
    ({"isolators": [{"name": "os/linux/no-new-privileges", "value": True}]}, "isolators: only resources and os/unix/sysctl belong to a pod"),
    ({"apps[0]": {"app": {"exec": "x", "user": "0", "group": "0"}}}, "apps[0].app.exec: expected array, got string"),
    ({"apps[0]": {"app": {"exec": ["x", 1], "user": "0", "group": "0"}}}, "apps[0].app.exec[1]: expected string, got number"),
    ({"apps[0]": {"app": {"exec": ["x"], "user": "", "group": "0"}}}, "apps[0].app"),
    ({"apps[0]": {"app": spec(workingDirectory="x")}}, "apps[0].app"),
    ({"apps[0]": {"app": spec(environment=[{"name": "1", "value": ""}])}}, "apps[0].app.environment[0].name: environment variable"),
    ({"apps[0]": {"app": spec(environment=[{"name": "A", "value": ""}] * 2)}}, "apps[0].app.environment[1].name: duplicate environment"),
    ({"apps[0]": {"app": spec(eventHandlers=[{"name": "mid-life", "exec": ["/x"]}])}}, "apps[0].app.eventHandlers[0]"),
    ({"apps[0]": {"app": spec(ports=[{"name": "p", "protocol": "tcp", "port": 0}])}}, "apps[0].app.ports[0]"),
    ({"apps[0]": {"app": spec(supplementaryGIDs=["a"])}}, "apps[0].app.supplementaryGIDs[0]"),
    ({"apps[0]": {"annotations": [{"name": "A!", "value": ""}]}}, "apps[0].annotations[0].name"),
    ({"volumes": [{"name": "v", "kind": "empty"}] * 2}, 'volumes[1]: duplicate volume name "v"'),
    ({"volumes": [{"name": "v", "kind": "host"}]}, "volumes[0]: source for host volume cannot be empty"),
    ({"volumes": [{"name": "v", "kind": "disk"}]}, 'volumes[0]: unrecognized volume kind: should be one of "empty", "host"'),
    ({"apps[0]": {"app": spec(isolators=[{"name": "os/linux/cpu-shares", "value": 9}] * 2)}}, "apps[0].app.isolators[1]: isolators set contains too many"),
    ({"apps[0]": {"app": {"exec": [], "user": "0", "group": "0"}}}, "apps[0].app.exec: a program must be named"),
    ({"apps[0]": {"app": spec(eventHandlers=[{"name": "pre-start", "exec": ["x"]}])}}, 'apps[0].app.eventHandlers[0].exec: event handler "pre-start" needs an absolute path'),
    ({"apps[0]": {"app": spec(eventHandlers=[{"name": "post-stop", "exec": []}])}}, 'apps[0].app.eventHandlers[0].exec: event handler "post-stop" needs an absolute path'),
    ({"apps[0]": {"app": spec(mountPoints=[{"name": "m"}])}}, "apps[0].app.mountPoints[0]: path must be set"),
    ({"apps[0]": {"app": spec(mountPoints=[{"name": "m", "path": "/a"}, {"name": "m", "path": "/b"}])}}, 'apps[0].app.mountPoints[1].name: duplicate mount point "m"'),
    ({"apps[0]": {"annotations": [{"name": "coreos.com/rkt/stage2/stdin", "value": "log"}]}}, 'apps[0].annotations[0].value: invalid stdin mode "log"'),
    ({"apps[0]": {"annotations": [{"name": "coreos.com/rkt/stage2/stop-signal", "value": "x"}]}}, 'apps[0].annotations[0].value: "x" is no signal'),
    ({"annotations": [{"name": "coreos.com/rkt/stage1/shm-size", "value": "abc"}]}, "annotations[0].value: shm-size: error parsing request"),
    ({"ports": [{"name": "zz", "hostPort": 5}]}, 'ports[0]: port name "zz" could not be found in any apps'),
    ({"ports": [{"name": "p", "hostPort": 70000}]}, "ports[0].hostPort"),
    ({"annotations": [{"name": "a.b", "value": "1"}] * 2}, "annotations[1]: duplicate annotations"),
]


@pytest.mark.parametrize("change, text", WRONG, ids=[t[:50] for _, t in WRONG])
def test_what_is_wrong_is_named_by_its_place(rkt, image, change, text):
    m = pod(image)
    for where, value in change.items():
        if where == "apps[0]":
            m["apps"][0].update(value)
        else:
            m[where] = value
    r = rkt("prepare", written(rkt, m), code=254)
    assert text in r.err and ("error setting up stage0" in r.err or "image.id: " in text) and len(r.err.splitlines()) == 1, r


def test_two_apps_of_one_name(rkt, image):
    m = pod(image)
    m["apps"] *= 2
    assert "apps[1]: multiple apps with same name one" in rkt("prepare", written(rkt, m), code=254).err


def test_no_app_at_all(rkt):
    uuid = rkt("prepare", written(rkt, {"acVersion": "0.8.11", "acKind": "PodManifest", "apps": []}), code=0).out.strip()
    assert "pod must contain at least one application" in rkt("run-prepared", "--net=none", uuid, code=254).err
    assert rkt.status(uuid)["state"] == "prepared"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"acKind":', "\xff", "nothing"])
def test_what_is_no_json(rkt, text):
    r = rkt("prepare", written(rkt, text), code=254)
    assert len(r.err.splitlines()) == 1
    assert "no such file or directory" in rkt("prepare", "--pod-manifest=/no/such", code=254).err


def test_images_must_be_in_the_store(rkt, image):
    m = pod(image)
    rkt("image", "rm", image.key, code=0)
    assert "no image IDs found" in rkt.run(written(rkt, m), code=254).err
