/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_pages.c: what the thread is told of is mapped, filled or given back by it, and holds what it held; what is settled is
 * not touched any more; without a second CPU there is no thread.
 */
#include "pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { MEMORY = 6 << 20, AROUND = 64 << 10, SKIPPED = 77 };

static const struct bench_cpus anywhere = { 0 };

/* KiB of the mapping at `at` that are in this process' page tables. */
static size_t mapped(const void *at)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	uintptr_t from, to;
	bool here = false;
	size_t kib = 0;
	char line[512];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2)
			here = from <= (uintptr_t)at && (uintptr_t)at < to;
		else if (here && sscanf(line, "Rss: %zu kB", &kib) == 1)
			break;
	}
	fclose(f);
	return kib;
}

/* The thread does it when it comes to it. */
static bool comes_to(const void *at, size_t kib)
{
	for (int i = 0; i < 10000 && mapped(at) != kib; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	return mapped(at) == kib;
}

static struct bench_pages *start(void)
{
	struct bench_pages *p = bench_pages_start(&anywhere, -1);

	assert_non_null(p);
	return p;
}

/* Memory between pages that nobody may touch, so that it is a mapping of its own; aligned as what the kernel maps at once. */
static uint8_t *map(int fd, int prot)
{
	uint8_t *m = mmap(NULL, MEMORY + 2 * AROUND, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(m, MAP_FAILED);
	m += AROUND - (uintptr_t)m % AROUND;
	m = mmap(m, MEMORY, prot, (fd < 0 ? MAP_ANONYMOUS : 0) | MAP_PRIVATE | MAP_FIXED, fd, 0);
	assert_ptr_not_equal(m, MAP_FAILED);
	return m;
}

static void test_write(void **state)
{
	struct bench_pages *p = start();
	uint8_t *m = map(-1, PROT_READ | PROT_WRITE);

	(void)state;
	m[5000] = 7;
#ifdef MADV_POPULATE_WRITE
	bool knows = madvise(m, 1, MADV_POPULATE_WRITE) == 0;
#else
	bool knows = false;
#endif
	assert_true(fos_ahead_want(bench_pages_ahead(p), m, MEMORY, FOS_AHEAD_WRITE));
	if (knows)
		assert_true(comes_to(m, MEMORY >> 10));
	else
		print_message("the kernel cannot fill pages ahead: that is not tested\n");
	assert_int_equal(m[5000], 7);
	fos_ahead_settle(bench_pages_ahead(p));
	munmap(m, MEMORY);
	bench_pages_stop(p);
}

/* A file in memory, which holds the same whatever is told of it. */
static uint8_t *make_file(int *fd)
{
	uint8_t *file;

	*fd = memfd_create("pages", MFD_CLOEXEC);
	assert_int_equal(ftruncate(*fd, MEMORY), 0);
	file = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	assert_ptr_not_equal(file, MAP_FAILED);
	for (size_t i = 0; i < MEMORY; i++)
		file[i] = (uint8_t)(i * 31 >> 3);
	return file;
}

static void test_file(void **state)
{
	struct bench_pages *p = start();
	int fd;
	uint8_t *file = make_file(&fd), *m = map(fd, PROT_READ);

	(void)state;
	(void)*(volatile uint8_t *)m;
	size_t around = mapped(m); /* that the kernel maps at once: 64 KiB, where nobody has set it otherwise */

	for (unsigned turn = 0; turn < 3; turn++) {
		assert_true(fos_ahead_want(bench_pages_ahead(p), m, MEMORY, FOS_AHEAD_READ));
		if (around << 10 >= AROUND)
			assert_true(comes_to(m, MEMORY >> 10));
		else
			print_message("the kernel maps %zu KiB at once: that all is mapped is not tested\n", around);
		assert_memory_equal(m, file, MEMORY);
		assert_true(fos_ahead_want(bench_pages_ahead(p), m + MEMORY / 2, MEMORY / 2, FOS_AHEAD_DONE));
		assert_true(comes_to(m, MEMORY / 2 >> 10));
		assert_memory_equal(m, file, MEMORY);
	}
	fos_ahead_settle(bench_pages_ahead(p));
	munmap(m, MEMORY);
	munmap(file, MEMORY);
	close(fd);
	bench_pages_stop(p);
}

/* Told of more than it can remember it says so; and what is settled while it is at it is not looked at any more, which would be
 * the end of this process. */
static void test_settle(void **state)
{
	struct bench_pages *p = start();
	int fd;
	uint8_t *file = make_file(&fd);

	(void)state;
	for (unsigned turn = 0; turn < 100; turn++) {
		uint8_t *m = map(fd, PROT_READ);
		unsigned taken = 0;

		while (taken < 1000000 && fos_ahead_want(bench_pages_ahead(p), m, MEMORY, FOS_AHEAD_READ))
			taken++;
		assert_in_range(taken, 64, 999999);
		while (mapped(m) == 0) /* it is at it */
			;
		fos_ahead_settle(bench_pages_ahead(p));
		assert_int_equal(mprotect(m, MEMORY, PROT_NONE), 0);
		nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
		munmap(m, MEMORY);
	}
	munmap(file, MEMORY);
	close(fd);
	bench_pages_stop(p);
}

/* Stopped with something to do. */
static void test_stop(void **state)
{
	struct bench_pages *p = start();
	uint8_t *m = map(-1, PROT_READ | PROT_WRITE);

	(void)state;
	for (unsigned i = 0; i < 64; i++)
		assert_true(fos_ahead_want(bench_pages_ahead(p), m, MEMORY, FOS_AHEAD_READ));
	bench_pages_stop(p);
	assert_int_equal(mprotect(m, MEMORY, PROT_NONE), 0);
	munmap(m, MEMORY);
}

static void test_no_cpu(void **state)
{
	struct bench_cpus one = { .n = 1 };
	cpu_set_t allowed;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	while (!CPU_ISSET((size_t)one.cpu[0], &allowed))
		one.cpu[0]++;
	assert_null(bench_pages_start(&one, one.cpu[0]));
	assert_null(bench_pages_ahead(NULL));
	assert_false(fos_ahead_want(NULL, &one, sizeof(one), FOS_AHEAD_READ));
	fos_ahead_settle(NULL);
	bench_pages_stop(NULL);
}

/* One that this process may use and that is not `busy`: the thread is there and nowhere else. */
static void test_where(void **state)
{
	struct bench_cpus all = { 0 };
	cpu_set_t allowed, one;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	for (int i = 0; i < CPU_SETSIZE && all.n < 2; i++)
		if (CPU_ISSET((size_t)i, &allowed))
			all.cpu[all.n++] = i;
	struct bench_pages *p = bench_pages_start(&all, all.cpu[0]);

	assert_non_null(p);
	bench_pages_stop(p);
	CPU_ZERO(&one);
	CPU_SET((size_t)all.cpu[0], &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	p = bench_pages_start(&anywhere, -1);
	assert_int_equal(sched_setaffinity(0, sizeof(allowed), &allowed), 0);
	assert_null(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_write),  cmocka_unit_test(test_file),
		                            cmocka_unit_test(test_settle), cmocka_unit_test(test_stop),
		                            cmocka_unit_test(test_no_cpu), cmocka_unit_test(test_where) };
	cpu_set_t allowed;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) || CPU_COUNT(&allowed) < 2) {
		puts("skipped: pages are mapped ahead on a second CPU, and this process may use but one");
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
