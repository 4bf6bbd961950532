# SPDX-License-Identifier: Apache-2.0
"""One manifest under several tags and in several repositories: an image a name, and the content once."""
from rktlib import entry, oci_layout
from signlib import HTTP, INSECURE, Repo, cosign_with, images, trust


def tagged(registry, tmp_path, *names):
    layout = oci_layout(tmp_path / "tagged", [[entry("file", "text")]], {"Cmd": ["/file"]})
    return [registry.push(f"oci:{layout}:latest", name) for name in names]


def names(rkt):
    return sorted(i["name"].split("/", 1)[1] for i in images(rkt))


def test_each_name_is_an_image_and_goes_alone(rkt, registry, tmp_path):
    one, two, other = tagged(registry, tmp_path, "tags/app:1.0", "tags/app:2.0", "tags/other:1.0")
    ids = [rkt(INSECURE, "fetch", ref, code=0).out for ref in (one, two, other)]
    assert len(set(ids)) == 3
    assert names(rkt) == ["tags/app:1.0", "tags/app:2.0", "tags/other:1.0"]
    blobs = sum(f.stat().st_size for f in (rkt.data / "cas" / "blobs").rglob("sha256-*"))
    (size,) = {i["size"] for i in images(rkt)}  # with that of their tree
    assert size > blobs
    assert len(list((rkt.data / "cas" / "blobs").rglob("sha256-*"))) == 3 and len(list((rkt.data / "cas" / "tree").glob("chain-*"))) == 1
    rkt("image", "rm", two, code=0)
    assert names(rkt) == ["tags/app:1.0", "tags/other:1.0"]
    for ref, image in ((one, ids[0]), (other, ids[2])):
        assert rkt(INSECURE, "fetch", "--pull-policy=never", ref, code=0).out == image
    rkt(INSECURE, "fetch", "--pull-policy=never", two, code=254)
    rkt("store", "check", code=0)
    digest = f"{one.rsplit(':', 1)[0]}@{Repo(registry.host, 'tags/app').digest('1.0')}"
    rkt(INSECURE, "fetch", digest, code=0)
    assert names(rkt) == ["tags/app", "tags/app:1.0", "tags/other:1.0"]
    rkt("image", "gc", code=0)
    assert {i["size"] for i in images(rkt)} == {blobs}


def test_what_one_name_was_fetched_with_says_nothing_of_another(rkt, registry, tmp_path, key):
    one, other = tagged(registry, tmp_path, "tags/signed:1.0", "tags/unsigned:1.0")
    repo = Repo(registry.host, "tags/signed")
    cosign_with(repo, repo.digest("1.0"), key)
    trust(rkt, key)
    verified = rkt(HTTP, "fetch", one, code=0).out
    rkt(INSECURE, "fetch", other, code=0)
    assert rkt("fetch", "--pull-policy=never", one, code=0).out == verified
    assert "no signature" in rkt(HTTP, "fetch", other, code=254).err
