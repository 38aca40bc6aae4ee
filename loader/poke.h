// SPDX-License-Identifier: Apache-2.0
// One value of a running member's map, set or taken away by hand.
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
	const struct json *value; // NULL: the entry goes
	int cpu;		  // of a per-CPU map; POKE_ALL_CPUS, POKE_EACH_CPU
	bool force;		  // also what is not the admin's
};

// What it did. Both are yours; NULL: nothing stood there, nothing is written for it in node.json.
struct poked {
	struct json *was;  // what stood there
	struct json *said; // what node.json says of this key, as it was applied
	bool config;	   // node.json is all that such a map may hold
};
void poked_drop(struct poked *poked);

// FAULT_POLICY where the map is not the admin's (its purpose is counter, gauge or state) and nobody forces it; FAULT_CONFIG
// where the value does not fit, the key is not there to be taken away, or the section holds constants.
int poke(const struct running *running, struct peek *peek, const struct poke *poke,
	 struct poked *out, struct fault *why) MUST_CHECK;
