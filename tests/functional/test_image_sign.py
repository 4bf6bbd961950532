# SPDX-License-Identifier: Apache-2.0
"""rkt image sign and push."""
import base64
import json
import subprocess

import pytest

from signlib import COSIGN_LAYER, HTTP, INSECURE, PemKey, cosign, cosign_with, images, payload, policy, sha256, trust


@pytest.mark.parametrize("kind", ["p256", "ed25519", "rsa"])
def test_what_image_sign_makes_is_what_fetch_demands(rkt, pushed, tmp_path, kind):
    key = PemKey(tmp_path, kind)
    r = rkt(HTTP, "image", "sign", f"--key={key.private}", pushed.ref, code=0)
    assert r.err == "image: warning: discovery and registries may use plain http\n"
    assert r.out == f"signed {pushed.digest()} with key {key.fingerprint}\n"
    trust(rkt, key, f"{pushed.host}/team")
    rkt(HTTP, "fetch", pushed.ref, code=0)
    # The payload and the signature are cosign's: openssl agrees.
    manifest = json.loads(pushed.get(pushed.digest().replace(":", "-") + ".sig")[0])
    assert [layer["mediaType"] for layer in manifest["layers"]] == [COSIGN_LAYER]
    with pushed.request("GET", f"{pushed.url}/blobs/{manifest['layers'][0]['digest']}") as answer:
        body = answer.read()
    assert body == payload(pushed.digest(), f"{pushed.host}/{pushed.name}")
    (tmp_path / "payload").write_bytes(body)
    (tmp_path / "sig").write_bytes(base64.b64decode(manifest["layers"][0]["annotations"]["dev.cosignproject.cosign/signature"]))
    how = ["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", key.public, "-sigfile", "sig", "-in", "payload"] if kind == "ed25519" else \
        ["dgst", "-sha256", "-verify", key.public, "-signature", "sig", "payload"]
    subprocess.run(["openssl", *how], check=True, cwd=tmp_path, stdout=subprocess.DEVNULL)


def test_signatures_are_added_to_those_that_are_there(rkt, pushed, key, tmp_path):
    other = PemKey(tmp_path, "ed25519", "other")
    cosign_with(pushed, pushed.digest(), key)
    for _ in range(2):
        rkt(HTTP, "image", "sign", f"--key={other.private}", pushed.ref, code=0)
    manifest = json.loads(pushed.get(pushed.digest().replace(":", "-") + ".sig")[0])
    assert len(manifest["layers"]) == 2
    trust(rkt, key)
    rkt(HTTP, "fetch", pushed.ref, code=0)


