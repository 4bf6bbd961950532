# SPDX-License-Identifier: Apache-2.0
"""The grammar of the command line: prefixes, flags, help, errors and their exit codes."""
import os
import re
import shlex
import subprocess

import pytest


def bare(rkt, *args):
    return subprocess.run([rkt.bin, *args], capture_output=True, text=True, env=rkt.env, stdin=subprocess.DEVNULL)


def test_no_command(rkt):
    p = bare(rkt)
    assert p.returncode == 2 and p.stderr == "rkt: missing command\n" and p.stdout.startswith("NAME:\n\trkt - ")


def test_version(rkt):
    out = bare(rkt, "version").stdout
    assert re.match(r"rkt Version: 2\.0\.0\nappc Version: 0\.8\.11\n", out)


def test_unknown_command_suggests(rkt):
    p = bare(rkt, "lsit")
    assert p.returncode == 254 and p.stdout == ""
    assert p.stderr == "Error: unknown command \"lsit\" for \"rkt\"\n\nDid you mean this?\n\tlist\n\nRun 'rkt --help' for usage.\n"
    p = bare(rkt, "qqqqqq")
    assert p.stderr == "Error: unknown command \"qqqqqq\" for \"rkt\"\nRun 'rkt --help' for usage.\n"


def test_an_unambiguous_prefix_is_the_command(rkt):
    assert rkt("vers", code=0).out == rkt("version", code=0).out
    assert rkt("image", "l", "--format=json", code=0).out == "null\n"


def test_an_unknown_flag_prints_usage_on_stdout(rkt):
    p = bare(rkt, "list", "--nope")
    assert p.returncode == 254 and p.stderr.startswith("Error: unknown flag: --nope\n") and "rkt list" in p.stdout
    p = bare(rkt, "gc", "--grace-period=abc")
    assert p.returncode == 254 and 'invalid argument "abc" for --grace-period=abc:' in p.stderr
    p = bare(rkt, "gc", "--grace-period")
    assert "flag needs an argument: --grace-period" in p.stderr


def test_help_of_everything(rkt):
    root = bare(rkt, "help")
    assert root.returncode == 0
    commands = re.search(r"COMMANDS:\n(.*?)\n\n", root.stdout, re.S).group(1)
    names = [line.strip().split("\t")[0] for line in commands.splitlines()]
    assert {"run", "prepare", "fetch", "list", "image list", "trust", "version", "help"} <= set(names)
    for name in names:
        p = bare(rkt, *name.split(), "--help")
        assert p.returncode == 0 and p.stdout.startswith("NAME:\n"), name
        assert os.path.exists(os.path.join(os.path.dirname(__file__), "../../docs/commands", name.replace(" ", "-") + ".md")), name


def test_a_group_alone_prints_its_usage(rkt):
    p = bare(rkt, "image")
    assert p.returncode == 0 and "image list" in p.stdout
    assert bare(rkt, "image", "bogus").returncode == 0


def test_per_image_flags_want_an_image(rkt):
    p = bare(rkt, "run", "--exec=/bin/true", "x")
    assert p.returncode == 254 and "--exec must follow an image" in p.stderr


def test_run_wants_an_image(rkt):
    assert rkt("run", code=254).err == "run: must provide at least one image or specify the pod manifest\n"
    assert rkt("fetch", code=254).err == "fetch: must provide at least one image\n"


def test_unknown_pods_are_named(rkt):
    assert rkt("status", "deadbeef", code=254).err == 'status: problem retrieving pod: no matches found for "deadbeef"\n'
    assert 'cannot get pod: no matches found for "deadbeef"' in rkt("rm", "deadbeef", code=254).err
    assert "UUID cannot be empty" in rkt("status", "", code=254).err
    assert rkt("status", "--uuid-file=/no/such", code=1).err.startswith("status: unable to resolve UUID from file: ")


def test_debug_shows_the_chain(rkt):
    err = rkt("--debug", "status", "zzz", code=254).err
    assert "status: problem retrieving pod\n" in err and '└─no matches found for "zzz"' in err


