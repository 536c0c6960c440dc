/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fuzz.h: what the fuzz targets share: input as a row of small numbers, checks that say what is wrong, files in memory,
 * and mutations of inputs that are a header and records of one size.
 *
 * A target is fuzz_NAME.c with LLVMFuzzerTestOneInput(); it is linked either with libFuzzer (-DFLOWOS_FUZZ=ON) or with
 * driver.c, which runs the files that it is given. One thread. A target may keep nothing from one input to the next
 * that changes what the next one does.
 */
#ifndef FLOWOS_TEST_FUZZ_H
#define FLOWOS_TEST_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Something that must never be: says where and what, and ends the process in a way that libFuzzer takes for a finding. */
_Noreturn void fuzz_fail(const char *file, int line, const char *condition, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#define FUZZ_CHECK(condition, ...)                                                                                     \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			fuzz_fail(__FILE__, __LINE__, #condition, __VA_ARGS__);                                        \
	} while (0)

/* What is left of an input. Reading beyond its end gives zeroes. */
struct fuzz_in {
	const uint8_t *at, *end;
};

static inline size_t fuzz_left(const struct fuzz_in *in)
{
	return (size_t)(in->end - in->at);
}

static inline uint8_t fuzz_u8(struct fuzz_in *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static inline uint16_t fuzz_u16(struct fuzz_in *in)
{
	uint16_t low = fuzz_u8(in);

	return (uint16_t)(low | fuzz_u8(in) << 8);
}

static inline uint32_t fuzz_u32(struct fuzz_in *in)
{
	uint32_t low = fuzz_u16(in);

	return low | (uint32_t)fuzz_u16(in) << 16;
}

/* The rest of the input as a string, to be freed. */
char *fuzz_text(struct fuzz_in *in);

/* A copy in memory of exactly `len` bytes, so that a sanitizer sees any access beside it; to be freed. */
uint8_t *fuzz_exact(const void *bytes, size_t len);

/* FNV-1a, for comparing what two runs gave. */
static inline uint64_t fuzz_hash(uint64_t h, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}

static inline uint64_t fuzz_hash_u64(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ (h >> 29);
}

/* The input as a file without a name on any disk. `path` may be opened any number of times, and is valid until
 * fuzz_file_close(). */
struct fuzz_file {
	int fd;
	char path[32];
};

void fuzz_file_open(struct fuzz_file *f, const void *bytes, size_t len);
void fuzz_file_close(struct fuzz_file *f);

/* What is in a file now, to be freed; *len is its length. */
uint8_t *fuzz_file_bytes(const char *path, size_t *len);

/* A folder in memory for files that are written: made at the first call, removed with what is in it when the process ends. */
const char *fuzz_folder(void);

/* From here on what is printed through stdio goes nowhere, and standard input is empty. */
void fuzz_quiet(void);

#ifdef FLOWOS_FUZZ

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

/* Inputs of `header` bytes and records of `record` bytes, at most `records` of them. */
struct fuzz_layout {
	size_t header, record, records;
};

/* For LLVMFuzzerCustomMutator() and LLVMFuzzerCustomCrossOver(): whole records are moved, copied, swapped, dropped; or single bytes
 * are changed; or libFuzzer's own mutations are applied. */
size_t fuzz_mutate(const struct fuzz_layout *l, uint8_t *data, size_t size, size_t max, unsigned seed);
size_t fuzz_cross(const struct fuzz_layout *l, const uint8_t *a, size_t na, const uint8_t *b, size_t nb, uint8_t *out,
                  size_t max, unsigned seed);

#define FUZZ_RECORDS(...)                                                                                              \
	static const struct fuzz_layout fuzz_layout_ = __VA_ARGS__;                                                    \
	size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);                         \
	size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)                          \
	{                                                                                                              \
		return fuzz_mutate(&fuzz_layout_, data, size, max, seed);                                              \
	}                                                                                                              \
	size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t na, const uint8_t *b, size_t nb, uint8_t *out,       \
	                                 size_t max, unsigned seed);                                                   \
	size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t na, const uint8_t *b, size_t nb, uint8_t *out,       \
	                                 size_t max, unsigned seed)                                                    \
	{                                                                                                              \
		return fuzz_cross(&fuzz_layout_, a, na, b, nb, out, max, seed);                                        \
	}                                                                                                              \
	_Static_assert(1, "takes a semicolon")

#else

#define FUZZ_RECORDS(...) _Static_assert(1, "without libFuzzer nothing is mutated")

#endif

#endif
