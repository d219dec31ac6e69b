#!/usr/bin/env python3
"""Drives the real vt-py, VirusTotal's client for Python, through a gateway.

    cargo build
    python3 system-tests/drop_in.py [--binary target/debug/vt4ai] [--only suite,demo,pages,exact,stream,quota]

Everything listens on 127.0.0.1 and is stopped at the end. vt-py 0.22.0 and what its tests need are installed from
PyPI into a folder beside the build, once.

  suite  vt-py's own tests, with the gateway put between the client and their server
  demo   objects, lists of more than 40, scans, uploads, comments, errors and quotas against `vt4ai --demo`
  pages  feeds, downloads, rulesets and redirects against a scripted server
  stream a download of 500 MB, while which the gateway's memory may grow by 2 MB
  exact  200 odd paths and queries: the server gets through the gateway what it gets directly, byte for byte
  quota  500 lookups of 100 files by 10 clients at 40 a minute: no error, and 100 units. It takes over two minutes, and
         only runs if it is named

Exit status: 0; 1 if something is not as it should be; 2 if it can't be tried.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import venv

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent
VERSION = "0.22.0"
PARTS = ["suite", "demo", "pages", "exact", "stream"]
SLOW_PARTS = ["quota"]
# Flask is for one of vt-py's own tests.
PACKAGES = [f"vt-py=={VERSION}", "pytest==8.*", "pytest-httpserver==1.*", "pytest-asyncio==1.*", "flask==3.*"]
# The application that vt-py's repository has beside its tests, and that its archive on PyPI lacks.
WSGI_APP = '''"""An application that uses vt-py."""
import flask
import vt

app = flask.Flask(__name__)


@app.get("/")
def home():
    with vt.Client("dummy_api_key") as client:
        return flask.jsonify(client.get_json("/domains/google.com"))
'''


def target_folder():
    """The folder of the build."""
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def install():
    """Makes an environment with vt-py, and unpacks its tests. Returns the interpreter and the folder of the tests."""
    folder = target_folder() / f"vt-py-{VERSION}"
    python, tests = folder / "env/bin/python", folder / f"vt_py-{VERSION}"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder / "env", with_pip=True)
        pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", *PACKAGES], check=True)
        subprocess.run([*pip, "download", "--no-deps", "--no-binary", "vt-py", "--dest", folder, f"vt-py=={VERSION}"],
                       check=True)
        with tarfile.open(folder / f"vt_py-{VERSION}.tar.gz") as archive:
            # Pythons before 3.11.4 have no such filter.
            archive.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
        (tests / "tests/__init__.py").touch()
        (tests / "tests/wsgi_app.py").write_text(WSGI_APP, encoding="utf-8")
        (folder / "done").touch()
    return python, tests


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, default=target_folder() / "debug/vt4ai")
    parser.add_argument("--only", default=",".join(PARTS), help="the parts to run, separated by commas")
    arguments = parser.parse_args()
    parts = arguments.only.split(",")
    unknown = set(parts) - set(PARTS) - set(SLOW_PARTS)
    if unknown or not arguments.binary.exists():
        parser.error(f"unknown parts: {sorted(unknown)}" if unknown else f"{arguments.binary} is missing: build it first")
    try:
        python, tests = install()
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"vt-py can't be installed: {error}", file=sys.stderr)
        return 2
    environment = os.environ | {
        "VT4AI_BINARY": str(arguments.binary.resolve()),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(ROOT / "system-tests"),
    }
    # Proxies are for what is beyond this machine.
    environment = {name: value for name, value in environment.items() if not name.lower().endswith("_proxy")}
    failed = []
    for part in parts:
        print(f"--- {part}", flush=True)
        if part == "suite":
            command = [python, "-m", "pytest", "-q", "-p", "drop_in.between", "-p", "no:cacheprovider", "tests"]
            folder = tests
        else:
            command, folder = [python, "-m", f"drop_in.{part}"], ROOT
        if subprocess.run(command, cwd=folder, env=environment, check=False).returncode:
            failed.append(part)
    print(f"failed: {', '.join(failed)}" if failed else "all parts passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
