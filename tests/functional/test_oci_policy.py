# SPDX-License-Identifier: Apache-2.0
"""What policy.json demands of Docker and OCI images, and simple signing with OpenPGP."""
import base64
import os
import subprocess

import pytest

from signlib import ANYTHING, HTTP, INSECURE, LayoutRepo, PemKey, cosign, cosign_with, images, payload, policy, refused, sha256, trust


def test_a_policy_that_accepts_anything_changes_nothing(rkt, pushed):
    policy(rkt, {"": ANYTHING})
    refused(rkt, pushed.ref, "no signature")


def test_a_policy_that_rejects_beats_the_key_store(rkt, pushed, key):
    cosign_with(pushed, pushed.digest(), key)
    trust(rkt, key)
    path = policy(rkt, {f"{pushed.host}/team": [{"type": "reject"}]})
    refused(rkt, pushed.ref, f'image "{pushed.ref}" is rejected by the policy in "{path}"')
    path.unlink()
    rkt(HTTP, "fetch", pushed.ref, code=0)
    policy(rkt, default=[{"type": "reject"}])
    assert f'is rejected by the policy in "{path}"' in rkt(HTTP, "run", "--net=none", pushed.ref, code=254).err
    assert f'is rejected by the policy in "{path}"' in rkt("run", "--net=none", images(rkt)[0]["id"], code=254).err
    rkt(INSECURE, "run", "--net=none", pushed.ref, code=0)


def test_a_key_of_the_policy_is_trusted_for_its_scope(rkt, pushed, key, tmp_path):
    cosign_with(pushed, pushed.digest(), key)
    demand = [{"type": "sigstoreSigned", "keyPath": key.public, "signedIdentity": {"type": "matchRepository"}}]
    policy(rkt, {"elsewhere.example": demand})
    refused(rkt, pushed.ref, "by no key that is trusted for it")
    path = policy(rkt, {f"{pushed.host}/team": demand})
    assert rkt(HTTP, "run", "--net=none", pushed.ref, code=0).out == "ok\n"
    assert rkt("run", "--net=none", images(rkt)[0]["id"], code=0).out == "ok\n"
    path.unlink()
    rkt("run", "--net=none", images(rkt)[0]["id"], code=254)


def test_what_the_policy_demands_must_be_there_whoever_else_signed(rkt, pushed, key, tmp_path):
    other = PemKey(tmp_path, "ed25519", "other")
    cosign_with(pushed, pushed.digest(), key)
    trust(rkt, key)
    data = base64.b64encode(open(other.public, "rb").read()).decode()
    path = policy(rkt, {pushed.host: [{"type": "sigstoreSigned", "keyData": data, "signedIdentity": {"type": "matchRepository"}}]})
    refused(rkt, pushed.ref, f'its signatures are not those that the policy in "{path}" demands')
    body = payload(pushed.digest(), f"{pushed.host}/{pushed.name}")
    cosign(pushed, pushed.digest(), (body, key.sign(body)), (body, other.sign(body)))
    rkt(HTTP, "fetch", pushed.ref, code=0)


def test_the_identity_that_the_policy_names(rkt, pushed, key):
    cosign_with(pushed, pushed.digest(), key, f"{pushed.host}/{pushed.name}:1.0")
    with_identity = lambda i: policy(rkt, {pushed.host: [{"type": "sigstoreSigned", "keyPath": key.public, **({"signedIdentity": i} if i else {})}]})
    for wrong in (None, {"type": "matchExact"}, {"type": "exactReference", "dockerReference": f"{pushed.host}/{pushed.name}:1.1"},
                  {"type": "exactRepository", "dockerRepository": f"{pushed.host}/team/other"}):
        with_identity(wrong)
        refused(rkt, pushed.ref, "not those that the policy in")
    with_identity({"type": "exactReference", "dockerReference": f"{pushed.host}/{pushed.name}:1.0"})
    rkt(HTTP, "fetch", pushed.ref, code=0)


