#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bpfseal doctor on a node that is sound, and on one where one thing at a time is amiss.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tap.sh"
kernel_world
world_wire
quiet world_team
quiet release "$SOURCE/bpf/allow.json" "$SOURCE/bpf/ratelimit.json" "$SOURCE/bpf/count.json"
quiet pin
write_node "$URL" 1.0.0

# amiss SENTENCE LINE FIX: status 8, and the line with its fix
amiss() {
	ends "$1" 8 node doctor
	check '... in its line' said "^failed   $2"
	check '... with the fix' said "^         fix: $3"
}
# grade CHECK: what the document says of it
grade() { node doctor --json 2>/dev/null | jq -r --arg check "$1" '.findings[] | select(.check == $check) | .grade'; }

ends 'before the first sync and apply nothing has failed' 0 node doctor
check '... and what is to be done is told' said "fix: run 'bpfseal sync', then 'bpfseal apply'"
quiet bpfseal sync
quiet node apply
ends 'a sound node' 0 node doctor
check '... is told so, line by line' sh -c "[ \$(grep -c '^ok       ' $R/tap.out) -ge 15 ] && ! grep -q '^failed\|^unknown' $R/tap.out"
check '... until when its metadata is good' said '^ok       repository corp: what was fetched is good until 20'
check '... in one document' sh -c "nsenter --net=/run/netns/$NS $BIN/bpfseal doctor --json --root $R | jq -e '.schema == \"bpfseal.doctor/1\" and .ok'"
# Another test's fetcher may run on this machine at the same moment: users are the machine's own.
check 'nobody fetches by schedule, which is a warning' sh -c "[ '$(grade schedule)' = warning ] || pgrep -u bpfseal-fetch >/dev/null"
# A machine whose systemd starts what tells the counters, and nothing that fetches.
timers=$R/etc/systemd/system/timers.target.wants
mkdir -p "$timers" "$R/run/systemd/system"
ln -s /usr/lib/systemd/system/bpfseal-metrics.timer "$timers/"
node doctor >"$R/tap.out"
check '... nor does a timer of something else' sh -c "! grep -q 'schedule: bpfseal-metrics.timer' $R/tap.out"
fixed() { said 'fix: systemctl enable --now bpfseal-sync.timer' || pgrep -u bpfseal-fetch >/dev/null; }
check '... and the timer to enable is named' fixed
ln -s /usr/lib/systemd/system/bpfseal-sync.timer "$timers/"
node doctor >"$R/tap.out"
check '... until it is' said '^ok       schedule: bpfseal-sync.timer is enabled'
rm -r "$R/run/systemd"
"$BIN/bpfseal" sync --every 60s --root "$R" >"$R/sync.log" 2>&1 &
PIDS="$PIDS $!"
has_schedule() { [ "$(grade schedule)" = ok ]; }
check '... or somebody fetches without' until_so has_schedule

chmod 777 "$R/var/lib/bpfseal/store"
amiss 'a store that others can write' "$R/var/lib/bpfseal/store: has mode" 'chown bpfseal-fetch .* && chmod 2750'
sh -c "$(sed -n "s/^         fix: \(chown bpfseal-fetch .*\)/\1/p" "$R/tap.out")"
ends '... is mended by it' 0 node doctor
chown root "$R/var/lib/bpfseal-loader"
amiss 'a directory of somebody else' "$R/var/lib/bpfseal-loader: belongs to uid 0" 'chown bpfseal-loader'
chown bpfseal-loader "$R/var/lib/bpfseal-loader"
mv "$R/etc/bpfseal/trust/corp" "$R/corp"
amiss 'a repository whose pin is gone' 'pin of corp: ' '.*bpfseal trust add'
mv "$R/corp" "$R/etc/bpfseal/trust/corp"
quiet node map set net/ratelimit rl_config 0 2000 --interface eth0
sed -i 's/"event":"apply"/"event":"appli"/' "$R/var/lib/bpfseal-loader/audit.log"
amiss 'an audit log that somebody wrote to' 'audit log: audit record 1 does not follow' 'somebody wrote to it'
sed -i 's/"event":"appli"/"event":"apply"/' "$R/var/lib/bpfseal-loader/audit.log"
cp "$R/etc/bpfseal/node.json" "$R/node.json"
sed -i 's/"use"/"sue"/' "$R/etc/bpfseal/node.json"
ends 'a node.json that is refused' 8 node doctor
check '... with its place' said '^failed   node.json: .*node.json:[0-9]*:[0-9]*'
cp "$R/node.json" "$R/etc/bpfseal/node.json"
printf x >>"$R/etc/bpfseal/trust/corp/root.json"
ends 'a pin that was changed' 8 node doctor
check '... in its line' said '^failed   pin of corp: '
truncate -s -1 "$R/etc/bpfseal/trust/corp/root.json"

ends 'without privileges it looks as far as it can' 0 setpriv --reuid=nobody --regid=nogroup --clear-groups "$BIN/bpfseal" doctor --root "$R"
check '... and says what it could not look at' said '^unknown  bpf: .*'
check '... and how to' said 'fix: run this as root'
quiet node unload
umount "$R/sys/fs/bpf"
amiss 'no BPF file system' "bpffs: no BPF file system is mounted at $R/sys/fs/bpf" 'mount -t bpf bpf'
done_testing
