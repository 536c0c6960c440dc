/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_io_pcapng_writer.c: what is written is read back the same, here and by tshark where it is installed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <flowos/pcapng_writer.h>
#include <flowos/trace.h>

enum { FRAMES = 500 };

static char folder[] = "/tmp/flowos-test-XXXXXX";
static char path[sizeof folder + 16];

static uint8_t content[2000];

static struct fos_frame frame(uint32_t i)
{
	struct fos_frame f = { .data = content + i % 100,
		               .len = i % 70,
		               .ts_ns = UINT64_C(1700000000123456789) + i,
		               .num = i + 1,
		               .linktype = (uint16_t[]){ 1, 101, 113 }[i % 3],
		               .note = i };

	if (i % 2) {
		f.ext = content + 300;
		f.ext_len = i;
	}
	f.wire_len = f.len + f.ext_len + i % 5;
	return f;
}

static void test_round_trip(void **state)
{
	struct fos_port_stats st;
	struct fos_port *w, *r;
	struct fos_batch b;
	uint32_t n = 0;
	char err[256];

	(void)state;
	assert_int_equal(fos_pcapng_writer_open(path, &w), 0);
	for (uint32_t i = 0; i < FRAMES; i += b.n) {
		for (b.n = 0; b.n < 50; b.n++)
			b.pkt[b.n].f = frame(i + b.n);
		assert_int_equal(fos_port_tx(w, &b), 50);
	}
	fos_port_stats(w, &st);
	assert_int_equal(st.tx_packets, FRAMES);
	assert_int_equal(fos_port_rx(w, &b), -ENODATA);
	assert_int_not_equal(access(path, F_OK), 0); /* not before it is whole */
	assert_int_equal(fos_port_close(w), 0);
	assert_int_equal(fos_trace_open(path, &r, err, sizeof err), 0);
	while (fos_port_rx(r, &b) > 0) {
		for (uint32_t i = 0; i < b.n; i++, n++) {
			const struct fos_frame *f = &b.pkt[i].f, want = frame(n);

			assert_int_equal(f->ts_ns, want.ts_ns);
			assert_int_equal(f->linktype, want.linktype);
			assert_int_equal(f->wire_len, want.wire_len);
			assert_int_equal(f->len, fos_frame_caplen(&want));
			assert_memory_equal(f->data, want.data, want.len);
			if (want.ext)
				assert_memory_equal(f->data + want.len, want.ext, want.ext_len);
		}
	}
	assert_string_equal(fos_port_error(r), "");
	assert_int_equal(n, FRAMES);
	fos_port_close(r);
}

/* The first line that a command writes. */
static void run(const char *command, char *line, size_t len)
{
	FILE *p = popen(command, "r");

	line[0] = 0;
	assert_non_null(p);
	if (fgets(line, (int)len, p))
		line[strcspn(line, "\n")] = 0;
	while (fgetc(p) != EOF)
		;
	pclose(p);
}

static void test_comments(void **state)
{
	static char huge[70002];
	static const char *const text[] = { "a", "ab", "abc", "abcd", "", "reordered: by 3, was frame 7, \xc3\xa4" };
	struct fos_frame f = frame(60);
	char command[200], line[200];
	struct fos_port *w;

	(void)state;
	huge[0] = 'x';
	for (size_t i = 1; i + 2 < sizeof huge; i += 2) /* too long, and 65532 lies inside a character */
		memcpy(huge + i, "\xc3\xa4", 2);
	assert_int_equal(fos_pcapng_writer_open(path, &w), 0);
	for (size_t i = 0; i < sizeof text / sizeof *text; i++)
		assert_int_equal(fos_pcapng_write(w, &f, text[i]), 0);
	assert_int_equal(fos_pcapng_write(w, &f, huge), 0);
	assert_int_equal(fos_pcapng_write(w, &f, NULL), 0);
	assert_int_equal(fos_port_close(w), 0);
	if (system("command -v tshark >/dev/null"))
		skip();
	snprintf(command, sizeof command,
	         "tshark -r %s -T fields -e frame.comment 2>/dev/null | tr '\\n' '|' | head -c 49", path);
	run(command, line, sizeof line);
	assert_string_equal(line, "a|ab|abc|abcd||reordered: by 3, was frame 7, \xc3\xa4|x");
	snprintf(command, sizeof command, "tshark -r %s 2>/dev/null | wc -l", path);
	run(command, line, sizeof line);
	assert_int_equal(atoi(line), 8);
	snprintf(command, sizeof command, "capinfos -M %s 2>&1 | grep -ic 'flowos'", path);
	run(command, line, sizeof line);
	assert_string_not_equal(line, "0");
}

static void test_empty(void **state)
{
	struct fos_port *p;
	struct fos_batch b;
	char err[256];

	(void)state;
	assert_int_equal(fos_pcapng_writer_open(path, &p), 0);
	assert_int_equal(fos_port_close(p), 0);
	assert_int_equal(fos_trace_open(path, &p, err, sizeof err), 0);
	assert_int_equal(fos_port_rx(p, &b), -ENODATA);
	fos_port_close(p);
}

static void test_abort(void **state)
{
	struct fos_frame f = frame(1);
	struct fos_port *w;
	char line[100], command[100];

	(void)state;
	unlink(path);
	assert_int_equal(fos_pcapng_writer_open(path, &w), 0);
	assert_int_equal(fos_pcapng_write(w, &f, "gone"), 0);
	fos_pcapng_abort(w);
	fos_pcapng_abort(NULL);
	snprintf(command, sizeof command, "ls -A %s | wc -l", folder);
	run(command, line, sizeof line);
	assert_int_equal(atoi(line), 0);
}

static void test_full(void **state)
{
	struct fos_frame f = frame(1);
	struct fos_port *w;
	int ret = 0;

	(void)state;
	f.len = 1500;
	f.wire_len = 4000;
	assert_int_equal(fos_pcapng_writer_open("/nowhere/x.pcapng", &w), -ENOENT);
	assert_null(w);
	assert_int_equal(fos_pcapng_writer_open("/dev/full", &w), 0);
	assert_int_equal(fos_pcapng_write(w, &f, NULL), 0);
	assert_int_equal(fos_port_close(w), -ENOSPC); /* seen when it closes, */
	assert_int_equal(fos_pcapng_writer_open("/dev/full", &w), 0);
	for (int i = 0; i < 10000 && !ret; i++)
		ret = fos_pcapng_write(w, &f, NULL);
	assert_int_equal(ret, -ENOSPC); /* or before */
	assert_non_null(strstr(fos_port_error(w), "/dev/full: cannot write: No space left"));
	assert_int_equal(fos_pcapng_write(w, &f, NULL), -ENOSPC);
	assert_int_equal(fos_port_close(w), -ENOSPC);
}

static int make_folder(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof content; i++)
		content[i] = (uint8_t)(i * 11);
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/x.pcapng", folder);
	return 0;
}

static int remove_folder(void **state)
{
	char line[sizeof folder + 16];

	(void)state;
	snprintf(line, sizeof line, "rm -r '%s'", folder);
	return system(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_comments), cmocka_unit_test(test_empty),
		cmocka_unit_test(test_abort),      cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