def test_what_is_stored_was_signed_for_one_tag_when_the_policy_wants_that(rkt, pushed, registry, key, tmp_path):
    cosign_with(pushed, pushed.digest(), key, f"{pushed.host}/{pushed.name}:latest")
    policy(rkt, {pushed.host: [{"type": "sigstoreSigned", "keyPath": key.public, "signedIdentity": {"type": "matchExact"}}]})
    other = registry.push(f"oci:{tmp_path}/oci:latest", pushed.name + ":other")
    rkt(INSECURE, "fetch", other, code=0)
    rkt(HTTP, "fetch", pushed.ref, code=0)
    assert "not those that the policy in" in rkt(HTTP, "run", "--net=none", other, code=254).err
    rkt(HTTP, "run", "--net=none", pushed.ref, code=0)
    unsigned = rkt(INSECURE, "fetch", "--full", other, code=0).out.strip()
    assert "not those that the policy in" in rkt(HTTP, "run", "--net=none", other, code=254).err
    assert "no key has signed for it" in rkt("run", "--net=none", unsigned, code=254).err
    rkt(HTTP, "run", "--net=none", pushed.ref, code=0)


@pytest.mark.parametrize("text", ["", "{", "{}", '{"default":[]}', '{"default":[{"type":"maybe"}]}', '{"default":[{"type":"reject","why":1}]}'],
                         ids=["empty", "cut", "object", "nothing", "type", "member"])
def test_a_malformed_policy_is_an_error_that_names_it(rkt, pushed, key, text):
    cosign_with(pushed, pushed.digest(), key)
    trust(rkt, key)
    path = policy(rkt)
    path.write_text(text)
    refused(rkt, pushed.ref, str(path))


def test_a_demand_that_cannot_be_checked_is_refused(rkt, pushed, key):
    cosign_with(pushed, pushed.digest(), key)
    trust(rkt, key)
    policy(rkt, {pushed.host: [{"type": "sigstoreSigned", "fulcio": {"caPath": "/ca", "oidcIssuer": "x", "subjectEmail": "y"}}]})
    refused(rkt, pushed.ref, '"fulcio", which cannot be checked')


def test_policies_of_layouts_go_by_their_path(rkt, layout, key, tmp_path):
    repo = LayoutRepo(layout, "oci")
    body = payload(repo.digest(), "oci")
    cosign(repo, repo.digest(), (body, key.sign(body)))
    trust(rkt, key)
    policy(rkt, {str(tmp_path): [{"type": "reject"}]}, transport="oci")
    refused(rkt, f"oci:{layout}", "is rejected by the policy", options="--debug=false")
    policy(rkt, {str(tmp_path) + "/other": [{"type": "reject"}]}, transport="oci")
    rkt("fetch", f"oci:{layout}", code=0)


# --------------------------------------------------------------------------------------------------------- simple signing

