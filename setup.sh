#!/bin/sh
# Make the virtual environment in the folder $1 with the extras $2 of pyproject.toml, or say plainly what is missing.
set -eu
venv=$1
extras=${2:-grading}
python=${PYTHON:-python3}

say() { printf '%s\n' "$@" >&2; }

# The newest suitable Python, unless one was named.
if [ "$python" = python3 ]; then
  for name in python3.14 python3.13 python3.12 python3.11 python3; do
    if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      python=$name
      break
    fi
  done
fi
if ! command -v "$python" >/dev/null 2>&1; then
  say "Python is missing. Install Python 3.11 or newer, then call make again." \
      "  Debian, Ubuntu: sudo apt install python3 python3-venv" \
      "  macOS:          brew install python   Others: the installer of python.org"
  exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  say "$("$python" --version) is too old: the course needs Python 3.11 or newer." \
      "Install one, then call: make PYTHON=python3.12 lab"
  exit 1
fi
if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
  say "$("$python" --version) has no venv module. Install it, then call make again." \
      "  Debian, Ubuntu: sudo apt install python3-venv"
  exit 1
fi

say "Setting up the course in $venv with $("$python" --version). This is done once and takes a minute or two."
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --upgrade 'pip>=25'
# Python compiles a module when it is first used: for students most never are, and that saves 70 MB.
lean=--no-compile
[ "$extras" = dev ] || [ -n "${PYTHONDONTWRITEBYTECODE:-}" ] && lean=
"$venv/bin/python" -m pip install --quiet $lean --editable ".[$extras]"
