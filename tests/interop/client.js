// SPDX-License-Identifier: Apache-2.0
// The independent client: refreshes, then downloads.
//   client.js [--targets-max BYTES] METADATA_DIR METADATA_URL [TARGET_DIR TARGET_URL TARGET...]
// METADATA_DIR holds the trusted root.json. Exit status 0 or 1.
'use strict';
const { Updater } = require('tuf-js');

const words = process.argv.slice(2);
const config = { fetchRetry: 0 };
if (words[0] === '--targets-max') {
	config.targetsMaxLength = Number(words[1]);
	words.splice(0, 2);
}
const [metadataDir, metadataBaseUrl, targetDir, targetBaseUrl, ...targets] = words;

async function main() {
	const updater = new Updater({ metadataDir, metadataBaseUrl, targetDir, targetBaseUrl, config });
	await updater.refresh();
	for (const path of targets) {
		const target = await updater.getTargetInfo(path);
		if (!target) throw new Error(`nobody signed ${path}`);
		if (!(await updater.findCachedTarget(target))) await updater.downloadTarget(target);
	}
}

main().catch((error) => {
	console.error(error);
	process.exit(1);
});
