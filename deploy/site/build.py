"""Build the course as plain files that any web server can offer: `make site` writes _site/.

    npm: pyodide ────────────┐
    PyPI: pure wheels ───────┼─► static/pyodide, with a lock file of our own ─┐
    this tree: mailcourse ───┘                                                ├─► JupyterLite, start page, reading
    notebooks, exercises ──────► files ────────────────────────────────────────┘

What was fetched is kept in .cache/site; the second build asks nobody.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import reading

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = ROOT / ".cache" / "site"
PYODIDE = "pyodide@314.0.7"
#: Files of Pyodide that a kernel loads.
PYODIDE_FILES = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
#: Extensions of JupyterLab that the lessons use.
EXTENSIONS = ("@jupyterlite/pyodide-kernel-extension", "@jupyter-widgets/jupyterlab-manager", "anywidget")
LABEXTENSIONS = "share/jupyter/labextensions"
PYTHON = "Scripts/python.exe" if os.name == "nt" else "bin/python"
KERNEL = "@jupyterlite/pyodide-kernel-extension:kernel"
#: Parts of wheels that a kernel in a page does without: what is compiled (MarkupSafe works without), types of packages
#: that are not there (jedi has those of Django, TensorFlow and 180 more), and of the course's own what is beside it as
#: files, what marks a class, and what goes into an installed JupyterLab.
UNUSED = re.compile(r"\.so$|/third_party/(django-stubs|typeshed/stubs)/")
BESIDE = re.compile(r"^mailcourse/(notebooks|exercises|docs|marking)/|^mailcourse-[^/]*\.data/")
#: Packages of which only the extension of JupyterLab is used.
ONLY_EXTENSIONS = ("jupyterlab_widgets",)
#: What the kernel's extension brings itself, and would else fetch one after the other.
KERNEL_WHEELS = ("pyodide_kernel", "piplite", "ipykernel")


def fetch_npm(package: str) -> Path:
    """Return the folder with a package of npm."""
    folder = CACHE / re.sub(r"\W+", "-", package).strip("-")
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        done = run("npm", "pack", "--silent", "--pack-destination", str(CACHE), package)
        archive = CACHE / done.strip().splitlines()[-1]
        with tarfile.open(archive) as packed:
            packed.extractall(folder.with_suffix(".new"), filter="data")
        archive.unlink()
        folder.with_suffix(".new").rename(folder)
    return folder / "package"


def packages() -> list[str]:
    """Return the lines of packages.txt."""
    lines = (HERE / "packages.txt").read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def builder() -> Path:
    """Return an environment with JupyterLite and the extensions of the site, and with nothing else."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    wanted = [
        *extras["site"],
        *(line for line in packages() if line.split("==")[0] in ("anywidget", *ONLY_EXTENSIONS)),
    ]
    folder = CACHE / f"env-{hashlib.sha256(' '.join([sys.version, *wanted]).encode()).hexdigest()[:12]}"
    if not folder.exists():
        new = CACHE / "env"
        shutil.rmtree(new, ignore_errors=True)
        venv.create(new, with_pip=True)
        run(str(new / PYTHON), "-m", "pip", "--quiet", "--disable-pip-version-check", "install", *wanted)
        folder.symlink_to(new.name)
    return folder


def fetch_wheels() -> list[Path]:
    """Return the wheels of packages.txt, each pure Python."""
    wanted = [name for name in packages() if name.split("==")[0] not in ONLY_EXTENSIONS]
    folder = CACHE / f"wheels-{hashlib.sha256(' '.join(wanted).encode()).hexdigest()[:12]}"
    if not folder.exists():
        new = folder.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        target = ["--implementation", "py", "--abi", "none", "--platform", "any", "--python-version", "3.14"]
        ready = [name for name in wanted if name.split("==")[0] not in ("dkimpy", "markupsafe")]
        pip("download", "--no-deps", "--only-binary=:all:", *target, "--dest", str(new), *ready)
        pip("wheel", "--no-deps", "--wheel-dir", str(new), *(name for name in wanted if name not in ready))
        for wheel in new.glob("*.whl"):
            if not wheel.name.endswith("none-any.whl") or wheel.name.startswith("jedi-"):
                thinned(wheel, UNUSED)
        new.rename(folder)
    return sorted(folder.glob("*.whl"))


def thinned(wheel: Path, spare: re.Pattern[str]) -> Path:
    """Write a wheel again without the files that `spare` is found in, as a wheel of pure Python; return its path."""
    name = "-".join(wheel.name.split("-")[:2]) + "-py3-none-any.whl"
    record, new = "", wheel.with_name(f"new-{name}")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as made:
        for item in old.namelist():
            data = old.read(item)
            if item.endswith(".dist-info/RECORD"):
                place = item
            elif not spare.search(item):
                if item.endswith(".dist-info/WHEEL"):
                    data = re.sub(rb"(?m)^Tag: .*$", b"Tag: py3-none-any", data).replace(b"lib: false", b"lib: true")
                made.writestr(item, data)
                digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
                record += f"{item},sha256={digest},{len(data)}\n"
        made.writestr(place, f"{record}{place},,\n")
    wheel.unlink()
    return new.rename(wheel.with_name(name))


def own_wheel(folder: Path) -> Path:
    """Build the wheel of this tree, without what the site has beside it, or what a page cannot run."""
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT))
    return thinned(next(folder.glob("mailcourse-*.whl")), BESIDE)


