# SPDX-License-Identifier: Apache-2.0
"""Nothing unverified is used or stored; each check can be turned off by its own name only."""
import json
import os
import pty
import shutil
import ssl
import subprocess

import pytest

from rktlib import WebServer, signing_key
from signlib import PemKey
from test_output import read_pty


def images(rkt):
    return json.loads(rkt("image", "list", "--format=json", code=0).out) or []


def test_a_signed_image_of_a_trusted_key_is_accepted(rkt):
    aci = rkt.aci(key="builder", exec=["/bin/true"])
    rkt.trust("builder", "example.com/busybox")
    r = rkt("fetch", aci.path, code=0)
    assert r.out.strip() == aci.id[:39]
    assert "signature verified:" in r.err and "builder@example.com" in r.err
    assert rkt("fetch", "--full", aci.path, code=0).out.strip() == aci.key


def test_a_missing_signature_is_refused_and_named(rkt):
    aci = rkt.aci()
    r = rkt("fetch", aci.path, code=254)
    assert ".aci.asc" in r.err and len(r.complaints) == 1
    assert images(rkt) == []


def test_an_unknown_key_is_refused_with_the_remedy(rkt):
    aci = rkt.aci(key="stranger")
    rkt.trust("builder", "example.com/busybox")
    r = rkt("fetch", aci.path, code=254)
    assert "rkt trust --prefix" in r.err and "example.com/busybox" in r.err
    assert images(rkt) == []


