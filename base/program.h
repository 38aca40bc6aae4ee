// SPDX-License-Identifier: Apache-2.0
// The users and places that a program of ours runs as and in, named once.
#pragma once

#define USER_REPOD  "bpfseal-repod"
#define USER_SIGNER "bpfseal-sign"
#define USER_FETCH  "bpfseal-fetch"
#define USER_LOADER "bpfseal-loader"
#define GROUP_STORE "bpfseal" // who may read the node's store

#define DIR_CONFIG "/etc/bpfseal"
#define DIR_STORE  "/var/lib/bpfseal/store"
#define DIR_LOADER "/var/lib/bpfseal-loader"
#define DIR_REPOD  "/var/lib/bpfseal-repod"
#define DIR_SIGNER "/var/lib/bpfseal-sign"
#define DIR_BPFFS  "/sys/fs/bpf/bpfseal"
