#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# setup.sh [--tests] [--live] [--peers] [--capture] [--preset NAME | --no-build]: installs what is missing on Debian 12, builds.
#
# Asks dpkg first: where all is there, it needs neither network nor root. --tests also installs what only the tests
# use, --live what bench/live.py drives traffic with, --peers other stream engines to run side by side (bench/peers),
# --capture what traces/capture.py needs to make the golden traces anew. The preset is `release` unless told.
set -euo pipefail

# "a|b": either will do, the first is preferred.

# To build: compiler, CMake, libraries.
build=(
    build-essential cmake ninja-build pkg-config
    libpcap-dev       # flow matches: the filter compiler
    libxxhash-dev     # hash of the session table
    libjansson-dev    # JSON
    libssl-dev        # digests
    libconfig-dev     # flowos.conf
    libcap-ng-dev     # the middlebox gives up capabilities
    libseccomp-dev    # and system calls
    libck-dev         # queues between its workers
    libtrace3-dev     # every capture format that is neither pcap nor pcapng; GPL, loaded when needed
    libxdp-dev        # an interface by AF_XDP; without it that port says that it is missing
    zlib1g-dev
    "libvectorscan-dev|libhyperscan-dev" # modules/grep
    libhtp-dev        # modules/http
    libcmocka-dev     # unit tests are built with the rest
)
# To run: plots, the oracle.
run=("gnuplot-nox|gnuplot-qt|gnuplot-x11" python3)
# For the tests alone: the list of files, a second compiler, sanitizers, other programs' opinion of a stream, peers, namespaces,
# instruction counts.
tests=(git clang libclang-rt-14-dev clang-format tshark libnids-dev libnet1-dev iproute2 valgrind ethtool curl procps tcpdump
    "nginx-light|nginx" openssl nftables iperf3 wrk)
# bench/live.py: traffic through the middlebox, a bridge and a plain forwarder; the tests of the same.
live=(iproute2 ethtool procps iperf3 wrk curl openssl "nginx-light|nginx" python3 "gnuplot-nox|gnuplot-qt|gnuplot-x11")
# Other stream engines: bench/peers builds adapters for those that are there.
peers=(golang-go golang-github-google-gopacket-dev tshark tcpflow libnids-dev libnet1-dev)
# To capture the golden traces anew.
capture=(
    iproute2 ethtool nftables tcpdump strace
    "nginx-light|nginx" curl openssl openssh-client openssh-server dnsmasq-base bind9-dnsutils
)

say() { printf '%s\n' "$*" >&2; }
die() { say "setup.sh: $*"; exit 2; }

wanted=("${build[@]}" "${run[@]}")
preset=release
while [ $# -gt 0 ]; do
    case $1 in
    --tests) wanted+=("${tests[@]}") ;;
    --live) wanted+=("${live[@]}") ;;
    --peers) wanted+=("${peers[@]}") ;;
    --capture) wanted+=("${capture[@]}") ;;
    --preset) [ $# -gt 1 ] || die "--preset needs a name"; preset=$2; shift ;;
    --no-build) preset= ;;
    -h | --help) sed -n '4,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) die "unknown option $1 (see --help)" ;;
    esac
    shift
done
cd "$(dirname "${BASH_SOURCE[0]}")/.."

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# Of the alternatives, the one that is installed; fails when none is.
any_installed() {
    local name
    for name in ${1//|/ }; do
        installed "$name" && return 0
    done
    return 1
}

# Of the alternatives, the first that apt knows of; the first where it knows of none.
available() {
    local name
    for name in ${1//|/ }; do
        apt-cache show "$name" >/dev/null 2>&1 && break
        name=
    done
    echo "${name:-${1%%|*}}"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    elif [ -t 0 ]; then
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

install_missing() {
    local group name missing=() names=()

    for group in "${wanted[@]}"; do
        any_installed "$group" || missing+=("$group")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        die "not root, and there is no sudo. As root: apt-get install ${missing[*]%%|*}"
    fi
    say "to install: ${missing[*]}"
    as_root apt-get update -q >&2 || say "apt-get update failed; trying with the lists that are here"
    for group in "${missing[@]}"; do
        names+=("$(available "$group")")
    done
    # tshark asks whether others than root may capture: its default, no, is taken.
    as_root apt-get install -q -y --no-install-recommends "${names[@]}" >&2 ||
        die "apt-get could not install: ${names[*]}"
}

if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
    install_missing
else
    say "no apt-get here: taking for granted what Debian 12 calls ${wanted[*]}"
fi

if [ -n "$preset" ]; then
    if ! said=$(cmake --preset "$preset" 2>&1); then
        say "$said"
        die "cmake cannot configure the preset $preset"
    fi
    cmake --build --preset "$preset" >&2 || die "the build failed"
fi
