# SPDX-License-Identifier: Apache-2.0
"""The files of the store: members of its group can put things there that are none of its own."""
import hashlib
import json
import os
import shutil

import pytest

from rktlib import entry, oci_layout
from test_docker import INSECURE, base_layer

MARK = "x" * 100


def blob_of(rkt):
    (path,) = [f for f in (rkt.data / "cas" / "blobs").rglob("sha*-*") if f.is_file()]
    return path


def test_links_among_the_directories_of_the_store_are_not_followed(rkt):
    aci = rkt.aci(extra=[entry("rootfs/marked", MARK)])
    key = rkt("--insecure-options=image", "fetch", "--full", aci.path, code=0).out.strip()
    path, elsewhere = blob_of(rkt), rkt.tmp / "elsewhere"
    path.parent.rename(elsewhere)
    path.parent.symlink_to(elsewhere)
    r = rkt("--insecure-options=image", "image", "export", key, rkt.tmp / "out.aci", code=254)
    assert path.parent.name in r.err and len(r.complaints) == 1
    rkt("image", "rm", key)
    rkt("image", "gc")
    assert (elsewhere / path.name).exists()
    assert [line.split(" ")[0] for line in rkt("store", "check", code=254).out.splitlines() if "stray" in line] == ["stray"]
    rkt("store", "check", "--repair", code=0)
    assert (elsewhere / path.name).exists() and not path.parent.is_symlink()
    rkt("store", "check", code=0)
    path.parent.parent.rename(rkt.tmp / "all")
    path.parent.parent.symlink_to(rkt.tmp / "all")
    r = rkt("--insecure-options=image", "fetch", aci.path, code=254)
    assert len(r.complaints) == 1


def test_a_blob_whose_source_cannot_be_asked_stays_and_so_does_its_image(rkt, registry):
    ref = registry.push(f"oci:{oci_layout(rkt.tmp / 'oci', [base_layer()], {'Cmd': ['/bin/echo', 'ran'], 'Env': ['PATH=/bin']})}:latest", "t/x")
    rkt(INSECURE, "fetch", ref, code=0)
    path = max((f for f in (rkt.data / "cas" / "blobs").rglob("sha*-*") if f.is_file()), key=os.path.getsize)
    path.write_bytes(path.read_bytes()[:-1])
    found = rkt("store", "check", code=254).out
    r = rkt("store", "check", "--repair", code=254)  # http is off
    assert r.out.startswith(found.strip() + "; not repaired: cannot be fetched again now (") and "nothing was removed" in r.out, r
    assert rkt("store", "check", code=254).out == found and os.listdir(rkt.data / "cas" / "partial") == []
    assert rkt(INSECURE, "run", "--net=none", ref, code=0).out == "ran\n"
    assert "fetched again from" in rkt(INSECURE, "store", "check", "--repair", code=0).out


def layout_with(rkt, change):
    """A layout whose one layer's descriptor `change` has changed."""
    layout = oci_layout(rkt.tmp / "oci", [[entry("x", "x")]], {"Cmd": ["/x"]})
    index = json.load(open(f"{layout}/index.json"))
    manifest = json.load(open(f"{layout}/blobs/sha256/{index['manifests'][0]['digest'][7:]}"))
    change(layout, manifest["layers"][0])
    data = json.dumps(manifest).encode()
    with open(f"{layout}/blobs/sha256/{hashlib.sha256(data).hexdigest()}", "wb") as f:
        f.write(data)
    index["manifests"][0].update(digest="sha256:" + hashlib.sha256(data).hexdigest(), size=len(data))
    with open(f"{layout}/index.json", "w") as f:
        json.dump(index, f)
    return f"oci:{layout}"


def test_a_layer_of_no_size_is_refused(rkt):
    digest = hashlib.sha256(b"").hexdigest()

    def empty(layout, layer):
        open(f"{layout}/blobs/sha256/{digest}", "wb").close()
        layer.update(digest="sha256:" + digest, size=0)
    r = rkt("--insecure-options=image", "fetch", layout_with(rkt, empty), code=254)
    assert f"layer sha256:{digest} of the image has size 0" in r.err