def lock(wheels: list[Path], info: dict[str, str]) -> dict[str, object]:
    """Return Pyodide's lock file with these wheels and nothing else: nothing can be asked for elsewhere."""
    return {"info": info, "packages": {entry["name"]: entry for entry in map(locked, wheels)}}


def locked(wheel: Path) -> dict[str, object]:
    """Return a wheel's entry in the lock file."""
    name, version = wheel.name.split("-")[:2]
    with zipfile.ZipFile(wheel) as packed:
        tops = {item.split("/")[0] for item in packed.namelist() if item.endswith(".py")}
    return {
        "name": re.sub(r"[-_.]+", "-", name).lower(),
        "version": version,
        "file_name": wheel.name,
        "install_dir": "site",
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "package_type": "package",
        "imports": sorted(top.removesuffix(".py") for top in tops if not top.endswith(".dist-info")),
        "depends": [],
        "unvendored_tests": False,
    }


def kernel_wheels(extension: Path) -> list[Path]:
    """Return the wheels that the kernel's extension brings along."""
    return [next((extension / "static" / "pypi").glob(f"{name}-*.whl")) for name in KERNEL_WHEELS]


def put_pyodide(site: Path, work: Path) -> list[str]:
    """Put Python and all packages into the site; return the packages' names."""
    pyodide, target = fetch_npm(PYODIDE), site / "static" / "pyodide"
    target.mkdir(parents=True)
    for name in PYODIDE_FILES:
        shutil.copy(pyodide / name, target)
    extension = builder() / LABEXTENSIONS / EXTENSIONS[0]
    wheels = [*fetch_wheels(), *kernel_wheels(extension), own_wheel(work)]
    for wheel in wheels:
        shutil.copy(wheel, target)
    made = lock(wheels, json.loads((pyodide / "pyodide-lock.json").read_text())["info"])
    (target / "pyodide-lock.json").write_text(json.dumps(made))
    return sorted(made["packages"])  # type: ignore[call-overload, no-any-return]


def contents() -> list[Path]:
    """Return the files that a learner gets, as in a folder of her own: their links to each other work."""
    found = [path for pattern in ("notebooks/*.ipynb", "exercises/*/*.ipynb") for path in sorted(ROOT.glob(pattern))]
    return [*found, *(ROOT / "docs" / f"{name}.md" for name in reading.PAGES)]


def build_lite(site: Path, work: Path, names: list[str]) -> None:
    """Let JupyterLite make its pages around the notebooks."""
    files = work / "files"
    for path in contents():
        place = files / path.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    kernel = {
        "pyodideUrl": "./static/pyodide/pyodide.mjs",
        "disablePyPIFallback": True,
        "loadPyodideOptions": {"packages": names},
    }
    page = {
        "appName": "mailcourse",
        "litePluginSettings": {KERNEL: kernel},
        "disabledExtensions": DISABLED,
        "exposeAppInBrowser": True,
    }
    (work / "jupyter-lite.json").write_text(json.dumps({"jupyter-lite-schema-version": 0, "jupyter-config-data": page}))
    (work / "overrides.json").write_text(json.dumps(SETTINGS))
    shared = builder() / LABEXTENSIONS
    build = {
        "federated_extensions": [str(shared / name) for name in EXTENSIONS],
        "ignore_sys_prefix": ["federated_extensions"],
        "contents": [str(files)],
        "apps": ["lab"],
        "no_sourcemaps": True,
    }
    (work / "jupyter_lite_config.json").write_text(json.dumps({"LiteBuildConfig": build}))
    run(str(builder() / PYTHON), "-m", "jupyterlite_core.app", "build", "--output-dir", str(site), folder=work)


#: What JupyterLab's own page is given beside its own.
HEAD = '<link rel="icon" href="../icon-120x120.png"><script type="module" src="../static/page.js"></script>'
#: What no page asks for: settings of the builder, and older forms of the letters with icons.
SPARE = ("rspack.config*", "build/*.svg", "build/*.eot", "build/*.ttf", "build/*LICENSE*", "build/third-party*")
DISABLED = [
    "@jupyterlab/extensionmanager-extension",
    "@jupyterlab/completer-extension:inline-completer",
]
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}


def run(*command: str, folder: Path | None = None) -> str:
    """Run a command, return what it printed; show that and stop when it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return done.stdout


def pip(*command: str) -> None:
    """Run pip."""
    run(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *command)


def main(target: str = "_site") -> None:
    """Build the site."""
    site, work = ROOT / target, CACHE / "work"
    for folder in (site, work):
        shutil.rmtree(folder, ignore_errors=True)
    work.mkdir(parents=True)
    build_lite(site, work, put_pyodide(work / "out", work))
    shutil.copytree(work / "out" / "static" / "pyodide", site / "static" / "pyodide", dirs_exist_ok=True)
    reading.make(site, ROOT)
    for pattern in SPARE:
        for path in site.glob(pattern):
            path.unlink()
    lab = site / "lab" / "index.html"
    shutil.copy(HERE / "page.js", site / "static" / "page.js")
    lab.write_text(lab.read_text().replace("</head>", f"{HEAD}</head>", 1))
    shutil.rmtree(work)
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    print(f"{site}: {size / 1e6:.0f} MB. Serve it: {sys.executable} -m http.server --directory {target}")


if __name__ == "__main__":
    main(*sys.argv[1:])
