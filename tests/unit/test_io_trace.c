/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_io_trace.c: traces are read as they were written, in every variant of the formats; damage is named; what is no
 * capture is refused. Files are made in a temporary folder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>

#include "test_io_trace.h"

/* libwandio leaks its buffers where libtrace gives up on a file. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libwandio\nleak:libtrace.so\n";
}

static void pcap_head(struct bytes *b, uint32_t magic, unsigned minor, uint32_t linktype)
{
	put32(b, magic);
	put16(b, 2);
	put16(b, minor);
	put64(b, 0);
	put32(b, 65535);
	put32(b, linktype);
}

static void pcap_record(struct bytes *b, uint32_t s, uint32_t fraction, uint32_t caplen, uint32_t wire,
                        const char *data)
{
	put32(b, s);
	put32(b, fraction);
	put32(b, caplen);
	put32(b, wire);
	put(b, data, strlen(data));
}

static void test_pcap_variants(void **state)
{
	static const struct {
		uint32_t magic;
		uint64_t unit;
	} t[] = { { 0xa1b2c3d4, 1000 }, { 0xa1b23c4d, 1 } };
	struct result r;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct bytes b = { .big = i & 1 };

		pcap_head(&b, t[i / 2].magic, 4, 0xf0000071); /* with bits of the frame check sequence */
		pcap_record(&b, 1700000000, 123456, 5, 1500, "hello");
		pcap_record(&b, 4294967295u, 1000000000, 3, 3, "abc"); /* nonsense fraction */
		pcap_record(&b, 7, 999999, 0, 60, "");
		read_trace(save("v.pcap", b.v, b.n), &r);
		assert_int_equal(r.n, 3);
		assert_int_equal(r.ended, -ENODATA);
		assert_int_equal(r.f[0].ts_ns, 1700000000 * UINT64_C(1000000000) + 123456 * t[i / 2].unit);
		assert_int_equal(r.f[1].ts_ns, 4294967295 * UINT64_C(1000000000) + 999999999);
		assert_int_equal(r.f[0].wire_len, 1500);
		assert_int_equal(r.f[0].linktype, 113);
		assert_int_equal(r.f[0].flags, FOS_FRAME_STABLE);
		assert_string_equal(r.text[0], "hello");
		assert_string_equal(r.text[1], "abc");
		assert_int_equal(r.f[2].len, 0);
		assert_string_equal(r.error, "");
	}
}

static void test_pcap_old(void **state)
{
	struct bytes k = { 0 }, old = { 0 };
	struct result r;

	(void)state;
	pcap_head(&k, 0xa1b2cd34, 4, 1);
	pcap_record(&k, 1, 2, 2, 2, "");
	put64(&k, 0); /* interface, protocol, packet type */
	put(&k, "hi", 2);
	read_trace(save("k.pcap", k.v, k.n), &r);
	assert_int_equal(r.n, 1);
	assert_string_equal(r.text[0], "hi");
	pcap_head(&old, 0xa1b2c3d4, 2, 1); /* the two lengths change places in version 2.2 */
	pcap_record(&old, 1, 2, 9, 2, "hi");
	read_trace(save("old.pcap", old.v, old.n), &r);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.f[0].len, 2);
	assert_int_equal(r.f[0].wire_len, 9);
}

static void test_pcap_damage(void **state)
{
	static const struct {
		const char *name;
		uint32_t caplen;
		size_t cut; /* bytes taken off the end */
		uint32_t packets;
		const char *says;
	} t[] = {
		{ "absurd", 99999999, 0, 1, "damaged at byte 45, after 1 packet: record claims 99999999 bytes" },
		{ "negative", UINT32_MAX, 0, 1, "record claims 4294967295 bytes" },
		{ "just too long", 262145, 0, 1, "record claims 262145 bytes" },
		{ "beyond the end", 200, 0, 1,
		  "damaged at byte 45, after 1 packet: record claims 200 bytes, and the file ends after 3" },
		{ "cut in the data", 3, 1, 1, "record claims 3 bytes, and the file ends after 2" },
		{ "cut in the header", 3, 4, 1,
		  "damaged at byte 45, after 1 packet: the file ends inside a record's header" },
		{ "cut in the first header", 3, 38, 0, "damaged at byte 24, after 0 packets" },
	};
	struct result r;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct bytes b = { 0 };

		pcap_head(&b, 0xa1b2c3d4, 4, 1);
		pcap_record(&b, 1, 2, 5, 5, "hello");
		pcap_record(&b, 1, 2, t[i].caplen, t[i].caplen, "abc");
		read_trace(save("d.pcap", b.v, b.n - t[i].cut), &r);
		assert_int_equal(r.opened, 0);
		assert_int_equal(r.n, t[i].packets);
		assert_int_equal(r.ended, -EBADMSG);
		if (!strstr(r.error, t[i].says) || !strstr(r.error, "/d.pcap: "))
			fail_msg("%s: \"%s\"", t[i].name, r.error);
	}
}

