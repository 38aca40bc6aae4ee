// SPDX-License-Identifier: Apache-2.0
// What BTF says about the bytes of a type: kinds, sizes, fields, names; and the global variables of an object. BTF comes
// out of a bundle: publishers sign it, and still no type of theirs may make us run long or deep.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "bpf/notation.h"
#include "bpf/spot.h"

struct btf;	 // libbpf's
struct btf_type; // libbpf's

#define LAYOUT_DEPTH_MAX 16
#define LAYOUT_NAMES_MAX 256 // offered when one is unknown

// One walk through a value, with what is left of its budget.
struct layout {
	const struct btf *btf;
	size_t values_left, steps_left;
};
struct layout layout_begin(const struct btf *btf);

enum layout_kind {
	LAYOUT_INT,
	LAYOUT_BOOL,
	LAYOUT_ENUM,
	LAYOUT_ARRAY,
	LAYOUT_STRUCT,
	LAYOUT_UNION,
	LAYOUT_OPAQUE, // a 128-bit integer, a float, a pointer: JSON has no form for it
};

// A type without the typedefs around it, and what they told.
struct layout_type {
	enum layout_kind kind;
	const char *name; // "" where it has none
	size_t size;
	bool is_signed, big_endian;
	bool sign_unknown; // an enum from before BTF said it
	bool is_byte;	   // a u8; is_char: char proper, as in char comm[16]. A u8 is no text.
	bool is_char;
	bool is_text;		// an array of char
	enum notation notation; // what the type itself says: __be32, u8[6], struct in6_addr
	uint32_t item;		// of an array
	size_t item_count;
	const struct btf_type *type;
};

// One member of a struct or union, its place in bits. A width of 0: no bitfield.
struct layout_field {
	const char *name;
	uint32_t type_id;
	size_t bit, width;
};

// The type behind `id`. `room` is how many bytes are left for it from where it stands. FAULT_CONFIG.
int layout_type(struct layout *layout, uint32_t id, size_t room, const struct spot *spot,
		struct layout_type *out, struct fault *why) MUST_CHECK;
bool layout_is_scalar(const struct layout_type *type);
// The size of a type; -1 where it has none.
int64_t layout_size(const struct btf *btf, uint32_t id);

// The name as the author wrote it: "__u32", "struct rl_config", "__u8[6]"; "" for one of no use. Of an array of arrays
// nothing: types may refer to each other in circles, and this must end.
#define LAYOUT_NAME_MAX 64
void layout_name_type(const struct btf *btf, uint32_t id, char out[static LAYOUT_NAME_MAX]);

// Members of a struct or union.
size_t layout_field_count(const struct layout_type *type);
struct layout_field layout_field(struct layout *layout, const struct layout_type *type,
				 size_t index);
// The byte that a field begins in, when it lies inside its struct; hostile BTF may say otherwise.
int layout_place(const struct layout_type *outer, const struct layout_field *field,
		 const struct spot *spot, size_t *byte, struct fault *why) MUST_CHECK;
// Whether it is a struct or union without a name, whose members count as members of what is around it.
bool layout_is_inlined(const struct layout *layout, const struct layout_field *field);
// What the kernel keeps for itself inside a value: a lock, a timer. It refuses or skips what user space writes there, so a
// person does not name it and does not see it.
bool layout_is_kernels(const struct layout *layout, const struct layout_field *field);
// Whether an object for this type may hold a name; of a field, whether it is that or, inlined, has it.
bool layout_has_name(struct layout *layout, const struct layout_type *type, const char *name);
bool layout_field_has_name(struct layout *layout, const struct layout_field *field,
			   const char *name);
// All of these names, ended by NULL.
void layout_names(struct layout *layout, const struct layout_type *type,
		  const char *names[static LAYOUT_NAMES_MAX + 1]);

size_t layout_enumerator_count(const struct layout_type *type);
uint64_t layout_enumerator(const struct layout *layout, const struct layout_type *type,
			   size_t index, const char **name);

// The type at a path of fields ("flow.src"), of an array that of its items where the path goes on. FAULT_CONFIG with the
// nearest name.
int layout_find(struct layout *layout, uint32_t id, const char *path, struct layout_type *out,
		struct fault *why) MUST_CHECK;

// Whether a section holds variables: ".rodata", ".data", ".bss", or one of these with a suffix.
bool layout_is_section(const char *name);

// A global variable.
struct layout_variable {
	const char *name, *section; // ".rodata", ".data", ".bss", or these with a suffix
	uint32_t type_id;
	size_t offset, size; // in the section
	bool constant;	     // in .rodata
	// False: static, or const without volatile, so that the compiler may have built its value into the code.
	bool settable;
};
// Walks all of them:
//     struct layout_walk walk = {0};
//     while (layout_next_variable(btf, &walk, &variable)) ...
struct layout_walk {
	uint32_t section;
	size_t index;
};
bool layout_next_variable(const struct btf *btf, struct layout_walk *walk,
			  struct layout_variable *out);
