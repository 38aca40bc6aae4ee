// SPDX-License-Identifier: Apache-2.0
// Interfaces that appear while the node is watched: what node.json asks for on them is loaded, by the rules of an apply.
#pragma once

#include <stdbool.h>

#include "loader/remedy.h"

// Loads the chains of some new interfaces that were judged in this turn; the others are left for the next turns. Does
// nothing while anything else differs from node.json, or node.json is not the one that was applied. Returns whether
// it tried something: then those chains have to be judged again. What comes of it is reported.
bool arrivals_load(const struct remedy *remedy);