def test_ordinary_users_are_told(rkt):
    p = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", rkt.bin, "gc"], capture_output=True, text=True)
    assert p.returncode == 254 and p.stderr.startswith("gc: cannot run as unprivileged user; ")


def test_empty_listings(rkt):
    assert rkt("list", code=0).out.split() == ["UUID", "APP", "IMAGE", "NAME", "STATE", "CREATED", "STARTED", "NETWORKS"]
    assert rkt("list", "--format=json", code=0).out == "null\n"


@pytest.mark.parametrize("args,text", [
    (["run", "--net=none", "x:y:z"], "colon may appear at most once"),
    (["run", "--volume=x", "i"], "unrecognized volume kind"),
    (["run", "--port=a", "i"], '"a" is not in name:[ip:]port format'),
    (["run", "--set-env=a", "i"], "must be specified as key=value"),
    (["run", "--store-only", "--no-store", "i"], "both --store-only and --no-store specified"),
    (["run", "i", "--cpu=x"], "quantities must match the regular expression"),
    (["--insecure-options=foo", "list"], 'invalid argument "foo" for --insecure-options=foo: unknown option "foo"'),
    (["list", "--dir="], 'invalid argument "" for --dir=: "" is not a valid directory'),
    (["fetch", "sha512-00"], "discovery failed"),
    (["fetch", "/no/such.aci"], "no such file or directory"),
    (["fetch", "x.aci?y"], ""),
    (["app", "sandbox", "--annotation=x"], 'invalid argument "x" for --annotation=x: invalid format of --annotation flag "x"'),
    (["app", "sandbox", "--user-label=a=1", "--user-label=a=2"], 'invalid argument "a=2" for --user-label=a=2: key "a" already set'),
    (["app", "sandbox", "--net-plugins=x"], 'invalid value "x" for flag --net-plugins'),
    (["app", "status", "--format=x", "deadbeef", "--app=a"], 'invalid argument "x" for --format=x'),
    (["run", "i", "--user-label=x"], "error parsing app image arguments: "),
    (["run", "--hostname=a b", "i"], "a host name has at most 64 letters"),
    (["run", "--hostname=" + "a" * 65, "i"], "a host name has at most 64 letters"),
    (["run", "--stage1-path=/a", "--stage1-name=b", "i"], 'invalid argument "b" for --stage1-name=b: flags --stage1-name and --stage1-path are mutually exclusive'),
])
def test_bad_input_is_named(rkt, args, text):
    r = rkt(*args, code=254)
    assert text in r.err, r


def completed(rkt, *words):
    """What bash offers, split as it splits a command line; the last word is the one under the cursor."""
    script = rkt("completion", "bash", code=0).out.replace("$(rkt ", f"$({shlex.join(rkt.argv())} ")
    script += f"compopt() {{ :; }}\nCOMP_WORDS=({shlex.join(words)}) COMP_CWORD={len(words) - 1}; _rkt; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=rkt.env, check=True).stdout.split()


def test_completion(rkt):
    for args, reason in (((), "shell type is not specified"), (("bash", "x"), "too many arguments, only shell type is expected"), (("zsh",), "'zsh' shell is not supported")):
        assert reason in rkt("completion", *args, code=254).err
    assert completed(rkt, "rkt", "li") == ["list"]
    assert {"cat-manifest", "list", "rm"} <= set(completed(rkt, "rkt", "image", ""))
    assert completed(rkt, "rkt", "--dir", "=", "/", "image", "l") == ["list"]
    assert completed(rkt, "rkt", "image", "list", "--no-") == ["--no-legend"]
    assert completed(rkt, "rkt", "hel") == ["help"] and completed(rkt, "rkt", "help", "image", "l") == ["list"]
    assert completed(rkt, "rkt", "gc", "--grace") == ["--grace-period="]
    assert "--net" in completed(rkt, "rkt", "run", "--volume", "=", "data,kind", "=", "empty", "--ne")