/* Whatever the bytes are, the reader stays inside them: the sanitizer is the judge. */
static void test_mangled(void **state)
{
	static struct bytes whole;
	static struct result r;

	(void)state;
	pcap_head(&whole, 0xa1b2c3d4, 4, 1);
	for (uint32_t i = 0; i < 10; i++)
		pcap_record(&whole, i, i, 9, 9, "some data");
	for (size_t n = 1; n < whole.n; n++) {
		read_trace(save("cut", whole.v, n), &r);
		assert_true(r.opened || r.ended == -EBADMSG || r.ended == -ENODATA);
	}
	for (uint64_t seed = 0; seed < 3000; seed++) {
		struct bytes b = whole;

		for (uint64_t i = 0; i < 1 + seed % 4; i++) {
			uint64_t h = fos_mix64_add(fos_mix64(seed), i);

			b.v[4 + fos_below(h, b.n - 4)] = (uint8_t)(h & 1 ? h >> 8 : 0xff);
		}
		read_trace(save("mangled", b.v, b.n), &r);
	}
}

static void test_no_capture(void **state)
{
	static const struct {
		const char *name, *data;
		size_t n;
		int ret;
		const char *says;
	} t[] = {
		{ "empty", "", 0, -EINVAL, "/empty: not a capture: the file is empty" },
		{ "x.txt", "Dear all,\nthis is a letter, and no capture at all.\n", 50, 0,
		  "/x.txt: not a capture: neither pcap" },
		{ "short", "\xd4\xc3", 2, 0, "/short: not a capture: neither pcap" },
		{ "head", "\xd4\xc3\xb2\xa1\2\0\4\0", 8, -EBADMSG, "/head: damaged: a pcap file's header is 24 bytes" },
		{ "ng", "\x0a\x0d\x0d\x0a\x1c\0\0\0", 8, -EBADMSG, "/ng: damaged at byte 0" },
	};
	struct fos_port *p;
	char tiny[5];
	struct result r;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		read_trace(save(t[i].name, t[i].data, t[i].n), &r);
		assert_true(t[i].ret ? r.opened == t[i].ret : r.opened == -EINVAL || r.opened == -ENOTSUP);
		if (!strstr(r.error, t[i].says))
			fail_msg("\"%s\"", r.error);
	}
	read_trace(path_of("none"), &r);
	assert_int_equal(r.opened, -ENOENT);
	read_trace(folder, &r);
	assert_int_equal(r.opened, -EISDIR);
	assert_int_equal(fos_trace_open(path_of("none"), &p, tiny, sizeof tiny), -ENOENT);
	assert_int_equal(strlen(tiny), 4);
}

static void test_pipe(void **state)
{
	struct bytes b = { 0 };
	struct result r;
	int end[2], was = dup(STDIN_FILENO);

	(void)state;
	pcap_head(&b, 0xa1b2c3d4, 4, 1);
	pcap_record(&b, 1, 2, 5, 5, "hello");
	for (int i = 0; i < 2; i++) { /* a pipe, then a file that does not stand at its start */
		if (i == 0) {
			assert_int_equal(pipe(end), 0);
			assert_int_equal(write(end[1], b.v, b.n), b.n);
			close(end[1]);
		} else {
			end[0] = open(save("later", "xx", 2), O_RDWR);
			assert_int_equal(pwrite(end[0], b.v, b.n, 2), b.n);
			assert_int_equal(lseek(end[0], 2, SEEK_SET), 2);
		}
		dup2(end[0], STDIN_FILENO);
		close(end[0]);
		read_trace("-", &r);
		assert_int_equal(r.n, 1);
		assert_string_equal(r.text[0], "hello");
	}
	dup2(was, STDIN_FILENO);
	close(was);
}

/* Compresses `from` with `tool` into a file of ours; NULL where there is no such tool. */
static const char *compressed(const char *tool, const char *from, const char *name)
{
	char line[3 * PATH_MAX];
	const char *to = path_of(name);

	snprintf(line, sizeof line, "command -v %s >/dev/null && %s -c '%s' > '%s'", tool, tool, from, to);
	return system(line) ? NULL : to;
}

