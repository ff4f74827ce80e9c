#!/bin/sh
# Makes a virtual environment and fills it from the lock; every refusal is one sentence.
#
#   setup.sh venv DIR PYTHON     create DIR unless it works already
#   setup.sh install DIR         install the locked dependencies and this checkout
set -eu

suits() { # a Python that runs, is new enough and can make environments with pip in them
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

refuse() {
    echo "apdbg: $1" >&2
    exit 1
}

# A pyenv shim answers to its name even where no such version is chosen: only running it tells.
choose() {
    for candidate in "$1" python3.14 python3.13 python3.12 python3.11; do
        if suits "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    found=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) ||
        refuse "there is no working $1: install Python 3.11 or newer, or name one: make PYTHON=..."
    if "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        refuse "$1 is Python $found but lacks venv or ensurepip: on Debian and Ubuntu install python3-venv"
    fi
    refuse "$1 is Python $found, and 3.11 or newer is needed: install one, or name it: make PYTHON=..."
}

case $1 in
venv)
    if ! suits "$2/bin/python" || ! "$2/bin/python" -c 'import pip' 2>/dev/null; then
        python=$(choose "$3")
        echo "making $2 with $("$python" -V)"
        "$python" -m venv --clear "$2"
    fi
    ;;
install)
    export PIP_DISABLE_PIP_VERSION_CHECK=1
    echo "installing what requirements.lock names (a minute or so the first time)"
    "$2/bin/python" -m pip install -qq --require-hashes -r requirements.lock
    "$2/bin/python" -m pip install -qq --no-deps --no-build-isolation --editable .
    ;;
*)
    refuse "setup.sh: $1: venv or install is meant"
    ;;
esac
