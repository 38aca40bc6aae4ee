// SPDX-License-Identifier: Apache-2.0
// Locals that free themselves at the end of their scope.
#pragma once

#include <stdlib.h>
#include <unistd.h>

// OWNED(drop_fd) int fd = -1;  -- the function gets a pointer to the variable when its scope ends.
#define OWNED(function) __attribute__((cleanup(function)))

// Hands an owned pointer to someone else: evaluates to its value and leaves NULL behind.
#define HAND_OVER(pointer)                             \
	({                                             \
		__typeof__(pointer) kept_ = (pointer); \
		(pointer) = NULL;                      \
		kept_;                                 \
	})

// The same for a file descriptor: leaves -1 behind.
#define HAND_OVER_FD(fd)          \
	({                        \
		int kept_ = (fd); \
		(fd) = -1;        \
		kept_;            \
	})

static inline void drop_heap(void *pointer_to_pointer)
{
	void **pointer = pointer_to_pointer;

	free(*pointer);
	*pointer = NULL;
}

static inline void drop_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}