def test_a_tampered_image_is_refused(rkt):
    aci = rkt.aci(key="builder", how="tar")
    rkt.trust("builder", "example.com/busybox")
    data = bytearray(open(aci.path, "rb").read())
    data[len(data) // 2] ^= 1
    open(aci.path, "wb").write(data)
    r = rkt("fetch", aci.path, code=254)
    assert "signature" in r.err
    assert images(rkt) == []


def test_a_signature_of_another_file_is_refused(rkt):
    one, two = rkt.aci("example.com/one", key="builder"), rkt.aci("example.com/two", key="builder")
    rkt.trust("builder")
    shutil.copy(one.path[:-4] + ".aci.asc", two.path[:-4] + ".aci.asc")
    rkt("fetch", two.path, code=254)


def test_a_prefix_means_whole_name_components(rkt):
    aci = rkt.aci("example.com/foobar", key="builder")
    rkt.trust("builder", "example.com/foo")
    rkt("fetch", aci.path, code=254)
    rkt.trust("builder", "example.com/foobar")
    rkt("fetch", aci.path, code=0)


def test_a_root_key_counts_for_every_name(rkt):
    aci = rkt.aci("other.example.org/x", key="builder")
    rkt.trust("builder")
    rkt("fetch", aci.path, code=0)
    assert os.listdir(rkt.etc / "trustedkeys" / "root.d") == [rkt.keys("builder").fingerprint]


def test_an_empty_file_masks_a_vendor_key(rkt):
    aci = rkt.aci(key="builder")
    fpr = rkt.keys("builder").fingerprint
    vendor = rkt.sys / "trustedkeys" / "root.d"
    vendor.mkdir(parents=True)
    shutil.copy(rkt.keys("builder").public, vendor / fpr)
    rkt("fetch", aci.path, code=0)
    mask = rkt.etc / "trustedkeys" / "root.d"
    mask.mkdir(parents=True)
    (mask / fpr).write_bytes(b"")
    rkt("image", "rm", aci.key, code=0)
    rkt("fetch", aci.path, code=254)


def test_a_key_that_is_no_longer_trusted_stops_a_stored_image(rkt):
    aci = rkt.image(exec=["/bin/true"])
    prepared = rkt("prepare", aci.name, code=0).out.strip()
    shutil.rmtree(rkt.etc / "trustedkeys")
    for argument in (aci.name, aci.key, aci.key[:20]):
        for policy in ("new", "never"):
            r = rkt("prepare", f"--pull-policy={policy}", argument, code=254)
            assert f'image "{aci.name}:1.0.0"' in r.err and "no longer trusted for it" in r.err and "rkt trust --prefix" in r.err
    rkt("--insecure-options=image", "prepare", aci.key, code=0)
    rkt("image", "cat-manifest", aci.key, code=0)  # nothing runs
    rkt("run-prepared", "--net=none", prepared, code=0)  # it was accepted when it was made


def test_an_image_stored_unverified_is_not_used_by_a_verified_run(rkt):
    aci = rkt.aci(exec=["/bin/true"])
    rkt("--insecure-options=image", "fetch", aci.path, code=0)
    rkt("--insecure-options=image", "run", "--net=none", aci.name, code=0)
    r = rkt.run(aci.key, code=254)
    assert aci.name in r.err or "sha512-" in r.err


def test_binary_signatures_and_signature_flag(rkt):
    aci = rkt.aci()
    sig = str(rkt.tmp / "elsewhere.sig")
    rkt.keys("builder").sign(aci.path, armor=False, out=sig)
    rkt.trust("builder", aci.name)
    rkt("fetch", aci.path, f"--signature={sig}", code=0)


def test_trust_shows_the_fingerprint_and_needs_a_tty_to_ask(rkt):
    key = rkt.keys("builder")
    r = rkt("trust", "--prefix=example.com/x", key.public, code=254)
    upper = key.fingerprint.upper()
    grouped = " ".join(upper[i:i + 4] for i in range(0, 20, 4)) + "  " + " ".join(upper[i:i + 4] for i in range(20, 40, 4))
    assert grouped in r.out and "lack of tty" in r.err and "or with --skip-fingerprint-review" in r.err
    assert "--trust-keys-from-https" not in r.err, "it came from a file"
    r = rkt("trust", "--prefix=example.com/x", "--skip-fingerprint-review", key.public, code=0)
    assert f'Added key for prefix "example.com/x" at "{rkt.etc}/trustedkeys/prefix.d/example.com/x/{key.fingerprint}"' in r.out


@pytest.mark.parametrize("answers, stored", [(["maybe", "YES", "yes"], True), (["no"], False)])
def test_trust_asks_on_a_terminal_until_the_answer_is_one(rkt, answers, stored):
    key = rkt.keys("builder")
    master, slave = pty.openpty()
    p = subprocess.Popen(rkt.argv("trust", "--prefix=example.com/x", key.public), stdin=slave, stdout=slave, stderr=slave, env=rkt.env,
                         start_new_session=True)
    os.close(slave)
    os.write(master, "".join(a + "\n" for a in answers).encode())
    out = read_pty(master, p).decode()
    os.close(master)
    assert p.returncode == 0 and out.count("Are you sure you want to trust this key (yes/no)?") == len(answers)
    assert out.count("Please enter 'yes' or 'no'") == len(answers) - 1
    assert ("after fingerprint review" in out) == stored and (f'not trusting "{key.public}"' in out) == (not stored)
    assert (rkt.etc / "trustedkeys").exists() == stored


def test_trust_refuses_an_implicit_root_key(rkt):
    r = rkt("trust", rkt.keys("builder").public, code=254)
    assert "aborting due to implicit unbounded trust (root domain)" in r.err
    assert 'the prefix is "example.com/*"' in rkt("trust", "--prefix=example.com/*", rkt.keys("builder").public, code=254).err
    (rkt.tmp / "junk").write_text("x")
    r = rkt("trust", "--root", rkt.tmp / "junk", code=254)
    assert f'"{rkt.tmp}/junk": openpgp: invalid argument: no armored data found; accepted are OpenPGP keys' in r.err
    r = rkt("trust", "--prefix=example.com//a", "--skip-fingerprint-review", rkt.keys("builder").public, code=254)
    assert r.err == 'trust: error adding keys: invalid prefix "example.com//a"\n' and r.out == "", r
    assert "has no slash at its end and no wildcards" in rkt("trust", "--prefix=127.0.0.1:5000/team/*", rkt.keys("builder").public, code=254).err
    assert "mutually exclusive" in rkt("trust", "--root", "--prefix=example.com/x", rkt.keys("builder").public, code=254).err


def test_a_private_key_is_never_taken_for_one_to_trust(rkt, tmp_path):
    key, pem = rkt.keys("builder"), PemKey(tmp_path, "ed25519")
    def export(*armor):
        return subprocess.run(["gpg", "--batch", "--homedir", key.home, *armor, "--export-secret-keys"], check=True, stdout=subprocess.PIPE).stdout
    public, private = open(key.public, "rb").read(), open(pem.private, "rb").read()
    for content in (private, export("--armor"), export(), public + export("--armor"), private + open(pem.public, "rb").read()):
        (tmp_path / "given").write_bytes(content)
        r = rkt("trust", "--root", "--skip-fingerprint-review", tmp_path / "given", code=254)
        assert f'trust: error adding keys: "{tmp_path}/given": a private key is in it; what is trusted is the public one alone: gpg' in r.err, r
        assert len(r.complaints) == 1 and not (rkt.etc / "trustedkeys").exists()


def test_a_damaged_stored_key_is_mended_by_trusting_it_again(rkt):
    aci = rkt.aci(key="builder", exec=["/bin/true"])
    rkt.trust("builder", aci.name)
    (stored,) = (rkt.etc / "trustedkeys" / "prefix.d" / aci.name).iterdir()
    good = stored.read_bytes()
    for bad in (good[:100], good.replace(b"=", b"!"), b"junk"):
        stored.write_bytes(bad)
        rkt("fetch", aci.path, code=254)
        r = rkt("trust", f"--prefix={aci.name}", "--skip-fingerprint-review", rkt.keys("builder").public, code=0)
        assert f'"{stored}" is damaged and replaced: ' in r.err and stored.read_bytes() == good, r
    rkt("fetch", aci.path, code=0)


# One test a value of --insecure-options: what it turns off, and nothing else.

def test_image_turns_off_signatures(rkt):
    aci = rkt.aci(exec=["/bin/true"])
    rkt("fetch", aci.path, code=254)
    rkt("--insecure-options=image", "fetch", aci.path, code=0)


def tls_context(tmp):
    cert, key = str(tmp / "cert.pem"), str(tmp / "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"], check=True, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


def test_tls_turns_off_certificates_but_not_signatures(rkt, tmp_path):
    server = WebServer(tmp_path / "www", tls=tls_context(tmp_path))
    try:
        aci = rkt.aci(key="builder", exec=["/bin/true"])
        url = server.put(aci.path)
        rkt.trust("builder", aci.name)
        r = rkt("fetch", url, code=254)
        assert "certificate" in r.err.lower()
        r = rkt("--insecure-options=tls", "fetch", url, code=0)
        assert "warning: TLS verification has been disabled" in r.err
        os.unlink(os.path.join(server.root, os.path.basename(aci.path)[:-4] + ".aci.asc"))
        rkt("image", "rm", aci.key, code=0)
        rkt("--insecure-options=tls", "fetch", url, code=254)
    finally:
        server.close()


def test_certificates_and_credentials_of_the_user_reach_the_confined_worker(rkt, tmp_path):
    server = WebServer(tmp_path / "www", tls=tls_context(tmp_path))
    try:
        aci = rkt.aci(key="builder", exec=["/bin/true"])
        url = server.put(aci.path).replace("127.0.0.1", "localhost")
        rkt.trust("builder", aci.name)
        (rkt.etc / "auth.d").mkdir(parents=True)
        (rkt.etc / "auth.d" / "a.json").write_text(json.dumps(
            {"rktKind": "auth", "rktVersion": "v1", "domains": [url.split("/")[2]], "type": "oauth", "credentials": {"token": "secret"}}))
        os.chmod(tmp_path / "cert.pem", 0o600)
        rkt("fetch", url, code=0, env={"SSL_CERT_FILE": str(tmp_path / "cert.pem")})
        assert {r[2].get("Authorization") for r in server.log} == {"Bearer secret"}
    finally:
        server.close()


def test_http_is_needed_for_a_plain_registry(rkt, registry, tmp_path):
    from rktlib import busybox_rootfs, oci_layout
    layer = [(i, b) for i, b in busybox_rootfs() if i.name != "rootfs"]
    for info, _ in layer:
        info.name = info.name[len("rootfs/"):]
    ref = registry.push(f"oci:{oci_layout(tmp_path / 'oci', [layer], {'Cmd': ['/bin/true']})}:latest", "test/busybox")
    assert "plain http needs --insecure-options=http" in rkt("--insecure-options=image", "fetch", ref, code=254).err
    rkt("--insecure-options=http", "fetch", ref, code=254)
    rkt("--insecure-options=image,http", "fetch", ref, code=0)
    assert "appc.io/docker/imageid" in rkt("image", "cat-manifest", ref, code=0).out
    assert 'image "docker://example.com/no" is not in the store' in rkt("image", "rm", "docker://example.com/no", code=0).err
    assert "1 image(s) successfully removed" in rkt("image", "rm", ref, code=0).err


def test_pubkey_allows_keys_over_insecure_links(rkt, web):
    url = web.url + "/key.asc"
    shutil.copy(rkt.keys("builder").public, os.path.join(web.root, "key.asc"))
    r = rkt("trust", "--prefix=example.com/x", "--skip-fingerprint-review", url, code=254)
    assert "--insecure-allow-http required for http URLs" in r.err
    rkt("trust", "--prefix=example.com/x", "--skip-fingerprint-review", "--insecure-allow-http", url, code=0)


@pytest.mark.parametrize("option", ["ondisk", "pubkey", "http", "tls", "capabilities", "paths", "seccomp", "all-run", "none"])
def test_other_options_do_not_turn_off_signatures(rkt, option):
    aci = rkt.aci()
    rkt(f"--insecure-options={option}", "fetch", aci.path, code=254)
    assert images(rkt) == []


@pytest.mark.parametrize("option", ["all-fetch", "all"])
def test_groups_turn_off_signatures(rkt, option):
    rkt(f"--insecure-options={option}", "fetch", rkt.aci().path, code=0)


def test_unknown_and_repeated_options_are_named(rkt):
    assert 'unknown option "x"' in rkt("--insecure-options=x", "list", code=254).err
    assert 'duplicated option "tls"' in rkt("--insecure-options=tls,tls", "list", code=254).err


def test_capabilities_option_keeps_all_capabilities(rkt):
    rkt.image(exec=["/bin/sh", "-c", "grep CapBnd /proc/self/status"])
    assert "00000000a80425fb" in rkt.run("example.com/busybox", code=0).out
    full = rkt("--insecure-options=capabilities", "run", "--net=none", "example.com/busybox", code=0).out
    assert int(full.split()[1], 16) & (1 << 21), full  # CAP_SYS_ADMIN


def test_paths_option_leaves_proc_alone(rkt):
    rkt.image(exec=["/bin/sh", "-c", "echo 60 > /proc/sys/net/ipv4/ip_default_ttl"])  # asks for no capability
    assert rkt.run("example.com/busybox").code != 0
    rkt("--insecure-options=paths", "run", "--net=none", "example.com/busybox", code=0)


def test_seccomp_option_removes_the_filter(rkt):
    rkt.image(exec=["/bin/sh", "-c", "grep ^Seccomp: /proc/self/status"])
    assert rkt.run("example.com/busybox", code=0).out.split()[1] == "2"
    assert rkt("--insecure-options=seccomp", "run", "--net=none", "example.com/busybox", code=0).out.split()[1] == "0"


def test_all_run_turns_off_the_three(rkt):
    rkt.image(exec=["/bin/sh", "-c", "grep -E '^(Seccomp:|CapBnd)' /proc/self/status; echo 1 > /proc/sys/net/ipv4/ip_forward"])
    out = rkt("--insecure-options=all-run", "run", "--net=none", "example.com/busybox", code=0).out.split()
    assert int(out[1], 16) & (1 << 21) and out[3] == "0"


def test_debug_does_not_pass_on_what_the_library_thinks(rkt):
    aci = rkt.aci(key="builder", exec=["/bin/true"])
    rkt.trust("builder", "example.com/busybox")
    err = rkt("--debug", "fetch", aci.path, code=0).err
    assert "signature verified:" in err and "() ./src" not in err, "[signature_validate() ./src/lib/crypto/signatures.cpp:227] wrong lbits"


def test_an_older_copy_of_a_key_does_not_undo_a_revocation(rkt, tmp_path):
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    key = signing_key(str(home), "leaver")
    (certificate,) = (home / "openpgp-revocs.d").iterdir()
    env = {**os.environ, "GNUPGHOME": str(home)}
    subprocess.run(["gpg", "--batch", "--quiet", "--import"], input=certificate.read_bytes().replace(b":-----BEGIN", b"-----BEGIN"), env=env, check=True)
    newer = tmp_path / "newer.asc"
    newer.write_bytes(subprocess.run(["gpg", "--armor", "--export", key.fingerprint], env=env, check=True, stdout=subprocess.PIPE).stdout)
    trust = ["trust", "--prefix=example.com/app", "--skip-fingerprint-review"]
    rkt(*trust, key.public, code=0)
    rkt(*trust, newer, code=0)
    r = rkt(*trust, key.public, code=254)
    assert f"it lacks the revocation of {key.fingerprint}; get the publisher's current key; or remove " in r.err, r
    rkt(*trust, newer, code=0)