def test_a_layer_may_be_named_as_acis_are(rkt):
    def rename(layout, layer):
        old = f"{layout}/blobs/sha256/{layer['digest'][7:]}"
        layer["digest"] = "sha512:" + hashlib.sha512(open(old, "rb").read()).hexdigest()
        os.mkdir(f"{layout}/blobs/sha512")
        os.rename(old, f"{layout}/blobs/sha512/{layer['digest'][7:]}")
    rkt("--insecure-options=image", "fetch", layout_with(rkt, rename), code=0)
    (layer,) = (rkt.data / "cas" / "blobs").rglob("sha512-*")
    assert rkt("store", "check", code=0).out == ""
    layer.write_bytes(layer.read_bytes()[:-1])
    assert rkt("store", "check", code=254).out.startswith(f"blob {layer.name}: has digest sha512-")


def test_a_lost_blob_is_fetched_again_and_of_a_damaged_one_the_remedy_is_named(rkt, web):
    image = "--insecure-options=image"
    aci = rkt.aci(extra=[entry("rootfs/marked", MARK)])
    url = web.put(aci.path, "x.aci")
    rkt(image, "fetch", url, code=0)
    (blob,) = (rkt.data / "cas" / "blobs").rglob(aci.id)
    blob.unlink()
    shutil.rmtree(rkt.data / "cas" / "tree")
    assert "fetch the image again" in rkt(image, "run", "--net=none", url, code=254).err
    rkt(image, "fetch", url, code=0)
    assert blob.exists() and not web.gets("/x.aci")[-1][2].get("If-None-Match")
    with open(blob, "r+b") as f:
        f.write(bytes(100))
    shutil.rmtree(rkt.data / "cas" / "tree")
    assert "rkt store check --repair" in rkt(image, "fetch", url, code=254).err
    rkt(image, "store", "check", "--repair", code=0)
    rkt(image, "fetch", url, code=0)
    assert list((rkt.data / "cas" / "tree").glob("deps-*"))


@pytest.mark.parametrize("put", [lambda path: path.symlink_to("/etc/passwd"), os.mkfifo, os.mkdir], ids=["link", "fifo", "directory"])
def test_what_is_no_file_in_the_place_of_a_blob_is_found_and_mended(rkt, web, put):
    aci = rkt.aci(key="builder")
    url = web.put(aci.path, "x.aci")
    rkt.trust("builder", aci.name)
    rkt("fetch", url, code=0)
    path = blob_of(rkt)
    path.unlink()
    put(path)
    r = rkt("image", "export", aci.name, rkt.tmp / "out.aci", code=254)
    assert f'blob "{path.name}" is not a regular file; `rkt store check --repair` mends the store' in r.err, r
    problem = f'blob {path.name}: blob "{path.name}" is not a regular file'
    assert rkt("store", "check", code=254).out.splitlines() == [problem]
    assert rkt("store", "check", "--repair", code=0).out.splitlines() == [f"{problem}; fetched again from {url}"]
    assert rkt("store", "check", code=0).out == "" and path.is_file() and not path.is_symlink()


def test_a_store_with_a_file_in_a_directorys_place_is_an_error(rkt):
    aci = rkt.aci(key="images")
    rkt("image", "list", code=0)
    shutil.rmtree(rkt.data / "cas/partial", ignore_errors=True)
    (rkt.data / "cas/partial").write_text("")
    r = rkt("--insecure-options=image", "fetch", aci.path, code=254)
    assert "partial" in r.err and "not a directory" in r.err, r


def test_a_blob_that_somebody_else_fetches_meanwhile_stays_with_its_image(rkt, web):
    aci = rkt.aci(key="builder")
    url = web.put(aci.path, "x.aci")
    rkt.trust("builder", aci.name)
    rkt("fetch", url, code=0)
    path = blob_of(rkt)
    whole = path.read_bytes()

    def refuse_late(h):
        rkt("fetch", aci.path, code=0)
        h.send_error(404)
        return True
    path.write_bytes(whole[:-1])
    web.hooks["/x.aci"] = refuse_late
    r = rkt("store", "check", "--repair", code=0)
    assert r.out.splitlines()[0].endswith("; fetched again by another rkt") and path.read_bytes() == whole, r
    assert aci.key in rkt("image", "list", "--fields=id", "--full", code=0).out
