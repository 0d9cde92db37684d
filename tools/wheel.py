"""Takes one executable out of a Python wheel: wheel.py NAME==VERSION SCRIPT ARCH OUT [--stub]

The wheel comes by pip where pip exists, so that the host's index, proxy and certificate settings count;
without pip, from the simple index that PIP_INDEX_URL or a pip.conf names. With --stub only the ELF file
proper is written: `deno compile` appends the program behind the section header table of the stub.
The caller checks the hash of OUT.
"""

import configparser
import glob
import html.parser
import os
import re
import shutil
import ssl
import struct
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
import zipfile


def pip_command():
    """The argv prefix of a pip that runs, or None."""
    for argv in ([sys.executable, "-m", "pip"], ["pip3"], ["pip"]):
        try:
            subprocess.run(argv + ["--version"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            return argv
        except (OSError, subprocess.CalledProcessError):
            continue
    return None


def by_pip(pip, requirement, platform, folder):
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
    # A wheel for the platform, whatever libc pip believes it runs on.
    options += ["--platform", platform, "--dest", folder]
    if subprocess.run(pip + ["download"] + options + [requirement], stdout=sys.stderr).returncode != 0:
        sys.exit("wheel.py: pip could not get " + requirement)


def index_url():
    """The simple index of the environment or of the first pip.conf that names one."""
    if os.environ.get("PIP_INDEX_URL"):
        return os.environ["PIP_INDEX_URL"]
    home = os.path.expanduser("~")
    config_home = os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    for path in (
        os.environ.get("PIP_CONFIG_FILE", ""),
        os.path.join(config_home, "pip", "pip.conf"),
        os.path.join(home, ".pip", "pip.conf"),
        "/etc/pip.conf",
    ):
        parser = configparser.RawConfigParser()
        if path and parser.read(path) and parser.has_option("global", "index-url"):
            return parser.get("global", "index-url")
    return None


class Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.hrefs = []

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self.hrefs.append(dict(attrs).get("href") or "")


def by_index(requirement, platform, folder):
    base = index_url()
    if base is None:
        sys.exit("wheel.py: no pip, and no index-url in PIP_INDEX_URL or a pip.conf")
    name, version = requirement.split("==")
    authority = next((os.environ[k] for k in ("PIP_CERT", "REQUESTS_CA_BUNDLE") if os.environ.get(k)), None)
    # Without a bundle of pip's own, SSL_CERT_FILE and the host's store count.
    context = ssl.create_default_context(cafile=authority)
    page = base.rstrip("/") + "/" + name + "/"
    with urllib.request.urlopen(page, timeout=60, context=context) as reply:
        links = Links()
        links.feed(reply.read().decode())
    prefix = re.sub(r"[-_.]+", "_", name) + "-" + version + "-"
    for href in links.hrefs:
        url = urllib.parse.urldefrag(urllib.parse.urljoin(page, href)).url
        file = urllib.parse.unquote(url.rsplit("/", 1)[-1])
        if file.startswith(prefix) and file.endswith(".whl") and platform in file:
            with urllib.request.urlopen(url, timeout=60, context=context) as reply:
                with open(os.path.join(folder, file), "wb") as out:
                    shutil.copyfileobj(reply, out)
            return
    sys.exit("wheel.py: the index has no wheel of %s for %s" % (requirement, platform))


def elf_length(head):
    """Where a 64-bit little-endian ELF file ends: behind its section header table."""
    if head[:6] != b"\x7fELF\x02\x01":
        sys.exit("wheel.py: not a 64-bit ELF file")
    (offset,) = struct.unpack_from("<Q", head, 0x28)
    size, count = struct.unpack_from("<HH", head, 0x3A)
    return offset + size * count


def main():
    requirement, script, arch, out = sys.argv[1:5]
    platform = "manylinux_2_27_" + arch
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(out))) as folder:
        pip = pip_command()
        if pip:
            by_pip(pip, requirement, platform, folder)
        else:
            try:
                by_index(requirement, platform, folder)
            except OSError as error:
                sys.exit("wheel.py: the index: %s" % error)
        with zipfile.ZipFile(glob.glob(os.path.join(folder, "*.whl"))[0]) as wheel:
            member = next(n for n in wheel.namelist() if n.endswith(".data/scripts/" + script))
            content = wheel.read(member)
    if "--stub" in sys.argv[5:]:
        content = content[: elf_length(content[:64])]
    with open(out, "wb") as target:
        target.write(content)


main()
