// SPDX-License-Identifier: Apache-2.0
// Canonical JSON by an independent writer, in the frames of canon.c: documents on stdin, canonical forms on stdout.
'use strict';
const fs = require('fs');
const { canonicalize } = require('@tufjs/canonical-json');

const input = fs.readFileSync(0);
const out = [];
for (let at = 0; at < input.length; ) {
	const line = input.indexOf(10, at);
	const len = Number(input.toString('latin1', at, line));
	const text = input.toString('utf8', line + 1, line + 1 + len);
	at = line + 1 + len + 1;
	try {
		const form = Buffer.from(canonicalize(JSON.parse(text)));
		out.push(Buffer.from(`${form.length}\n`), form, Buffer.from('\n'));
	} catch (error) {
		out.push(Buffer.from(`refused ${error.name}\n`));
	}
}
fs.writeFileSync(1, Buffer.concat(out));
