# SPDX-License-Identifier: Apache-2.0
"""Docker and OCI images are used only when a trusted key has signed them."""
import json
import shutil
import subprocess

import pytest

from rktlib import entry, oci_layout
from signlib import COSIGN_ARTIFACT, HTTP, INDEX, INSECURE, LayoutRepo, PemKey, ReferrersRegistry, cosign, cosign_with, images, layer, payload, refused, sha256, signature_manifest, trust


# ------------------------------------------------------------------------------------------------------------- cosign tags

@pytest.mark.parametrize("kind", ["p256", "ed25519", "rsa"])
def test_a_cosign_signature_of_a_trusted_key_is_accepted(rkt, pushed, tmp_path, kind):
    key = PemKey(tmp_path, kind)
    cosign_with(pushed, pushed.digest(), key)
    trust(rkt, key, f"{pushed.host}/team")
    r = rkt(HTTP, "run", "--net=none", pushed.ref, code=0)
    assert r.out == "ok\n" and key.fingerprint in r.err
    assert rkt("run", "--net=none", images(rkt)[0]["id"], code=0).out == "ok\n"


def test_an_unsigned_image_is_refused_with_the_remedy(rkt, pushed, key):
    trust(rkt, key)
    refused(rkt, pushed.ref, f'image "{pushed.ref}": no signature; a trusted key is needed: '
            f"rkt trust --prefix={pushed.host}/{pushed.name} KEY.pub; or --insecure-options=image")
    rkt(INSECURE, "fetch", pushed.ref, code=0)


def test_nothing_but_the_manifest_of_an_unsigned_image_is_stored_or_its_layers_asked_for(rkt, pushed, registry):
    before = len(registry.blob_gets())
    refused(rkt, pushed.ref, "no signature")
    config = json.loads(pushed.get("latest")[0])["config"]["digest"]
    assert [line for line in registry.blob_gets()[before:] if config not in line] == []


def test_a_signature_by_an_unknown_key_is_refused(rkt, pushed, key, tmp_path):
    cosign_with(pushed, pushed.digest(), key)
    trust(rkt, PemKey(tmp_path, "p256", "other"))
    refused(rkt, pushed.ref, "by no key that is trusted for it", f"rkt trust --prefix={pushed.host}/{pushed.name} KEY.pub")


def test_a_key_that_is_trusted_for_another_prefix_is_named(rkt, pushed, key):
    cosign_with(pushed, pushed.digest(), key)
    trust(rkt, key, f"{pushed.host}/te")
    refused(rkt, pushed.ref, f"signed by key {key.fingerprint}, which is not trusted for it")
    trust(rkt, key, f"{pushed.host}/{pushed.name}")
    rkt(HTTP, "fetch", pushed.ref, code=0)


def test_an_empty_file_masks_a_plain_key(rkt, pushed, key):
    cosign_with(pushed, pushed.digest(), key)
    vendor = rkt.sys / "trustedkeys" / "root.d"
    vendor.mkdir(parents=True)
    name = key.fingerprint.replace(":", "-") + ".pub"
    shutil.copy(key.public, vendor / name)
    rkt(HTTP, "fetch", pushed.ref, code=0)
    mask = rkt.etc / "trustedkeys" / "root.d"
    mask.mkdir(parents=True)
    (mask / name).write_bytes(b"")
    rkt("image", "rm", images(rkt)[0]["id"], code=0)
    rkt(HTTP, "fetch", pushed.ref, code=254)


def test_a_key_file_with_the_name_of_another_key_does_not_count(rkt, pushed, key, tmp_path):
    cosign_with(pushed, pushed.digest(), key)
    store = rkt.etc / "trustedkeys" / "root.d"
    store.mkdir(parents=True)
    shutil.copy(key.public, store / (PemKey(tmp_path, "p256", "other").fingerprint.replace(":", "-") + ".pub"))
    r = rkt(HTTP, "fetch", pushed.ref, code=254)
    assert "fingerprint mismatch" in r.err and images(rkt) == []


def test_a_signature_of_other_content_is_refused(rkt, pushed, key):
    other = sha256(b"another manifest")
    body = payload(other, f"{pushed.host}/{pushed.name}")
    cosign(pushed, pushed.digest(), (body, key.sign(body)))
    trust(rkt, key)
    refused(rkt, pushed.ref, key.fingerprint, f"is for other content, {other}")


