# SPDX-License-Identifier: Apache-2.0
# Reads a trace of nth.c. Would a loss of power at any instant leave old or new? Ends with 1 and says why if not.
#   -v commit=NAME   the rename onto NAME makes the new state visible: by then all else must be on the disk
#   -v only=REGEX    paths that matter (others keep their own order, such as the database's log)
function parent(path) { sub("/[^/]*$", "", path); return path }
function complain(text) { print "line " NR ": " text; wrong = 1 }
function within(path, dir) { return substr(path, 1, length(dir) + 1) == dir "/" }
# Bytes and names that are not yet on the disk: loose[PATH], new[PATH].
function check_before(from, visible, path) {
	for (path in loose)
		if (path == from || within(path, from) || visible)
			complain($3 " becomes visible before the bytes of " path " are durable")
	for (path in new)
		if (within(path, from) || (visible && path != from))
			complain($3 " becomes visible before the name " path " is durable")
}
$2 !~ only { next }
$1 == "make" { loose[$2]; new[$2]; next }
$1 == "write" { loose[$2]; next }
$1 == "sync-file" { delete loose[$2]; next }
$1 == "sync-dir" {
	for (path in new)
		if (parent(path) == $2)
			delete new[path]
	next
}
$1 == "make-dir" || $1 == "symlink" { new[$2]; next }
$1 == "unlink" { delete loose[$2]; new[$2]; next }
$1 == "link" { check_before($2, 0); new[$3]; next }
$1 == "rename" {
	visible = $3 ~ "/" commit "$"
	commits += visible
	check_before($2, visible)
	delete new[$2]
	new[$3]
}
END {
	for (path in loose)
		complain("the bytes of " path " never become durable")
	for (path in new)
		complain("the name " path " never becomes durable")
	if (commits != 1)
		complain(commits + 0 " renames onto " commit ", not one")
	exit wrong
}