def test_a_layout_is_signed_in_place(rkt, layout, key, tmp_path):
    rkt("image", "sign", f"--key={key.private}", f"oci:{layout}", code=0)
    trust(rkt, key, "oci")
    assert rkt("run", "--net=none", f"oci:{layout}", code=0).out == "ok\n"
    subprocess.run(["skopeo", "inspect", f"oci:{layout}:latest"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["tar", "-C", layout, "-cf", str(tmp_path / "oci.tar"), "."], check=True)
    rkt("fetch", f"oci-archive:{tmp_path}/oci.tar", code=0)


def test_an_aci_is_signed_by_gpg(rkt):
    aci, signer = rkt.aci(), rkt.keys("builder")
    rkt("image", "sign", f"--key={signer.fingerprint}", aci.path, code=0, env={"GNUPGHOME": signer.home})
    rkt.trust("builder", aci.name)
    rkt("fetch", aci.path, code=0)


LYING_GPG = {"nothing": "exit 0", "junk": "echo junk",
             "part of it": "/usr/bin/gpg --armor --local-user {key} --output - --detach-sign -- {path} | sed -n 1,3p",
             "another": "exec /usr/bin/gpg --armor --local-user {other} --output - --detach-sign -- {path}",
             "of other content": "exec /usr/bin/gpg --armor --local-user {key} --output - --detach-sign -- /bin/true",
             "weak": "exec /usr/bin/gpg --armor --digest-algo SHA1 --local-user {key} --output - --detach-sign -- {path}"}


@pytest.mark.parametrize("how", LYING_GPG)
def test_what_gpg_says_it_made_is_looked_at(rkt, how):
    """It ends with 0, and what is there is as it was."""
    aci, signer = rkt.aci(), rkt.keys("builder")
    signature = rkt.tmp / "example.com_busybox.aci.asc"
    signature.write_text("as it was")
    gpg = rkt.tmp / "bin" / "gpg"
    gpg.parent.mkdir()
    gpg.write_text('#!/bin/sh\ncase "$*" in *--detach-sign*) ;; *) exec /usr/bin/gpg "$@";; esac\n'
                   + LYING_GPG[how].format(other=rkt.keys("other").fingerprint, key=signer.fingerprint, path=aci.path))
    gpg.chmod(0o755)
    r = rkt("image", "sign", f"--key={signer.fingerprint}", aci.path, code=254, env={"GNUPGHOME": signer.home, "PATH": f"{gpg.parent}:{rkt.env['PATH']}"})
    assert len(r.complaints) == 1 and r.out == "" and signature.read_text() == "as it was", r
    assert ("wrote no signature" if how == "nothing" else f'no signature by "{signer.fingerprint}" that anybody accepts') in r.err, r


def test_a_signature_goes_where_it_is_wanted_or_nowhere(rkt, tmp_path):
    aci, signer = rkt.aci(), rkt.keys("builder")
    sign = lambda *more, code: rkt("image", "sign", f"--key={signer.fingerprint}", *more, code=code, env={"GNUPGHOME": signer.home})
    r = sign("--output=/dev/stdout", aci.path, code=0)
    assert r.out.startswith("-----BEGIN PGP SIGNATURE-----\n") and r.out.endswith("wrote /dev/stdout\n"), r
    (tmp_path / "link").symlink_to("made.asc")
    sign(f"--output={tmp_path}/link", aci.path, code=0)
    assert (tmp_path / "link").is_symlink() and (tmp_path / "made.asc").read_text().startswith("-----BEGIN")
    for bad in (f"{tmp_path}/none/x.asc", str(tmp_path)):
        r = sign(f"--output={bad}", aci.path, code=254)
        assert len(r.complaints) == 1 and r.out == "", r
    r = sign(f"{tmp_path}/none.aci", code=254)
    assert r.err == f'sign: open "{tmp_path}/none.aci": no such file or directory\n'
    assert not (tmp_path / "none.aci.asc").exists()


def test_a_file_is_no_key_for_an_aci(rkt, key, tmp_path):
    aci = rkt.aci()
    (tmp_path / "gnupg").mkdir(mode=0o700)
    for bad in (key.private, f"{tmp_path}/none.pem"):
        r = rkt("image", "sign", f"--key={bad}", aci.path, code=254, env={"GNUPGHOME": str(tmp_path / "gnupg")})
        assert r.err.startswith("sign: gpg ended with status 2: ") and f'"{bad}"' in r.err and "--list-secret-keys" in r.err, r
        assert r.err.count("\n") == 1 and r.out == "", r


def test_keys_that_cannot_sign_are_refused(rkt, pushed, key, tmp_path):
    encrypted = tmp_path / "encrypted.pem"
    subprocess.run(["openssl", "pkey", "-in", key.private, "-aes256", "-passout", "pass:x", "-out", str(encrypted)], check=True)
    for bad, why in ((encrypted, "is encrypted"), (key.public, "no PEM private key"), (tmp_path / "none", "none"), ("/dev/null", "no PEM private key")):
        r = rkt(HTTP, "image", "sign", f"--key={bad}", pushed.ref, code=254)
        assert why in r.err and len(r.complaints) == 1, r
    assert "--key is needed" in rkt("image", "sign", pushed.ref, code=254).err
    r = rkt("image", "sign", f"--key={tmp_path}/none", "docker://127.0.0.1:1/x", code=254)  # before anybody is asked
    assert r.err == f'sign: open private key "{tmp_path}/none": no such file or directory\n'


def test_a_pushed_image_is_the_same_for_others_and_verified_when_fetched(rkt, pushed, key, registry, tmp_path):
    rkt(INSECURE, "fetch", pushed.ref, code=0)
    there = f"docker://{registry.host}/new/place:2.0"
    r = rkt(HTTP, "image", "push", f"--sign-key={tmp_path}/none", pushed.ref, there, code=254)
    assert "open private key" in r.err and r.out == "", r
    sent = [line for line in open(registry.log_path, errors="replace") if "/v2/new/place" in line and '"GET ' not in line]
    assert sent == [], "nothing is sent that could not be signed"
    r = rkt(HTTP, "image", "push", f"--sign-key={key.private}", pushed.ref, there, code=0)
    assert r.out == f"pushed {pushed.digest()}\nsigned {pushed.digest()} with key {key.fingerprint}\n"
    raw = subprocess.run(["skopeo", "inspect", "--raw", "--tls-verify=false", there], check=True, stdout=subprocess.PIPE).stdout
    assert raw == pushed.get("latest")[0]
    subprocess.run(["skopeo", "copy", "--quiet", "--insecure-policy", "--src-tls-verify=false", there, f"oci:{tmp_path}/copy:latest"], check=True)
    rkt("image", "rm", images(rkt)[0]["id"], code=0)
    trust(rkt, key, f"{registry.host}/new")
    assert rkt(HTTP, "run", "--net=none", there, code=0).out == "ok\n"


def test_blobs_that_the_registry_has_are_not_sent_again(rkt, pushed, registry):
    rkt(INSECURE, "fetch", pushed.ref, code=0)
    count = lambda method: sum(f'"{method} /v2/' in line for line in open(registry.log_path, errors="replace"))
    rkt(HTTP, "image", "push", images(rkt)[0]["id"], f"docker://{registry.host}/mounted/x", code=0)  # mounted from where they are
    before = count("POST")
    rkt(HTTP, "image", "push", images(rkt)[0]["id"], f"docker://{registry.host}/mounted/x:again", code=0)
    assert count("POST") == before


def test_a_layout_reaches_a_registry(rkt, layout, registry, key, tmp_path):
    rkt("--insecure-options=image", "fetch", f"oci:{layout}", code=0)
    there = f"docker://{registry.host}/from/layout"
    rkt(HTTP, "image", "push", f"--sign-key={key.private}", "oci", there, code=0)
    trust(rkt, key)
    assert rkt(HTTP, "run", "--net=none", there, code=0).out == "ok\n"


def test_what_cannot_be_pushed_is_refused(rkt, pushed, registry):
    rkt.image()
    assert "is an ACI" in rkt(HTTP, "image", "push", "example.com/busybox", f"docker://{registry.host}/x/y", code=254).err
    assert "cannot push to" in rkt(HTTP, "image", "push", "example.com/busybox", "oci:/tmp/x", code=254).err
    assert "not in the store" in rkt(HTTP, "image", "push", "docker://r.example/none", f"docker://{registry.host}/x/y", code=254).err
    rkt(INSECURE, "fetch", pushed.ref, code=0)
    assert "under a tag" in rkt(HTTP, "image", "push", pushed.ref, f"docker://{registry.host}/x/y@{pushed.digest()}", code=254).err
    rkt("image", "push", pushed.ref, f"docker://{registry.host}/x/y", code=254)  # http was not allowed
