# SPDX-License-Identifier: Apache-2.0
"""What is wrong with an image argument, a key or their surroundings is named, with what helps."""
import json
import os
import subprocess

import pytest

from rktlib import entry, manifest, oci_layout, tar_bytes
from signlib import INSECURE, PemKey, ReferrersRegistry, sha256


@pytest.fixture
def layout(tmp_path):
    return str(oci_layout(tmp_path / "image", [[entry("a", "x")]]))


@pytest.mark.parametrize("command", [("fetch", "oci:{}"), ("image", "import", "{}")])
def test_a_directory_that_is_no_layout_is_named(rkt, tmp_path, command):
    (tmp_path / "empty").mkdir()
    r = rkt(INSECURE, *(word.format(tmp_path / "empty") for word in command), code=254)
    assert f'"{tmp_path}/empty" is no OCI layout' in r.err and len(r.complaints) == 1, r


def test_files_that_are_no_archives_are_named(rkt):
    assert '"/etc/passwd": it is no tar archive' in rkt(INSECURE, "image", "import", "/etc/passwd", code=254).err
    assert '"/dev/null" is neither a file nor a directory' in rkt(INSECURE, "image", "import", "/dev/null", code=254).err


@pytest.mark.parametrize("argument", ["oci:.", ".", "./", "oci:./", "oci:blobs/.."])
def test_a_layout_is_named_after_its_directory_from_within(rkt, layout, argument):
    rkt(INSECURE, "fetch", argument, code=0, cwd=layout)
    assert [i["name"] for i in json.loads(rkt("image", "list", "--format=json", code=0).out)] == ["image"]


def test_an_image_for_another_machine_is_announced(rkt, layout):
    index = json.load(open(f"{layout}/index.json"))
    top = index["manifests"][0]
    manifest = json.load(open(f"{layout}/blobs/{top['digest'].replace(':', '/')}"))
    config = json.load(open(f"{layout}/blobs/{manifest['config']['digest'].replace(':', '/')}"))
    assert "warning: the image is for" not in rkt(INSECURE, "fetch", f"oci:{layout}", code=0).err

    def put(descriptor, value):
        data = json.dumps(value).encode()
        descriptor.update(digest=sha256(data), size=len(data))
        with open(f"{layout}/blobs/{sha256(data).replace(':', '/')}", "wb") as f:
            f.write(data)
    put(manifest["config"], {**config, "architecture": "s390x"})
    put(top, manifest)
    with open(f"{layout}/index.json", "w") as f:
        json.dump({**index, "manifests": [{k: top[k] for k in top if k != "platform"}]}, f)
    r = rkt(INSECURE, "fetch", f"oci:{layout}")
    assert "warning: the image is for linux/s390x, this machine is linux/" in r.err, r


def test_a_home_that_is_no_directory_is_no_home(rkt, registry, layout):
    ref = registry.push(f"oci:{layout}:latest", "team/homeless")
    rkt("--insecure-options=image,http", "fetch", ref, code=0, env={"HOME": "/dev/null"})


def test_a_data_directory_that_leads_nowhere_is_named(rkt, tmp_path):
    os.symlink(tmp_path / "nowhere", tmp_path / "link")
    r = rkt(f"--dir={tmp_path}/link", "image", "list", code=254)
    assert f'the data directory "{tmp_path}/link" is a link to what is not there' in r.err


def test_a_missing_ssl_cert_file_is_named_without_another_remedy(rkt):
    r = rkt("fetch", "https://127.0.0.1:1/a.aci", code=254, env={"SSL_CERT_FILE": "/nope"})
    assert 'SSL_CERT_FILE: open "/nope"' in r.err and "signature beside it" not in r.err, r


def test_keys_of_two_kinds_in_one_file_are_refused(rkt, tmp_path):
    both = tmp_path / "both"
    both.write_text(open(PemKey(tmp_path, "p256").public).read() + open(rkt.keys("builder").public).read())
    r = rkt("trust", "--root", "--skip-fingerprint-review", both, code=254)
    assert "an OpenPGP key and a PEM public key in one file; give each a file of its own" in r.err
    both.write_text("-----BEGIN RSA PUBLIC KEY-----\nMAA=\n-----END RSA PUBLIC KEY-----\n")
    assert "accepted are OpenPGP keys and PEM files of one BEGIN PUBLIC KEY" in rkt("trust", "--root", both, code=254).err


def test_a_key_that_only_cosign_can_read_is_not_sent_to_openssl(rkt, layout, tmp_path):
    key = tmp_path / "cosign.key"
    key.write_text("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\neyJ=\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n")
    r = rkt("image", "sign", f"--key={key}", f"oci:{layout}", code=254)
    assert "sign with cosign" in r.err and "openssl pkey" not in r.err, r


def test_an_extended_attribute_that_does_not_fit_a_file_is_no_full_disk(rkt, tmp_path):
    large = oci_layout(tmp_path / "large", [[entry("f", "x", xattrs={"user.large": "x" * 60000})]])
    fits = tmp_path / "fits"
    fits.write_text("")
    try:
        os.setxattr(fits, "user.large", b"x" * 60000)
    except OSError:  # ext4, unlike others
        r = rkt(INSECURE, "--tree-backend=dir", "fetch", f"oci:{large}", code=254)
        assert 'no room for 60000 bytes of the extended attribute "user.large"' in r.err and "free space" not in r.err, r


def test_gc_spares_what_a_pod_with_a_damaged_manifest_runs_on(rkt):
    aci = rkt.image(exec=["/bin/sleep", "1000"])
    _, uuid = rkt.start_pod(aci.name)
    manifest = rkt.data / "pods/run" / uuid / "pod"
    good = manifest.read_bytes()
    manifest.write_bytes(good[:-20])
    for rule in ("--unused", "--grace-period=0s"):
        r = rkt("image", "gc", rule, code=0)
        assert f'pod "{uuid}" keeps images by their trees alone: JSON' in r.err and "treestoreID" not in r.err, r
        assert aci.key not in r.out, rule
    manifest.write_bytes(good)


