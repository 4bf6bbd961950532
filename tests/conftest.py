# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the black-box tests: the real binary, images made and signed on the spot, real servers, and a check after every
test that nothing is left on the machine."""
import functools
import os
import re
import signal
import shutil
import subprocess
import sys
import tempfile

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "support"), os.path.join(HERE, "functional")]

from machine import leaves_nothing  # noqa: E402
from rktlib import Registry, Rkt, WebServer, oci_layout, signing_key  # noqa: E402
from signlib import PemKey, Repo, layer  # noqa: E402

def pytest_configure(config):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup, what tests start would ignore it too
    config.addinivalue_line("markers", "slow: minutes, not seconds; left out on the sanitizer build")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """A test that hangs fails, with the place where it did, and the others go on."""
    def give_up(*_):
        raise TimeoutError(f"{item.nodeid} hangs")
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(0 if item.get_closest_marker("slow") else 300)  # those may be asked to go on for hours
    yield
    signal.alarm(0)


def refuse_unlisted_skip(report, nodeid):
    """A skip that is not in tests/skips.txt is a failure: skipping must be a decision, not an accident."""
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    with open(os.path.join(HERE, "skips.txt")) as f:
        listed = [line.split("#")[0].strip() for line in f]
    if nodeid.split("tests/")[-1] not in listed:
        report.outcome = "failed"
        report.longrepr = f"skipped, but not listed in tests/skips.txt: {report.longrepr}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    refuse_unlisted_skip(outcome.get_result(), item.nodeid)


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector):  # a whole file that skips itself
    outcome = yield
    refuse_unlisted_skip(outcome.get_result(), collector.nodeid)


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    """gpg keys by name, made once: keys("alice") -> Key."""
    made = {}
    home = tmp_path_factory.mktemp("gnupg", numbered=False)
    os.chmod(home, 0o700)

    def get(name):
        if name not in made:
            made[name] = signing_key(str(home), name)
        return made[name]
    yield get
    os.system(f"GNUPGHOME={home} gpgconf --kill all >/dev/null 2>&1")


@pytest.fixture(scope="module", autouse=True)
def nothing_left_by_file():
    """The pods that its tests share are gone, too."""
    with leaves_nothing():
        yield


@pytest.fixture(autouse=True)
def nothing_left_by_test(nothing_left_by_file):
    with leaves_nothing():
        yield


@pytest.fixture
def rkt(tmp_path, keys):
    """A fresh installation: data directory and configuration directories."""
    r = Rkt(tmp_path, keys)
    yield r
    r.close()


@pytest.fixture
def web(tmp_path):
    server = WebServer(tmp_path / "www")
    yield server
    server.close()


@pytest.fixture
def registry(tmp_path):
    server = Registry(tmp_path / "registry")
    yield server
    server.close()


@pytest.fixture
def key(tmp_path):
    return PemKey(tmp_path, "p256")


@pytest.fixture
def layout(tmp_path):
    return oci_layout(tmp_path / "oci", [layer()], {"Cmd": ["/bin/echo", "ok"], "Env": ["PATH=/bin"]})


@pytest.fixture
def pushed(registry, tmp_path, request):
    """An image in a repository of the test's own: Repo with .ref."""
    oci = oci_layout(tmp_path / "oci", [layer()], {"Cmd": ["/bin/echo", "ok"], "Env": ["PATH=/bin"]})
    name = "team/" + re.sub("[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    ref = registry.push(f"oci:{oci}:latest", name)
    repo = Repo(registry.host, name)
    repo.ref = ref
    return repo


@pytest.fixture(scope="session")
def cache():
    """Directory with the large images that tests/support/make-images made."""
    path = os.environ.get("RKT_TEST_CACHE", "/var/cache/rkt-tests")
    assert os.path.exists(os.path.join(path, "complete")), "run tests/support/make-images first (scripts/test does)"
    return path


@functools.cache
def pinning_cpus(every):
    """Of these processors, those on which a mount namespace is made that can be pinned. Linux 6.18 has others in any namespace but the first of a host."""
    place = tempfile.mkdtemp()
    subprocess.run(["mount", "--bind", place, place], check=True)
    subprocess.run(["mount", "--make-private", place], check=True)
    open(f"{place}/ns", "w", encoding="ascii").close()
    found = frozenset(cpu for cpu in every if subprocess.run(["taskset", "-c", str(cpu), "unshare", f"--mount={place}/ns", "true"], capture_output=True, check=False).returncode == 0)
    subprocess.run(["umount", "--lazy", place], check=True)
    shutil.rmtree(place)
    return found or every


@pytest.fixture
def pinning():
    """The test runs where mounts can be kept, in a sandbox also."""
    every = frozenset(os.sched_getaffinity(0))
    os.sched_setaffinity(0, pinning_cpus(every))
    yield
    os.sched_setaffinity(0, every)
