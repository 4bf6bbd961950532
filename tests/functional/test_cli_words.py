# SPDX-License-Identifier: Apache-2.0
"""Words of the command line that scripts for rkt 1.30 use: prefixes, hidden commands and flags, texts of errors."""
import subprocess

import pytest


def bare(rkt, *args, **env):
    return subprocess.run([rkt.bin, *args], capture_output=True, text=True, env={**rkt.env, **env}, stdin=subprocess.DEVNULL)


def test_prefixes_that_the_reference_knows(rkt):
    assert rkt("l", "--format=json", code=0).out == "null\n"
    assert rkt("image", "l", "--no-legend", code=0).out.strip() == ""
    assert bare(rkt, "sto").stdout.startswith("NAME:\n\tstop - ")
    assert 'unknown command "s"' in bare(rkt, "s").stderr


def test_api_service_says_what_to_use_instead(rkt):
    for word in ("api-service", "api"):
        r = rkt(word, "--listen=localhost:15441", code=254)
        assert r.err.startswith("api-service: this rkt has no API service") and "--format=json" in r.err and r.err.count("\n") == 1
    assert "api-service" not in bare(rkt, "help").stdout + bare(rkt, "api-servise").stderr + bare(rkt, "completion", "bash").stdout


def test_profiles_are_taken_and_not_written(rkt):
    assert rkt("--cpuprofile=/tmp/cpu", "list", "--memprofile", "/no/such", code=0).out
    assert "profile" not in bare(rkt, "list", "--help").stdout


def test_help_is_a_boolean(rkt):
    assert rkt("list", "--help=false", "--format=json", code=0).out == "null\n"
    assert bare(rkt, "list", "-hx").stderr.startswith("Error: unknown shorthand flag: 'x' in -x\n")
    r = rkt("run", "/no/such.aci", "--help", code=254)
    assert r.out == "" and "/no/such.aci" in r.err
    group = bare(rkt, "help", "image", "bogus")
    assert group.returncode == 0 and group.stderr == "" and group.stdout.startswith("NAME:\n\timage - ")
    assert bare(rkt, "help", "a b", "c").stderr == "Unknown help topic [`a b` `c`]."


@pytest.mark.parametrize("args,error", [
    (["run", "--net=a,a", "x"], 'invalid argument "a,a" for --net=a,a: found duplicate netname "a"'),
    (["gc", "--grace-period=5d"], 'invalid argument "5d" for --grace-period=5d: time: unknown unit "d" in duration "5d"'),
    (["run", "--port=http:-1", "x"], 'invalid argument "http:-1" for --port=http:-1: "-1" is not a valid port number'),
    (["metadata-service", "--listen-port=x"], 'invalid argument "x" for --listen-port=x: strconv.ParseInt: parsing "x": invalid syntax'),
])
def test_flag_errors_come_with_usage(rkt, args, error):
    r = rkt(*args, code=254)
    assert r.err == f"Error: {error}\n\n" and r.out.startswith(f"NAME:\n\t{args[0]} - ")


def test_frames_of_errors(rkt):
    r = rkt("run", "x", "--net=a,a", code=254)
    assert r.out == "" and r.err.startswith('run: error parsing app image arguments: invalid argument "a,a" for --net=a,a: ')
    for count, error in (("x", "error parsing LISTEN_FDS env var"), ("0", "LISTEN_FDS < 1")):
        assert error in rkt("metadata-service", code=254, env={"LISTEN_FDS": count}).err
    image = rkt.image()
    assert "unable to open output ACI file /no/such.aci: " in rkt("image", "export", image.id, "/no/such.aci", code=254).err
    out = rkt("image", "list", "--fields=ID,Name", code=0).out
    assert out.split()[:2] == ["ID", "NAME"] and rkt("image", "list", "--fields=", "--no-legend", code=0).out.strip() == ""


def test_a_broken_configuration_is_called_so(rkt):
    (rkt.tmp / "etc/paths.d").mkdir(parents=True)
    (rkt.tmp / "etc/paths.d/x.json").write_text("{")
    for args in (["list"], ["status", "x"], ["fetch", "x"]):
        r = bare(rkt, f"--local-config={rkt.tmp}/etc", *args)
        assert r.returncode == 254 and r.stderr.startswith(f"{args[0]}: cannot get configuration: "), r
