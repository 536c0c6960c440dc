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
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <flowos/rand.h>
#include <flowos/trace.h>

/* libwandio leaks its buffers where libtrace gives up on a file. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libwandio\nleak:libtrace.so\n";
}

/* A file in the making, in one byte order or the other. */
struct bytes {
	uint8_t v[32768];
	size_t n;
	bool big;
};

static void put(struct bytes *b, const void *p, size_t n)
{
	assert_true(b->n + n <= sizeof b->v);
	memcpy(b->v + b->n, p, n);
	b->n += n;
}

static void put8(struct bytes *b, unsigned v)
{
	uint8_t c = (uint8_t)v;

	put(b, &c, 1);
}

static void put16(struct bytes *b, unsigned v)
{
	put8(b, b->big ? v >> 8 : v);
	put8(b, b->big ? v : v >> 8);
}

static void put32(struct bytes *b, uint32_t v)
{
	put16(b, b->big ? v >> 16 : v & 0xffff);
	put16(b, b->big ? v & 0xffff : v >> 16);
}

static void put64(struct bytes *b, uint64_t v)
{
	put32(b, (uint32_t)(b->big ? v >> 32 : v));
	put32(b, (uint32_t)(b->big ? v : v >> 32));
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

/* A pcapng block with `body`; the lengths as they should be, plus `lie`. */
static void block(struct bytes *b, uint32_t type, const struct bytes *body, uint32_t lie)
{
	uint32_t len = (uint32_t)(12 + (body->n + 3) / 4 * 4);

	put32(b, type);
	put32(b, len + lie);
	put(b, body->v, body->n);
	while (b->n % 4)
		put8(b, 0);
	put32(b, len);
}

static void shb(struct bytes *b)
{
	struct bytes s = { .big = b->big };

	put32(&s, 0x1a2b3c4d);
	put16(&s, 1);
	put16(&s, 0);
	put64(&s, UINT64_MAX);
	block(b, 0x0a0d0d0a, &s, 0);
}

/* resolution < 0: no option for it */
static void idb(struct bytes *b, unsigned linktype, uint32_t snaplen, int resolution, int64_t offset_s)
{
	struct bytes s = { .big = b->big };

	put16(&s, linktype);
	put16(&s, 0);
	put32(&s, snaplen);
	if (resolution >= 0) {
		put16(&s, 9);
		put16(&s, 1);
		put8(&s, (unsigned)resolution);
		put(&s, "\0\0\0", 3);
	}
	if (offset_s) {
		put16(&s, 14);
		put16(&s, 8);
		put64(&s, (uint64_t)offset_s);
	}
	put32(&s, 0);
	block(b, 1, &s, 0);
}

static void epb(struct bytes *b, uint32_t iface, uint64_t ts, const char *data, uint32_t caplen, uint32_t wire)
{
	struct bytes s = { .big = b->big };

	put32(&s, iface);
	put32(&s, (uint32_t)(ts >> 32));
	put32(&s, (uint32_t)ts);
	put32(&s, caplen);
	put32(&s, wire);
	put(&s, data, strlen(data));
	block(b, 6, &s, 0);
}

static char folder[] = "/tmp/flowos-test-XXXXXX";

static const char *path_of(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static const char *save(const char *name, const void *p, size_t n)
{
	const char *path = path_of(name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
	return path;
}

/* What was read: the frames of a small trace, and how it ended. */
struct result {
	struct fos_frame f[256];
	char text[256][16]; /* start of each frame */
	uint32_t n;
	int opened, ended;
	char error[512];
	struct fos_port_stats stats;
};

static void drain(struct fos_port *p, struct result *r)
{
	struct fos_batch b;
	int got;

	r->n = 0;
	while ((got = fos_port_rx(p, &b)) > 0) {
		assert_int_equal(got, b.n);
		for (uint32_t i = 0; i < b.n; i++, r->n++) {
			const struct fos_frame *f = &b.pkt[i].f;

			assert_true(r->n < 256);
			assert_int_equal(f->num, r->n + 1);
			assert_true(f->wire_len >= f->len);
			assert_true(b.now_ns >= f->ts_ns);
			r->f[r->n] = *f;
			snprintf(r->text[r->n], sizeof r->text[0], "%.*s", f->len < 15 ? (int)f->len : 15,
			         (const char *)f->data);
		}
	}
	r->ended = got;
	snprintf(r->error, sizeof r->error, "%s", fos_port_error(p));
	assert_int_equal(fos_port_rx(p, &b), got); /* it stays at its end */
}

static void read_trace(const char *path, struct result *r)
{
	struct fos_port *p;

	*r = (struct result){ 0 };
	r->opened = fos_trace_open(path, &p, r->error, sizeof r->error);
	if (r->opened) {
		assert_null(p);
		assert_true(strlen(r->error) > 0);
		assert_null(strchr(r->error, '\n'));
		return;
	}
	drain(p, r);
	if (r->ended == -ENODATA) {
		uint32_t n = r->n;

		assert_int_equal(fos_port_rewind(p), 0);
		drain(p, r);
		assert_int_equal(r->n, n);
	}
	fos_port_stats(p, &r->stats);
	assert_int_equal(fos_port_close(p), 0);
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

static void pcapng_sections(struct bytes *b)
{
	struct bytes s = { .big = b->big };

	shb(b);
	idb(b, 1, 0, -1, 0);      /* microseconds */
	idb(b, 101, 4, 9, 0);     /* nanoseconds */
	idb(b, 113, 0, 0x8a, 0);  /* 2^-10 s */
	idb(b, 1, 0, 3, 1000000); /* milliseconds, from 1,000,000 s on */
	idb(b, 1, 0, 12, -2);     /* picoseconds, two seconds back */
	epb(b, 0, 1700000000123456, "micro", 5, 1500);
	put32(&s, 7);
	block(b, 0xbad, &s, 0); /* not known */
	epb(b, 1, 1700000000123456789, "nano", 4, 4);
	epb(b, 2, 3 << 10 | 512, "binary", 6, 6);
	epb(b, 3, 5001, "milli", 5, 5);
	epb(b, 4, 3000000001999, "pico", 4, 4);
	s.n = 0;
	put16(&s, 1); /* an old packet block: interface, drops */
	put16(&s, 0);
	put32(&s, 0);
	put32(&s, 99);
	put32(&s, 3);
	put32(&s, 3);
	put(&s, "old", 3);
	block(b, 2, &s, 0);
	shb(b);
	idb(b, 101, 6, -1, 0);
	s.n = 0;
	put32(&s, 100);
	put(&s, "simple", 6);
	block(b, 3, &s, 0);
}

static void test_pcapng(void **state)
{
	struct result r;

	(void)state;
	for (int big = 0; big < 2; big++) {
		struct bytes b = { .big = big };

		pcapng_sections(&b);
		b.big = !big; /* a section in the other byte order */
		shb(&b);
		idb(&b, 1, 0, -1, 0);
		epb(&b, 0, 1, "other", 5, 5);
		read_trace(save("v.pcapng", b.v, b.n), &r);
		assert_int_equal(r.ended, -ENODATA);
		assert_int_equal(r.n, 8);
		assert_int_equal(r.stats.skipped, 2); /* once, and once again after rewinding */
		assert_int_equal(r.f[0].ts_ns, 1700000000123456000);
		assert_int_equal(r.f[0].wire_len, 1500);
		assert_int_equal(r.f[1].ts_ns, 1700000000123456789);
		assert_int_equal(r.f[1].linktype, 101);
		assert_int_equal(r.f[1].port, 1);
		assert_int_equal(r.f[2].ts_ns, 3500000000);
		assert_int_equal(r.f[3].ts_ns, 1000005001000000);
		assert_int_equal(r.f[4].ts_ns, 1000000001);
		assert_string_equal(r.text[5], "old");
		assert_int_equal(r.f[5].ts_ns, 99);
		assert_string_equal(r.text[6], "simple");
		assert_int_equal(r.f[6].wire_len, 100);
		assert_int_equal(r.f[6].ts_ns, 1700000000123456789); /* it has no time of its own */
		assert_string_equal(r.text[7], "other");
	}
}

static void test_pcapng_damage(void **state)
{
	static const char *const says[] = {
		"the block's two lengths differ: ",
		"block claims 4 bytes",
		"block claims 33 bytes",
		"block claims 4000 bytes, and the file ends after ",
		"packet of interface 1, and there are 1",
		"packet claims 9 bytes in a block of 40",
		"packet claims 4294967295 bytes",
		"the file ends inside a block's header",
		"a packet block of 16 bytes",
		"an interface block of 16 bytes",
		"an option leaves its block",
		"a section header without byte order",
		"version 9 of pcapng is not known",
	};
	struct result r;

	(void)state;
	for (unsigned i = 0; i < sizeof says / sizeof *says; i++) {
		struct bytes b = { 0 }, s = { 0 };

		shb(&b);
		idb(&b, 1, 0, -1, 0);
		epb(&b, 0, 1, "good", 4, 4);
		put32(&s, 0);
		switch (i) {
		case 0:
			block(&b, 0xbad, &s, 4);
			put64(&b, 0);
			break;
		case 1:
			block(&b, 0xbad, &s, (uint32_t)-12);
			break;
		case 2:
			block(&b, 0xbad, &s, 17);
			put64(&b, 0);
			put64(&b, 0);
			put64(&b, 0);
			break;
		case 3:
			block(&b, 0xbad, &s, 4000 - 16);
			break;
		case 4:
			epb(&b, 1, 1, "bad", 3, 3);
			break;
		case 5:
			epb(&b, 0, 1, "12345678", 9, 9);
			break;
		case 6:
			epb(&b, 0, 1, "bad", UINT32_MAX, UINT32_MAX);
			break;
		case 7:
			put64(&b, 6);
			break;
		case 8:
			block(&b, 6, &s, 0);
			break;
		case 9:
			block(&b, 1, &s, 0);
			break;
		case 10:
			put32(&s, 0);
			put32(&s, 0x00500009);
			block(&b, 1, &s, 0);
			break;
		case 11:
			block(&b, 0x0a0d0d0a, &s, 0);
			break;
		case 12:
			shb(&b);
			b.v[b.n - 16] = 9;
			break;
		}
		read_trace(save("d.pcapng", b.v, b.n), &r);
		assert_int_equal(r.n, 1);
		assert_int_equal(r.ended, -EBADMSG);
		assert_string_equal(r.text[0], "good");
		if (!strstr(r.error, says[i]) || !strstr(r.error, ", after 1 packet: "))
			fail_msg("%u: \"%s\"", i, r.error);
	}
}

/* Whatever the bytes are, the reader stays inside them: the sanitizer is the judge. */
static void test_mangled(void **state)
{
	static struct bytes whole[2];
	static struct result r;

	(void)state;
	pcap_head(&whole[0], 0xa1b2c3d4, 4, 1);
	for (uint32_t i = 0; i < 10; i++)
		pcap_record(&whole[0], i, i, 9, 9, "some data");
	pcapng_sections(&whole[1]);
	for (int k = 0; k < 2; k++) {
		for (size_t n = 1; n < whole[k].n; n++) {
			read_trace(save("cut", whole[k].v, n), &r);
			assert_true(r.opened || r.ended == -EBADMSG || r.ended == -ENODATA);
		}
		for (uint64_t seed = 0; seed < 3000; seed++) {
			struct bytes b = whole[k];

			for (uint64_t i = 0; i < 1 + seed % 4; i++) {
				uint64_t h = fos_mix64_add(fos_mix64(seed), i);

				b.v[4 + fos_below(h, b.n - 4)] = (uint8_t)(h & 1 ? h >> 8 : 0xff);
			}
			read_trace(save("mangled", b.v, b.n), &r);
		}
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

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
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
		cmocka_unit_test(test_pcap_variants), cmocka_unit_test(test_pcap_old),
		cmocka_unit_test(test_pcap_damage),   cmocka_unit_test(test_pcapng),
		cmocka_unit_test(test_pcapng_damage), cmocka_unit_test(test_mangled),
		cmocka_unit_test(test_no_capture),    cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_compressed),    cmocka_unit_test(test_erf),
		cmocka_unit_test(test_collection),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