def test_a_signature_for_another_repository_is_refused(rkt, pushed, key):
    cosign_with(pushed, pushed.digest(), key, f"{pushed.host}/team/other")
    trust(rkt, key)
    refused(rkt, pushed.ref, key.fingerprint, f'is for "{pushed.host}/team/other", not for "{pushed.host}/{pushed.name}"')


def test_a_tampered_payload_is_refused(rkt, pushed, key):
    digest = pushed.digest()
    body = payload(digest, f"{pushed.host}/team/other")
    cosign(pushed, digest, (payload(digest, f"{pushed.host}/{pushed.name}"), key.sign(body)))
    trust(rkt, key)
    refused(rkt, pushed.ref, "by no key that is trusted for it")


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b"not json", b'{"critical":{"type":"other"}}'],
                         ids=["empty", "null", "object", "text", "type"])
def test_a_signed_payload_that_is_none_is_refused(rkt, pushed, key, body):
    cosign(pushed, pushed.digest(), (body, key.sign(body)))
    trust(rkt, key)
    refused(rkt, pushed.ref, "it has a signature that cannot be read: ", "have its publisher sign it again")


def test_what_lies_in_the_place_of_a_signature_is_not_called_none(rkt, pushed, key):
    trust(rkt, key)
    digest = pushed.digest()
    tag = digest.replace(":", "-") + ".sig"
    body = payload(digest, f"{pushed.host}/{pushed.name}")
    manifest = signature_manifest(pushed, [(body, key.sign(body))])
    for layers in ([], [{**manifest["layers"][0], "mediaType": "application/octet-stream"}], [{**manifest["layers"][0], "size": 5}]):
        pushed.put(tag, {**manifest, "layers": layers})
        refused(rkt, pushed.ref, "it has a signature that cannot be read: ")


def test_an_image_that_was_swapped_after_signing_is_refused(rkt, pushed, key, registry, tmp_path):
    signed = pushed.digest()
    cosign_with(pushed, signed, key)
    trust(rkt, key)
    evil = oci_layout(tmp_path / "evil", [layer(entry("evil", "x"))], {"Cmd": ["/bin/true"]})
    registry.push(f"oci:{evil}:latest", pushed.name)
    refused(rkt, pushed.ref, "no signature")
    # The attacker brings the old signature along: it is for the old image.
    cosign_with(pushed, pushed.digest(), PemKey(tmp_path, "p256", "attacker"))
    manifest = json.loads(pushed.get(signed.replace(":", "-") + ".sig")[0])
    pushed.put(pushed.digest().replace(":", "-") + ".sig", manifest)
    refused(rkt, pushed.ref, f"is for other content, {signed}")
    rkt(HTTP, "fetch", f"docker://{pushed.host}/{pushed.name}@{signed}", code=0)


def test_one_good_signature_among_others_is_enough(rkt, pushed, key, tmp_path):
    digest, stranger = pushed.digest(), PemKey(tmp_path, "rsa", "stranger")
    good, other = payload(digest, f"{pushed.host}/{pushed.name}:latest"), payload(digest, "somewhere/else")
    cosign(pushed, digest, (b"junk", b"junk"), (good, stranger.sign(good)), (other, key.sign(other)), (good, key.sign(good)))
    trust(rkt, key, f"{pushed.host}/{pushed.name}")
    rkt(HTTP, "fetch", pushed.ref, code=0)


def test_the_signature_of_an_index_counts_for_the_image_in_it(rkt, pushed, key):
    data, media_type = pushed.get("latest")
    arch = json.loads(subprocess.run(["skopeo", "inspect", "--config", "--raw", "--tls-verify=false", pushed.ref], check=True,
                                     stdout=subprocess.PIPE).stdout)["architecture"]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [
        {"mediaType": media_type, "digest": sha256(data), "size": len(data), "platform": {"os": "linux", "architecture": arch}}]}
    top = pushed.put("multi", index, INDEX)["digest"]
    ref = f"docker://{pushed.host}/{pushed.name}:multi"
    trust(rkt, key)
    refused(rkt, ref, "no signature")
    cosign_with(pushed, top, key)
    rkt(HTTP, "fetch", ref, code=0)
    # It vouches for what the index leads to, not for the image when it is asked for alone.
    assert "no signature" in rkt(HTTP, "fetch", f"docker://{pushed.host}/{pushed.name}@{sha256(data)}", code=254).err