def test_an_image_that_is_not_there_is_what_is_named(rkt, tmp_path):
    (tmp_path / "d.aci").mkdir()
    for argument, error in (("nope.aci", f"open {tmp_path}/nope.aci: no such file or directory"), ("d.aci", f"read {tmp_path}/d.aci: is a directory"),
                            ("/nope", 'invalid image string "file:///nope"; there is no such file or directory'),
                            ("cimd:bogus:v=0:x", 'invalid image string "cimd:bogus:v=0:x"; cimd:appc:v=0:NAME, ')):
        r = rkt("fetch", argument, code=254, cwd=tmp_path)
        assert r.err.startswith(f"fetch: {error}") and ".asc" not in r.err and r.err.count("\n") == 1, r


@pytest.mark.parametrize("url, variable", [("http://example.org/a.aci", "http_proxy"), ("https://example.org/a.aci", "HTTPS_PROXY")])
def test_a_proxy_that_is_down_is_named(rkt, url, variable):
    r = rkt("--insecure-options=image,http", "fetch", url, code=254, env={variable: "http://127.0.0.1:1"})
    assert f"that is the proxy of {variable.lower()}; what no_proxy names is asked without it" in r.err and len(r.complaints) == 1, r
    r = rkt("--insecure-options=image,http", "fetch", url, code=254, env={variable: "http://127.0.0.1:1", "no_proxy": "example.org"})
    assert "proxy" not in r.err, r


def test_a_value_that_a_script_left_empty_is_no_value(rkt, layout, tmp_path):
    rkt(INSECURE, "fetch", f"oci:{layout}", code=0)
    for command, why in ((["image", "push", "--sign-key=", "image", "docker://127.0.0.1:1/x"], "--sign-key names no file"),
                         (["image", "import", "--name=", layout], "--name is empty"),
                         (["image", "import", "--name=X", layout], 'bad image name "X": ACIdentifier must contain only'),
                         (["image", "export", "image", ""], "there is no ACI to export")):
        r = rkt(INSECURE, *command, code=254)
        assert why in r.err and len(r.complaints) == 1, r
    aci = rkt.aci(key="builder")
    rkt.trust("builder", aci.name)
    rkt("fetch", aci.path, code=0)
    assert rkt("image", "export", aci.name, "", code=254).err == "export: the name of the output file is empty\n"


def test_what_a_newcomer_types_is_met_with_what_helps(rkt, tmp_path):
    for argument, remedy in (("busybox", "an image of a registry is docker://busybox"), ("docker-archive:none.tar", "are taken by rkt image import"),
                             ("-", "an archive is taken by: rkt image import -")):
        r = rkt(INSECURE, "fetch", argument, code=254)
        assert remedy in r.err and len(r.complaints) == 1, r
    made = tmp_path / "made"
    (made / "rootfs").mkdir(parents=True)
    (made / "manifest").write_text(json.dumps(manifest("example.com/x")))
    r = rkt(INSECURE, "image", "import", f"{made}:other", code=254)
    assert f'"{made}" holds one image, none to choose as "other"; another name is given by --name' in r.err, r


@pytest.mark.parametrize("body, why", [(b"", "JSON syntax error"), (b"null", "expected object, got null"), (b'{"schemaVersion":2,"layers":3}', "config: missing")])
def test_an_image_whose_manifest_is_malformed_is_named(rkt, web, layout, body, why):
    repo = ReferrersRegistry(web, "team/x").load(layout)
    repo.put("latest", body)
    r = rkt(INSECURE, "fetch", repo.ref, code=254)
    assert f"fetch: {repo.ref}: {why}" in r.err and len(r.complaints) == 1, r


def test_a_read_only_data_directory_is_named(rkt, layout):
    rkt(INSECURE, "fetch", f"oci:{layout}", code=0)
    subprocess.run(["mount", "--bind", rkt.data, rkt.data], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", rkt.data], check=True)
        for command in (["run", "--net=none", "image"], ["image", "verify", "image"], ["prepare", "image"]):
            r = rkt(INSECURE, *command, code=254)
            assert f'read-only file system; the data directory "{rkt.data}" is on a read-only file system' in r.err and len(r.complaints) == 1, r
        assert "image" in rkt("image", "list", code=0).out
    finally:
        subprocess.run(["umount", rkt.data], check=True)
    r = rkt(INSECURE, "image", "render", "image", "/proc/x", code=254)
    assert 'write into "/proc": make directory' in r.err and str(rkt.data) not in r.err, r


def test_of_several_aci_files_the_one_that_is_wrong_is_named(rkt, tmp_path):
    good, bad = rkt.aci(), tmp_path / "bad.aci"
    with open(good.path, "rb") as f:
        whole = f.read()
    for body, why in ((b"junk", "no type returned from DetectFileType?"), (whole[:2000], "gzip data ends too early: the file is cut off"),
                      (tar_bytes([entry("rootfs")]), "missing manifest"), (tar_bytes([entry("rootfs"), entry("manifest", "{}")]), "ACKind must be set")):
        bad.write_bytes(body)
        r = rkt(INSECURE, "fetch", good.path, bad, code=254)
        assert r.complaints == [f'fetch: "{bad}": {why}'], r
    bad.unlink()
    os.mkfifo(bad)
    assert rkt(INSECURE, "fetch", good.path, bad, code=254).complaints == [f'fetch: "{bad}": the image is not a regular file']
