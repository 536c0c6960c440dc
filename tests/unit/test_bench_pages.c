/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_pages.c: what the thread is told of is mapped by it, what is in memory stays what it is; settling waits until nothing is
 * looked at; without a second CPU there is no thread.
 */
#include "pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, MEMORY = 5 << 20 };

static const struct bench_cpus anywhere = { 0 };

static size_t resident(const void *at, size_t len)
{
	static unsigned char in[MEMORY / PAGE];
	size_t n = 0;

	assert_int_equal(mincore((void *)(uintptr_t)at, len, in), 0);
	for (size_t i = 0; i < len / PAGE; i++)
		n += in[i] & 1;
	return n;
}

/* The thread does it when it comes to it. */
static bool becomes_resident(const void *at, size_t len)
{
	for (int i = 0; i < 5000 && resident(at, len) < len / PAGE; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	return resident(at, len) == len / PAGE;
}

static struct bench_pages *start(void)
{
	struct bench_pages *p = bench_pages_start(&anywhere, -1);

	if (!p)
		skip(); /* this machine gives the test one CPU */
	return p;
}

static void test_write(void **state)
{
	struct bench_pages *p = start();
	uint8_t *m = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(m, MAP_FAILED);
	m[PAGE] = 7;
	assert_true(fos_ahead_want(bench_pages_ahead(p), m, MEMORY, FOS_AHEAD_WRITE));
	assert_true(becomes_resident(m, MEMORY));
	assert_int_equal(m[PAGE], 7);
	fos_ahead_settle(bench_pages_ahead(p));
	munmap(m, MEMORY);
	bench_pages_stop(p);
}

/* Of a file in memory: what it holds is the same before and after, whatever is told of it. */
static void test_file(void **state)
{
	struct bench_pages *p = start();
	int fd = memfd_create("pages", MFD_CLOEXEC);
	uint8_t *file, *m;

	(void)state;
	assert_int_equal(ftruncate(fd, MEMORY), 0);
	file = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	m = mmap(NULL, MEMORY, PROT_READ, MAP_PRIVATE, fd, 0);
	for (size_t i = 0; i < MEMORY; i++)
		file[i] = (uint8_t)(i * 31 >> 3);
	for (unsigned turn = 0; turn < 3; turn++) {
		for (size_t at = 0; at < MEMORY; at += MEMORY / 5)
			assert_true(fos_ahead_want(bench_pages_ahead(p), m + at, MEMORY / 5, FOS_AHEAD_READ));
		assert_memory_equal(m, file, MEMORY);
		assert_true(fos_ahead_want(bench_pages_ahead(p), m, MEMORY, FOS_AHEAD_DONE));
		assert_memory_equal(m, file, MEMORY);
		fos_ahead_settle(bench_pages_ahead(p));
	}
	munmap(m, MEMORY);
	munmap(file, MEMORY);
	close(fd);
	bench_pages_stop(p);
}

/* Told of more than it can remember it says so; memory that is unmapped after settling is not touched any more. */
static void test_settle(void **state)
{
	struct bench_pages *p = start();

	(void)state;
	for (unsigned turn = 0; turn < 50; turn++) {
		uint8_t *m = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		unsigned taken = 0;

		assert_ptr_not_equal(m, MAP_FAILED);
		while (taken < 100000 &&
		       fos_ahead_want(bench_pages_ahead(p), m, MEMORY, taken % 2 ? FOS_AHEAD_READ : FOS_AHEAD_WRITE))
			taken++;
		assert_in_range(taken, 64, 99999);
		fos_ahead_settle(bench_pages_ahead(p));
		munmap(m, MEMORY);
	}
	bench_pages_stop(p);
}

/* Stopped with something to do. */
static void test_stop(void **state)
{
	struct bench_pages *p = start();
	uint8_t *m = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(m, MAP_FAILED);
	for (unsigned i = 0; i < 64; i++)
		assert_true(fos_ahead_want(bench_pages_ahead(p), m, MEMORY, FOS_AHEAD_READ));
	bench_pages_stop(p);
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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_write), cmocka_unit_test(test_file),
		                            cmocka_unit_test(test_settle), cmocka_unit_test(test_stop),
		                            cmocka_unit_test(test_no_cpu) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
