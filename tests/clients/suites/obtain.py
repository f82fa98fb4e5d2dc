# SPDX-License-Identifier: Apache-2.0
"""Other people's test suites, fetched at run time into build/cache and never kept in the tree.

 (1) Only the machine's own package tools are asked, with the sources that the machine has configured.
 (2) What has been fetched once is used again.
 (3) Whatever goes wrong is Unobtainable with one line that says why: such a suite is skipped, not failed.
"""
import contextlib
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import harness  # noqa: E402

CACHE = harness.TOP / "build" / "cache"
KEYRING = pathlib.Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# Sources of the next releases are looked at when the own release's are not to be had.
NEWER = {"bullseye": ["bookworm"], "bookworm": ["trixie"], "trixie": ["forky"]}


class Unobtainable(Exception):
    pass


def tool(*command, cwd=None, timeout=300):
    """Run a tool; its output.  The last line of what it says goes into the error."""
    try:
        done = subprocess.run(command, cwd=cwd, timeout=timeout, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unobtainable("%s: %s" % (command[0], error)) from None
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).decode(errors="replace").strip().splitlines()
        raise Unobtainable("%s: %s" % (command[0], lines[-1] if lines else "failed"))
    return done.stdout.decode(errors="replace")


@contextlib.contextmanager
def locked(name):
    """One fetcher at a time."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / (name + ".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def unpack(archive, target):
    """Unpack a tar whose members share one top folder, without that folder."""
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    with tarfile.open(archive) as tar:
        tar.extractall(partial)
    (top,) = partial.iterdir()
    shutil.rmtree(target, ignore_errors=True)
    top.rename(target)
    partial.rmdir()
    return target


# ---- Debian's source packages ---------------------------------------------------------------

def configured_sites():
    """[(site, codename)] of the machine's own Debian sources of binaries."""
    said = tool("apt-get", "indextargets", "--format", "$(SITE) $(CODENAME) $(COMPONENT)",
                "Created-By: Packages", "Origin: Debian")
    found = {tuple(line.split()[:2]) for line in said.splitlines() if line.endswith(" main")}
    plain = sorted((site, name) for site, name in found if "-" not in name)
    if not plain:
        raise Unobtainable("apt has no Debian sources configured")
    return plain


def apt_options(folder):
    return ["-o", "Dir::Etc::sourcelist=%s" % (folder / "sources.list"),
            "-o", "Dir::Etc::sourceparts=-", "-o", "Dir::State::lists=%s" % (folder / "lists"),
            "-o", "Dir::Cache=%s" % folder, "-o", "Dir::Cache::archives=%s" % (folder / "archives"),
            "-o", "APT::Sandbox::User=root", "-q"]


def apt_folder():
    """A private apt state with the sources of the own release and the next one."""
    folder = CACHE / "apt"
    if (folder / "ready").exists():
        return folder
    for part in ("lists/partial", "archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    signed = "[signed-by=%s] " % KEYRING if KEYRING.exists() else ""
    lines = []
    for site, own in configured_sites():
        lines += ["deb-src %s%s %s main" % (signed, site, name)
                  for name in [own] + NEWER.get(own, [])]
    (folder / "sources.list").write_text("\n".join(lines) + "\n")
    tool("apt-get", *apt_options(folder), "update")
    (folder / "ready").touch()
    return folder


def debian_source(package):
    """The unpacked upstream tar of a Debian source package."""
    target = CACHE / package
    with locked(package):
        if target.exists():
            return target
        folder = apt_folder()
        own = configured_sites()[0][1]
        problem = None
        for release in [own] + NEWER.get(own, []):
            try:
                tool("apt-get", *apt_options(folder), "source", "--download-only",
                     "%s/%s" % (package, release), cwd=str(folder))
            except Unobtainable as error:
                problem = error  # the tar itself may have come all the same
            archives = sorted(folder.glob("%s_*.orig.tar.*" % package))
            archives = [path for path in archives if path.suffix != ".asc"]
            if archives:
                return unpack(archives[0], target)
        raise problem or Unobtainable("%s has no upstream tar" % package)


# ---- npm ------------------------------------------------------------------------------------

def npm_package(name, version, helpers=()):
    """The folder of an installed package, its helpers installed beside it."""
    home = CACHE / ("npm-%s-%s" % (name, version))
    with locked(name):
        if not (home / "ready").exists():
            home.mkdir(parents=True, exist_ok=True)
            (home / "package.json").write_text('{"private": true}\n')
            tool("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent",
                 "%s@%s" % (name, version), *helpers, cwd=str(home))
            (home / "ready").touch()
    return home / "node_modules" / name


# ---- Go -------------------------------------------------------------------------------------

GO_CLIENT = "github.com/rabbitmq/amqp091-go"
GOPATH = pathlib.Path("/usr/share/gocode")  # where Debian's packages put sources


def go_program(name, *arguments):
    """Compile with `go ARGUMENTS -o PROGRAM WHAT` and Debian's packages alone; the program."""
    *options, what = arguments
    if not shutil.which("go") or not (GOPATH / "src" / GO_CLIENT).exists():
        raise Unobtainable("golang-go or golang-github-rabbitmq-amqp091-go-dev is missing")
    environment = dict(os.environ, GO111MODULE="off", GOPATH=str(GOPATH), CGO_ENABLED="0",
                       GOCACHE=str(CACHE / "go" / "cache"), GOFLAGS="-p=2")
    program = CACHE / "go" / name
    with locked("go"):
        subprocess.run(["go"] + options + ["-o", str(program), what], env=environment, check=True,
                       timeout=300)
    return program


# ---- results --------------------------------------------------------------------------------

def exclusions(name):
    """{test: reason} from the tsv beside the runner: what doesn't pass on RabbitMQ 3.10 either."""
    rows = {}
    for line in (HERE / (name + ".tsv")).read_text().splitlines():
        if line and not line.startswith("#"):
            test, _, reason = line.partition("\t")
            rows[test] = reason
    return rows


def result(passed=0, failed=0, skipped=0, note=""):
    print("RESULT passed=%d failed=%d skipped=%d %s" % (passed, failed, skipped, note))
    return 1 if failed else 0


def main(suite):
    """Run suite(); Unobtainable becomes a skipped suite."""
    try:
        sys.exit(suite())
    except Unobtainable as error:
        sys.exit(result(skipped=1, note="skipped: %s" % error))


def broker_address():
    """(host, port) of AMQP_URL"""
    return harness.wire.parse_url(os.environ.get("AMQP_URL"))[:2]