static void test_compressed(void **state)
{
	static const char *const tools[] = { "gzip", "bzip2", "xz", "zstd", "lz4" };
	struct bytes b[2] = { { .n = 0 } };
	struct result r;
	char from[PATH_MAX];

	(void)state;
	pcap_head(&b[0], 0xa1b23c4d, 4, 0);
	pcap_record(&b[0], 1, 2, 5, 5, "hello");
	shb(&b[1]);
	idb(&b[1], 1, 0, -1, 0);
	epb(&b[1], 0, 1, "hello", 5, 5);
	for (size_t i = 0; i < 2 * sizeof tools / sizeof *tools; i++) {
		const struct bytes *x = &b[i % 2];
		const char *path;

		strcpy(from, save("plain", x->v, x->n));
		path = compressed(tools[i / 2], from, "a:compressed");
		if (!path)
			continue;
		read_trace(path, &r);
		if (r.opened) { /* not built, or a form that this libtrace does not know: then it says so */
			assert_int_equal(r.opened, -ENOTSUP);
			assert_non_null(strstr(r.error, tools[i / 2]));
			assert_true(strstr(r.error, "libtrace") != NULL);
			continue;
		}
		assert_int_equal(r.n, 1);
		assert_int_equal(r.f[0].linktype, !!(i % 2));
		assert_int_equal(r.f[0].flags, FOS_FRAME_STABLE);
		assert_string_equal(r.text[0], "hello");
	}
}

/* ERF is what libtrace was made for. 150 records: more than two batches. */
static void test_erf(void **state)
{
	struct bytes b = { .big = true };
	struct result r;

	(void)state;
	for (uint32_t i = 0; i < 150; i++) {
		char data[61];

		snprintf(data, sizeof data, "%c%c%c%c%c%c......\x08 frame %03u ..............................", 2, 2, 2,
		         2, 2, 2, i);
		b.big = false;
		put32(&b, 1u << 31); /* half a second */
		put32(&b, 1700000000 + i);
		b.big = true;
		put8(&b, 2); /* Ethernet */
		put8(&b, 4);
		put16(&b, 16 + 2 + 60);
		put16(&b, 0);
		put16(&b, 64);
		put16(&b, 0);
		put(&b, data, 60);
	}
	read_trace(save("x.erf", b.v, b.n), &r);
	if (r.opened == -ENOTSUP)
		skip();
	assert_int_equal(r.opened, 0);
	assert_int_equal(r.ended, -ENODATA);
	assert_int_equal(r.n, 150);
	for (uint32_t i = 0; i < 150; i++) {
		assert_int_equal(r.f[i].ts_ns, (1700000000 + i) * UINT64_C(1000000000) + 500000000);
		assert_int_equal(r.f[i].linktype, 1);
		assert_int_equal(r.f[i].len, 60);
		assert_int_equal(r.f[i].wire_len, 60);
		assert_false(r.f[i].flags & FOS_FRAME_STABLE);
	}
	assert_memory_equal(r.text[149], "\2\2\2\2\2\2", 6);
}

/* The collection of captures that others made, where it is there: as many packets as its manifest says. */
static void test_collection(void **state)
{
	char source[] = __FILE__, dir[PATH_MAX], path[2 * PATH_MAX], line[4096], name[1024], err[512];
	const char *env = getenv("FLOWOS_CAPTURES");
	uint64_t want, files = 0;
	FILE *f;

	(void)state;
	snprintf(dir, sizeof dir, "%s/../../../shared/captures", dirname(source));
	snprintf(path, sizeof path, "%s/MANIFEST.tsv", env ? env : dir);
	f = fopen(path, "r");
	if (!f)
		skip();
	while (fgets(line, sizeof line, f)) {
		struct fos_batch b;
		struct fos_port *p;
		uint64_t n = 0;
		int got;

		if (sscanf(line, "%1023[^\t]\t%*[^\t]\t%*[^\t]\t%*u\t%" SCNu64, name, &want) != 2)
			continue;
		snprintf(path, sizeof path, "%s/%s", env ? env : dir, name);
		got = fos_trace_open(path, &p, err, sizeof err);
		if (got == -ENOTSUP)
			continue;
		if (got)
			fail_msg("%s", err);
		while ((got = fos_port_rx(p, &b)) > 0)
			n += b.n;
		if (got != -ENODATA || n != want)
			fail_msg("%s: %" PRIu64 " packets, not %" PRIu64 ": %s", name, n, want, fos_port_error(p));
		fos_port_close(p);
		files++;
	}
	fclose(f);
	print_message("%" PRIu64 " captures\n", files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pcap_variants), cmocka_unit_test(test_pcap_old),
		cmocka_unit_test(test_pcap_damage),   cmocka_unit_test(test_mangled),
		cmocka_unit_test(test_no_capture),    cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_compressed),    cmocka_unit_test(test_erf),
		cmocka_unit_test(test_collection),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