def simple_sign(signer, body, path, clear=False):
    """gpg's signed message over the payload, where others look for it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    subprocess.run(["gpg", "--batch", "--yes", "--quiet", "--local-user", signer.fingerprint, "--output", path, "--clear-sign" if clear else "--sign"],
                   check=True, input=body, env={**os.environ, "GNUPGHOME": signer.home})


def lookaside(rkt, text):
    where = rkt.tmp / ".config" / "containers" / "registries.d"
    where.mkdir(parents=True, exist_ok=True)
    (where / "test.yaml").write_text(text)
    return where / "test.yaml"


ATOMIC = "atomic container signature"


def place_of(root, repo, digest, n=1):
    return os.path.join(root, f"{repo.name}@{digest.replace(':', '=')}", f"signature-{n}")


@pytest.mark.parametrize("where", ["file", "http"])
def test_simple_signing_from_a_lookaside(rkt, pushed, web, tmp_path, where):
    signer, digest = rkt.keys("builder"), pushed.digest()
    root = web.root if where == "http" else str(tmp_path / "sigs")
    lookaside(rkt, f"docker:\n  {pushed.host}/team:\n    lookaside: {web.url if where == 'http' else 'file://' + root}\n    use-sigstore-attachments: true\n")
    rkt.trust("builder", f"{pushed.host}/team")
    refused(rkt, pushed.ref, "no signature")
    simple_sign(rkt.keys("stranger"), payload(digest, f"{pushed.host}/{pushed.name}:latest", ATOMIC), place_of(root, pushed, digest))
    refused(rkt, pushed.ref, rkt.keys("stranger").fingerprint[-16:], "not trusted for it")
    simple_sign(signer, payload(digest, f"{pushed.host}/{pushed.name}:latest", ATOMIC), place_of(root, pushed, digest, 2))
    assert rkt(HTTP, "run", "--net=none", pushed.ref, code=0).out == "ok\n"
    assert rkt("run", "--net=none", images(rkt)[0]["id"], code=0).out == "ok\n"


def test_skopeo_signs_what_rkt_verifies(rkt, pushed, tmp_path):
    signer, sigs = rkt.keys("builder"), tmp_path / "skopeo-sigs"
    (tmp_path / "registries.d").mkdir()
    names = ("lookaside", "lookaside-staging", "sigstore", "sigstore-staging")[2:]  # what old and new releases call it
    (tmp_path / "registries.d" / "default.yaml").write_text("default-docker:\n" + "".join(f"  {n}: file://{sigs}\n" for n in names))
    subprocess.run(["skopeo", "--registries.d", str(tmp_path / "registries.d"), "copy", "--quiet", "--insecure-policy", f"--sign-by={signer.fingerprint}",
                    "--dest-tls-verify=false", f"oci:{tmp_path}/oci:latest", f"docker://{pushed.host}/{pushed.name}:signed"], check=True,
                   stdout=subprocess.DEVNULL, env={**os.environ, "GNUPGHOME": signer.home})
    lookaside(rkt, f"default-docker:\n  lookaside: file://{sigs}\n")
    rkt.trust("builder", f"{pushed.host}/{pushed.name}")
    rkt(HTTP, "fetch", f"docker://{pushed.host}/{pushed.name}:signed", code=0)


@pytest.mark.parametrize("what,text", [("digest", "is for other content"), ("repository", "is for "), ("type", "cannot be read: signature-1: a signature of the wrong type"), ("tampered", "signature")])
def test_a_simple_signature_that_does_not_fit_is_refused(rkt, pushed, tmp_path, what, text):
    signer, digest = rkt.keys("builder"), pushed.digest()
    lookaside(rkt, f"default-docker:\n  lookaside: file://{tmp_path}/sigs/\n")
    rkt.trust("builder")
    body = payload(sha256(b"x") if what == "digest" else digest, f"{pushed.host}/{'team/other' if what == 'repository' else pushed.name}:latest",
                   "cosign container image signature" if what == "type" else ATOMIC)
    path = place_of(tmp_path / "sigs", pushed, digest)
    simple_sign(signer, body, path, clear=what == "tampered")
    if what == "tampered":
        data = open(path, "rb").read()
        open(path, "wb").write(data.replace(b"latest", b"newest"))
    refused(rkt, pushed.ref, text)


def test_a_policy_demands_openpgp(rkt, pushed, key, tmp_path):
    signer, digest = rkt.keys("builder"), pushed.digest()
    lookaside(rkt, f"default-docker:\n  lookaside: file://{tmp_path}/sigs\n")
    cosign_with(pushed, digest, key)
    trust(rkt, key)
    policy(rkt, {pushed.host: [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": signer.public}]})
    refused(rkt, pushed.ref, "not those that the policy in")
    simple_sign(signer, payload(digest, f"{pushed.host}/{pushed.name}:other", ATOMIC), place_of(tmp_path / "sigs", pushed, digest))
    refused(rkt, pushed.ref, "not those that the policy in")
    simple_sign(signer, payload(digest, f"{pushed.host}/{pushed.name}:latest", ATOMIC), place_of(tmp_path / "sigs", pushed, digest))
    rkt(HTTP, "fetch", pushed.ref, code=0)
    assert rkt("run", "--net=none", images(rkt)[0]["id"], code=0).out == "ok\n"


def test_a_malformed_registries_file_is_named(rkt, pushed):
    path = lookaside(rkt, "docker: [\n")
    refused(rkt, pushed.ref, f"{path}: line ")
