#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the users and directories that the programs run as and in. Safe to run again.
#   setup.sh [--root DIR] [--bpffs]
# --root DIR: directories below DIR (users are the machine's own). --bpffs: also mount a BPF file system.
set -eu

root=
bpffs=no
while [ $# -gt 0 ]; do
	case $1 in
	--root) root=${2:?--root needs a directory}; shift 2 ;;
	--bpffs) bpffs=yes; shift ;;
	*) echo "error: unknown option $1" >&2; exit 2 ;;
	esac
done
if [ "$(id -u)" != 0 ]; then
	echo "error: only root can make users" >&2
	exit 1
fi

getent group bpfseal >/dev/null || groupadd --system bpfseal
for user in bpfseal-repod bpfseal-sign bpfseal-fetch bpfseal-loader; do
	getent passwd $user >/dev/null ||
		useradd --system --user-group --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin $user
done
# The loader reads the store; nobody else does.
usermod -a -G bpfseal bpfseal-loader

directory() { # mode owner group path
	mkdir -p "$root$4"
	chown "$2:$3" "$root$4"
	chmod "$1" "$root$4"
}
directory 0755 root root /etc/bpfseal
directory 0755 root root /etc/bpfseal/trust
directory 0755 root root /var/lib/bpfseal
directory 2750 bpfseal-fetch bpfseal /var/lib/bpfseal/store
directory 0700 bpfseal-loader bpfseal-loader /var/lib/bpfseal-loader
directory 0755 bpfseal-loader bpfseal-loader /var/lib/bpfseal-metrics
directory 0750 bpfseal-repod bpfseal-repod /var/lib/bpfseal-repod
directory 0700 bpfseal-sign bpfseal-sign /var/lib/bpfseal-sign

if [ $bpffs = yes ]; then
	mkdir -p "$root/sys/fs/bpf"
	[ "$(stat -f -c %T "$root/sys/fs/bpf")" = bpf_fs ] || mount -t bpf -o nosuid,nodev,noexec,mode=700 bpf "$root/sys/fs/bpf"
fi