def test_an_image_stored_unverified_is_fetched_again_and_verified(rkt, pushed, key):
    rkt(INSECURE, "fetch", pushed.ref, code=0)
    trust(rkt, key)
    r = rkt(HTTP, "run", "--net=none", pushed.ref, code=254)
    assert "no signature" in r.err
    assert "no key has signed for it" in rkt("run", "--net=none", images(rkt)[0]["id"], code=254).err
    cosign_with(pushed, pushed.digest(), key)
    assert rkt(HTTP, "run", "--net=none", pushed.ref, code=0).out == "ok\n"


def test_a_withdrawn_key_stops_a_stored_image(rkt, pushed, key):
    cosign_with(pushed, pushed.digest(), key)
    trust(rkt, key)
    rkt(HTTP, "fetch", pushed.ref, code=0)
    shutil.rmtree(rkt.etc / "trustedkeys")
    assert f"verified with key {key.fingerprint}" in rkt(HTTP, "run", "--net=none", pushed.ref, code=254).err


def test_the_signature_for_one_name_says_nothing_about_the_same_image_under_another(rkt, pushed, key, registry, tmp_path):
    cosign_with(pushed, pushed.digest(), key)
    trust(rkt, key)
    other = registry.push(f"oci:{tmp_path}/oci:latest", pushed.name + "-copy")
    rkt(INSECURE, "fetch", other, code=0)
    rkt(HTTP, "fetch", pushed.ref, code=0)
    assert "no signature" in rkt(HTTP, "run", "--net=none", other, code=254).err
    unsigned = rkt(INSECURE, "fetch", "--full", other, code=0).out.strip()
    assert "no key has signed for it" in rkt("run", "--net=none", unsigned, code=254).err
    rkt(HTTP, "run", "--net=none", pushed.ref, code=0)


# --------------------------------------------------------------------------------------------------------------- rkt trust

def test_trust_shows_and_stores_a_plain_key(rkt, key):
    r = rkt("trust", "--prefix=127.0.0.1:5000/team", key.public, code=254)
    assert f"key fingerprint is: {key.fingerprint}" in r.out and "ECDSA P-256" in r.out and "lack of tty" in r.err
    r = trust(rkt, key, "127.0.0.1:5000/team")
    path = rkt.etc / "trustedkeys/prefix.d/127.0.0.1_5000/team" / (key.fingerprint.replace(":", "-") + ".pub")
    assert f'Added key for prefix "127.0.0.1_5000/team" at "{path}"' in r.out
    assert path.read_text() == open(key.public).read() and path.stat().st_mode & 0o777 == 0o644
    assert f'prefix.d/registry-1.docker.io/library/redis/' in trust(rkt, key, "docker.io/library/redis").out


def test_trust_refuses_weak_keys_and_private_ones(rkt, key, tmp_path):
    subprocess.run(["openssl", "genrsa", "-out", str(tmp_path / "weak.pem"), "1024"], check=True, stderr=subprocess.DEVNULL)
    subprocess.run(["openssl", "pkey", "-in", str(tmp_path / "weak.pem"), "-pubout", "-out", str(tmp_path / "weak.pub")], check=True)
    assert "not accepted" in rkt("trust", "--root", "--skip-fingerprint-review", tmp_path / "weak.pub", code=254).err
    rkt("trust", "--root", "--skip-fingerprint-review", key.private, code=254)


# -------------------------------------------------------------------------------------------------------------- referrers

@pytest.mark.parametrize("api", [True, False], ids=["api", "fallback-tag"])
def test_a_signature_as_a_referrer_counts(rkt, web, layout, key, api):
    repo = ReferrersRegistry(web, "team/x", api).load(layout)
    trust(rkt, key, f"{repo.host}/team")
    refused(rkt, repo.ref, "no signature")
    digest = repo.digest()
    data, media_type = repo.get("latest")
    body = payload(digest, f"{repo.host}/team/x")
    manifest = signature_manifest(repo, [(body, key.sign(body))], artifactType=COSIGN_ARTIFACT,
                                  subject={"mediaType": media_type, "digest": digest, "size": len(data)})
    found = {**repo.put("tmp", manifest), "artifactType": COSIGN_ARTIFACT}
    del repo.tags["tmp"]
    if not api:
        repo.put(digest.replace(":", "-"), {"schemaVersion": 2, "mediaType": INDEX, "manifests": [found]}, INDEX)
    assert rkt(HTTP, "run", "--net=none", repo.ref, code=0).out == "ok\n"
    assert ("referrers", digest) in repo.asked


