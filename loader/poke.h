// SPDX-License-Identifier: Apache-2.0
// Sets or deletes one entry of a running member's map by hand (`map set`, `map delete`).
#pragma once

#include <stdbool.h>

#include "base/fault.h"
#include "base/json.h"
#include "loader/peek.h"
#include "loader/running.h"

#define POKE_ALL_CPUS -1
#define POKE_EACH_CPU -2 // the value is a list of what each has, as `map get --per-cpu` tells it

struct poke {
	const struct json *key;	  // of a section the name of a variable
	const struct json *value; // NULL: delete the entry
	int cpu;		  // of a per-CPU map; or POKE_ALL_CPUS, POKE_EACH_CPU
	bool force;		  // also a map of the program's own data
};

// What was there before. The values are the caller's (poked_drop).
struct poked {
	struct json *was;  // the old value; NULL: there was none
	struct json *said; // the value of node.json, as it was applied; NULL: it has none
	bool config;	   // a config map: the next apply restores node.json's contents
	bool puts_back; // what node.json says, the next apply writes again; of a program's own only what changes there
};
void poked_drop(struct poked *poked);

// FAULT_POLICY if the map's purpose is counter, gauge or state and `force` is not set; FAULT_CONFIG if the value does not fit,
// the key to delete is not there, or the section holds constants.
int poke(const struct running *running, struct peek *peek, const struct poke *poke,
	 struct poked *out, struct fault *why) MUST_CHECK;