def test_completion_offers_ids_and_never_names(rkt):
    image = rkt.image()
    uuid = rkt("prepare", "example.com/busybox", code=0).out.strip()
    offered = completed(rkt, "rkt", "image", "rm", "")
    assert image.id[:len("sha512-") + 12] in offered and all(re.fullmatch("sha512-[0-9a-f]+", i) for i in offered)
    for command in (["rm"], ["enter"], ["enter", "--app", "=", "x"], ["app", "add"], ["app", "exec"], ["--dir", str(rkt.data), "status"], ["--dir", "=", str(rkt.data), "status"]):
        assert completed(rkt, "rkt", *command, "") == [uuid], command
    (rkt.tmp / "other").mkdir()
    for place in (rkt.tmp / "other", rkt.tmp / "none"):
        assert completed(rkt, "rkt", "--dir", str(place), "rm", "") == []
    assert not (rkt.tmp / "none").exists()


def test_a_directory_that_root_may_not_open_is_a_place_to_work_in(rkt):
    """As one that another user has mounted with FUSE."""
    rkt.image(exec=["/bin/true"])
    place = rkt.tmp / "place"
    place.mkdir()
    os.chown(place, 4242, 4242)
    place.chmod(0o700)

    def there(*argv):
        return subprocess.run(["setpriv", "--bounding-set=-dac_override,-dac_read_search", *argv], cwd=place, env=rkt.env, capture_output=True, text=True)
    assert there("ls", ".").returncode != 0
    rkt.run("--no-overlay", "example.com/busybox", code=0)  # mounting one takes these capabilities
    p = there(*rkt.argv("gc", "--grace-period=0s"))
    assert p.returncode == 0 and "Garbage collecting pod" in p.stdout, p
    assert list(rkt.data.glob("pods/*/*")) == []


def test_root_uses_no_directory_that_others_can_write_to(rkt):
    rkt("list", code=0)
    for place, mode, owner in ((rkt.data, 0o777, 0), (rkt.data / "pods", 0o777, 0), (rkt.data / "pods", 0o755, 4242)):
        before = place.stat()
        place.chmod(mode)
        os.chown(place, owner, -1)
        r = rkt("list", code=254)
        assert f'other users can write to the data directory: "{place}"' in r.err and len(r.complaints) == 1, r
        os.chown(place, before.st_uid, -1)
        place.chmod(before.st_mode & 0o7777)
    rkt.data.chmod(0o1777)  # as a tmpfs is
    rkt("list", code=0)
    assert "not a directory" in rkt("--dir=/etc/passwd", "list", code=254).err
    os.chown(rkt.data / "cas", 4242, -1)
    assert "other users can write" in rkt("list", code=254).err
    os.chown(rkt.data / "cas", 0, -1)
    (rkt.data / "pods").rename(rkt.data / "else")
    (rkt.data / "pods").symlink_to("else")
    assert "other users can write" in rkt("list", code=254).err
    (rkt.data / "pods").unlink()
    (rkt.data / "else").rename(rkt.data / "pods")


def test_root_uses_no_directory_that_others_can_replace(rkt, tmp_path):
    """A directory of root's is not safe where its name is somebody else's."""
    home = tmp_path / "home"
    data = home / "deep" / "data"
    data.mkdir(parents=True)
    data.chmod(0o750)

    def refusals():
        for args in (f"--dir={data}", f"--dir={home}/new", f"--dir={tmp_path}/link/data"):
            r = rkt(args, "list", code=254)
            assert f'is in "{home}"' in r.err and len(r.complaints) == 1, r
            yield r.err.split(", which ")[1].split(";")[0].strip()
    (tmp_path / "link").symlink_to("home/deep")
    os.chown(home, 4242, 4242)
    assert set(refusals()) == {"belongs to another user"}
    os.chown(home, 0, 0)
    home.chmod(0o777)
    assert set(refusals()) == {"other users can write to"}
    home.chmod(0o1777)
    for place in (data, home / "new", tmp_path / "link" / "data"):
        rkt(f"--dir={place}", "list", code=0)
    assert (home / "new" / "pods").is_dir()