def test_pages_of_referrers_are_followed_within_their_repository(rkt, web, layout, key, tmp_path):
    repo = ReferrersRegistry(web, "team/x").load(layout)
    trust(rkt, key, f"{repo.host}/team")
    digest, (data, media_type) = repo.digest(), repo.get("latest")
    subject, body = {"mediaType": media_type, "digest": digest, "size": len(data)}, payload(repo.digest(), f"{repo.host}/team/x")
    for n, made in enumerate((PemKey(tmp_path, "ed25519", "stranger"), key)):
        repo.put(f"tmp{n}", signature_manifest(repo, [(body, made.sign(body))], artifactType=COSIGN_ARTIFACT, subject=subject))
        del repo.tags[f"tmp{n}"]
    path = f"/v2/team/x/referrers/{digest}"
    for elsewhere in (f"//{repo.host}{path}?page=1", f"http://elsewhere.invalid{path}?page=1", f"/v2/team/y/referrers/{digest}?page=1",
                      f"/v2/team/x/referrers/../../x/referrers/{digest}?page=1"):
        repo.link = lambda _, elsewhere=elsewhere: elsewhere
        refused(rkt, repo.ref, "by no key that is trusted")
    repo.link = lambda _: f"{path}?page=0"
    refused(rkt, repo.ref, "by no key that is trusted")
    assert 20 < repo.asked.count(("referrers", digest)) < 60, "a circle ends"
    for form in (lambda n: f"{path}?page={n}", lambda n: f"http://{repo.host}{path}?page={n}", lambda n: f"?page={n}"):
        repo.link = form
        rkt("image", "gc", "--unused")
        rkt(HTTP, "fetch", repo.ref, code=0)


def test_a_referrer_with_other_bytes_than_its_digest_is_not_looked_at(rkt, web, layout, key):
    repo = ReferrersRegistry(web, "team/x", api=False).load(layout)
    trust(rkt, key)
    body = payload(repo.digest(), f"{repo.host}/team/x")
    found = {**repo.put("tmp", signature_manifest(repo, [(body, key.sign(body))])), "artifactType": COSIGN_ARTIFACT}
    data, media_type = repo.blobs[found["digest"]]
    repo.put(repo.digest().replace(":", "-"), {"schemaVersion": 2, "mediaType": INDEX, "manifests": [found]}, INDEX)
    repo.blobs[found["digest"]] = (data + b" ", media_type)
    refused(rkt, repo.ref, f"it has a signature that cannot be read: {found['digest']}: ")


# ---------------------------------------------------------------------------------------------------------------- layouts

@pytest.mark.parametrize("form", ["directory", "archive"])
def test_a_layout_follows_the_same_rule(rkt, layout, key, tmp_path, form):
    refused(rkt, f"oci:{layout}", "no signature; a trusted key is needed: rkt trust --prefix=oci KEY.pub", options="--debug=false")
    repo = LayoutRepo(layout, "oci")
    body = payload(repo.digest(), "oci")
    cosign(repo, repo.digest(), (body, key.sign(body)))
    argument = f"oci:{layout}"
    if form == "archive":
        subprocess.run(["tar", "-C", layout, "-cf", str(tmp_path / "oci.tar"), "."], check=True)
        argument = f"oci-archive:{tmp_path}/oci.tar"
    refused(rkt, argument, "by no key that is trusted", options="--debug=false")
    trust(rkt, key, "oci")
    assert rkt("run", "--net=none", argument, code=0).out == "ok\n"


def test_a_layout_signed_under_another_name_is_refused(rkt, layout, key):
    repo = LayoutRepo(layout, "oci")
    body = payload(repo.digest(), "docker.io/library/oci")
    cosign(repo, repo.digest(), (body, key.sign(body)))
    trust(rkt, key)
    refused(rkt, f"oci:{layout}", 'is for "docker.io/library/oci", not for "oci"', options="--debug=false")


@pytest.mark.parametrize("hub", ["docker.io", "index.docker.io"])
def test_a_layout_that_is_named_as_on_docker_hub_is_trusted_as_the_hub_is(rkt, key, tmp_path, hub):
    name = f"{hub}/library/foo"
    image = f"oci:{oci_layout(tmp_path / 'hub', [layer()], {}, tag=f'{name}:1.2')}:{name}:1.2"
    rkt("image", "sign", f"--key={key.private}", image, code=0)
    refused(rkt, image, f"rkt trust --prefix={name} KEY.pub", options="--debug=false")
    trust(rkt, key, name)
    rkt("fetch", image, code=0)
    rkt("fetch", image, code=0)
