#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Over TLS: everything is fetched from a server whose certificate is good, from any other nothing, and who has to do what about
# it is said.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tap.sh"
command -v openssl >/dev/null || skip_all 'openssl is not here'
world_begin
quiet world_team
quiet pin

certify() { # NAME SUBJECT DAYS: $R/NAME.pem by the CA $R/ca.pem
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" -keyout "$R/$1.key" -out "$R/$1.csr" &&
		echo "subjectAltName=$2" >"$R/$1.ext" &&
		openssl x509 -req -in "$R/$1.csr" -CA "$R/ca.pem" -CAkey "$R/ca.key" -CAcreateserial -days "$3" -extfile "$R/$1.ext" -out "$R/$1.pem"
}
answer() { # NAME: a server with that certificate; sets AT
	openssl s_server -quiet -accept 127.0.0.1:0 -cert "$R/$1.pem" -key "$R/$1.key" </dev/zero >"$R/$1.out" 2>&1 &
	PIDS="$PIDS $!"
	until_so listens $! || return 1
	AT=$(listens $!)
}
# What repod serves, each file as the answer of a server that knows nothing else; and that there is no later root.
copy_answers() {
	(cd "$R/var/lib/bpfseal-repod" && find metadata blobs -type f) | while read -r file; do
		mkdir -p "$R/copy/$(dirname "$file")"
		size=$(stat -c %s "$R/var/lib/bpfseal-repod/$file")
		{ printf 'HTTP/1.0 200 OK\r\nContent-Length: %s\r\n\r\n' "$size" && cat "$R/var/lib/bpfseal-repod/$file"; } >"$R/copy/$file"
	done
	printf 'HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n' >"$R/copy/metadata/2.root.json"
}
answer_all() { # NAME: the same, and it serves the copy
	cd "$R/copy" || return 1
	openssl s_server -quiet -HTTP -accept 127.0.0.1:0 -cert "$R/$1.pem" -key "$R/$1.key" </dev/null >"$R/$1.out" 2>&1 &
	PIDS="$PIDS $!"
	cd - || return 1
	until_so listens $! || return 1
	AT=$(listens $!)
}
# The port that a process listens on.
listens() {
	inodes=$(ls -l "/proc/$1/fd" | sed -n 's/.*socket:\[\([0-9]*\)\]/\1/p')
	for inode in $inodes; do
		port=$(awk -v inode="$inode" '$10 == inode && $4 == "0A" { split($2, at, ":"); print at[2] }' /proc/net/tcp)
		[ -n "$port" ] && printf '%d\n' "0x$port" && return 0
	done
	return 1
}
from() { # PORT CA-FILE
	printf '{ "repositories": { "corp": { "url": "https://127.0.0.1:%s", "ca": "%s" } } }\n' "$1" "$2" >"$R/etc/bpfseal/node.json"
	chmod 644 "$R/etc/bpfseal/node.json"
}
for ca in ca stranger; do
	quiet openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$ca" -days 2 -keyout "$R/$ca.key" -out "$R/$ca.pem"
	cp "$R/$ca.pem" "$R/etc/bpfseal/$ca.pem"
	chmod 644 "$R/etc/bpfseal/$ca.pem"
done
quiet certify good IP:127.0.0.1 2
quiet certify other DNS:other.example 2
quiet certify old IP:127.0.0.1 0
sleep 2 # its second is over

quiet copy_answers
quiet answer_all good
from "$AT" ca.pem
ends 'everything is fetched from a server that is who it should be' 0 bpfseal sync --json
check '... and is new' said '"state":"new"'

quiet answer good
from "$AT" nowhere.pem
ends 'a file of CA certificates that is not there is a mistake in the configuration' 5 bpfseal sync
check '... which is named' said 'nowhere.pem'
check '... with its key' said 'fix: "ca" of the repository in node.json'
from "$AT" stranger.pem
ends 'a certificate by a CA that is not named' 6 bpfseal sync
check '... asks for it' said "fix: name the CA that signed the server's certificate"
quiet answer old
from "$AT" ca.pem
ends 'one that has expired' 6 bpfseal sync
check '... is for the server, or the clock' said 'fix: the server needs a certificate that is valid today'
quiet answer other
from "$AT" ca.pem
ends 'one for another name' 6 bpfseal sync
check '... wants that name' said 'fix: ask for the server by a name that its certificate is for'
ends 'a publication meets the same' 6 with_keys release-1 -- bpfseal publish --dir "$R/team" --url "https://127.0.0.1:$AT" --key "$(key release-1)" --ca "$R/ca.pem"
check '... refusal' said 'fix: ask for the server by a name'
done_testing
