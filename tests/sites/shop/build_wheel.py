"""Builds a wheel of lino-shop: ``build_wheel.py VERSION DIRECTORY``.

By hand, since it needs neither setuptools nor the network that way.
"""

import base64
import hashlib
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def contents(version):
    for path in sorted((HERE / "lino_shop").rglob("*.py")):
        yield path.relative_to(HERE).as_posix(), path.read_text("utf-8")
    info = "lino_shop-%s.dist-info/" % version
    yield info + "METADATA", (
        "Metadata-Version: 2.1\nName: lino-shop\nVersion: %s\n"
        "Summary: A small Lino application for tests\nRequires-Dist: lino\n" % version)
    yield info + "WHEEL", (
        "Wheel-Version: 1.0\nGenerator: build_wheel\n"
        "Root-Is-Purelib: true\nTag: py3-none-any\n")


def main(version, directory):
    record = []
    target = Path(directory) / ("lino_shop-%s-py3-none-any.whl" % version)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, text in contents(version):
            if name == "lino_shop/version.py":
                text = '__version__ = "%s"\n' % version
            data = text.encode()
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
            record.append("%s,sha256=%s,%d" % (
                name, digest.decode().rstrip("="), len(data)))
            wheel.writestr(name, data)
        name = "lino_shop-%s.dist-info/RECORD" % version
        wheel.writestr(name, "\n".join(record + [name + ",,", ""]))


main(*sys.argv[1:])
