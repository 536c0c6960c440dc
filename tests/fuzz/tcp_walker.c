/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tcp_walker.c: a module that reads its window by every function that stream.h has, at places that chance chooses, and
 * holds each answer against a plain copy of the window. It releases a part, or nothing for a while.
 */
#include "tcp_run.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include <flowos/rand.h>

enum { WINDOW_MAX = 1 << 16, OPS = 5 };

static uint64_t state;

void tcp_walker_seed(uint64_t seed)
{
	state = fos_mix64(seed);
}

static uint64_t draw(uint64_t below)
{
	return below ? fos_below(fos_mix64(state++), below) : 0;
}

/* The window, in one piece. */
struct window {
	struct fos_stream *s;
	struct fos_sp head, tail;
	size_t len;
	uint8_t bytes[WINDOW_MAX];
};

static struct window win;

static bool window_read(struct fos_stream *s)
{
	struct fos_sp p = fos_stream_head(s);
	const uint8_t *run;
	size_t n;

	win.s = s;
	win.head = p;
	win.tail = fos_stream_tail(s);
	win.len = 0;
	FUZZ_CHECK(fos_sp_distance(&win.head, &win.tail) >= 0, "the tail is before the head");
	while ((run = fos_sp_run(&p, &win.tail, &n)) != NULL) {
		if (n > WINDOW_MAX - win.len)
			return false;
		memcpy(win.bytes + win.len, run, n);
		win.len += n;
		FUZZ_CHECK(fos_sp_advance(&p, (int64_t)n) == 0, "no way to the end of a run");
	}
	FUZZ_CHECK(win.head.off + win.len == win.tail.off, "runs do not come to the tail");
	return true;
}

static struct fos_sp at(size_t i)
{
	struct fos_sp p;

	FUZZ_CHECK(fos_sp_at(win.s, win.head.off + i, &p) == 0 && p.off == win.head.off + i, "no pointer to %zu", i);
	return p;
}

static void try_advance(size_t i, size_t limit)
{
	struct fos_sp p = at(i), from = p;
	int64_t by = (int64_t)draw(win.len + 3) - (int64_t)i - 1;
	int rc = fos_sp_advance(&p, by);
	int64_t to = (int64_t)i + by;

	(void)limit;
	FUZZ_CHECK(rc == (to < 0 || to > (int64_t)win.len ? -ERANGE : 0), "advance by %lld said %d", (long long)by, rc);
	FUZZ_CHECK(p.off == (rc ? from.off : win.head.off + (uint64_t)to), "advance went astray");
	if (rc == 0 && to < (int64_t)win.len)
		FUZZ_CHECK(fos_sp_byte(&p) == win.bytes[to], "the byte at %lld", (long long)to);
}

static void try_next(size_t i, size_t limit)
{
	struct fos_sp p = at(i), end = at(limit);

	for (unsigned n = 0; n < 64; n++, i += i < limit) {
		int c = fos_sp_next(&p, &end);

		FUZZ_CHECK(c == (i < limit ? win.bytes[i] : -1), "next said %d", c);
		FUZZ_CHECK(p.off == win.head.off + i + (i < limit), "next went astray");
	}
}

static void try_copy(size_t i, size_t limit)
{
	struct fos_sp p = at(i), end = at(limit);
	uint8_t buf[256];
	size_t want = draw(sizeof(buf)), n = fos_sp_copy(&p, &end, buf, want);

	FUZZ_CHECK(n == (limit - i < want ? limit - i : want) && memcmp(buf, win.bytes + i, n) == 0, "copy");
}

static void try_compare(size_t i, size_t limit)
{
	struct fos_sp p = at(i), end = at(limit);
	uint8_t buf[64];
	size_t n = draw(sizeof(buf)), have = limit - i < n ? limit - i : n;
	int want, got;

	memcpy(buf, win.bytes + i, have);
	memset(buf + have, 'x', n - have);
	if (n && draw(2))
		buf[draw(n)] ^= (uint8_t)draw(256);
	want = memcmp(win.bytes + i, buf, have);
	if (want == 0 && have < n)
		want = -1;
	got = fos_sp_cmp(&p, &end, buf, n);
	FUZZ_CHECK((want > 0) - (want < 0) == (got > 0) - (got < 0), "cmp said %d, not %d", got, want);
	want = 0;
	for (size_t k = 0; want == 0 && k < have; k++) {
		int a = win.bytes[i + k], b = buf[k];

		a = a >= 'A' && a <= 'Z' ? a + 32 : a;
		b = b >= 'A' && b <= 'Z' ? b + 32 : b;
		want = a - b;
	}
	got = fos_sp_casecmp(&p, &end, buf, n);
	FUZZ_CHECK((want == 0 && have == n) == (got == 0), "casecmp said %d, not %d", got, want);
}

static void try_find(size_t i, size_t limit)
{
	struct fos_sp p = at(i), end = at(limit), hit;
	uint8_t pattern[8];
	size_t n = 1 + draw(sizeof(pattern)), from = draw(win.len - i + 1) + i;
	const uint8_t *want;
	int rc;

	memset(pattern, 0x5a, sizeof(pattern));
	memcpy(pattern, win.bytes + from, win.len - from < n ? win.len - from : n);
	want = memmem(win.bytes + i, limit - i, pattern, n);
	rc = fos_sp_find(&p, &end, pattern, n, &hit);
	FUZZ_CHECK(rc == (want ? 0 : -ENOENT), "find said %d", rc);
	FUZZ_CHECK(rc || hit.off == win.head.off + (uint64_t)(want - win.bytes), "found elsewhere");
}

static void try_line(size_t i, size_t limit)
{
	struct fos_sp p = at(i), end = at(limit);
	const uint8_t *lf = memchr(win.bytes + i, '\n', limit - i);
	size_t len = lf ? (size_t)(lf - win.bytes) - i : 0;
	char buf[64];
	size_t size = 2 + draw(sizeof(buf) - 2);
	ssize_t n = fos_sp_read_line(&p, &end, buf, size);

	if (n >= 0) {
		if (len && win.bytes[i + len - 1] == '\r')
			len--;
		FUZZ_CHECK(lf && (size_t)n == len && buf[n] == '\0' && memcmp(buf, win.bytes + i, len) == 0, "a line");
		FUZZ_CHECK(p.off == win.head.off + (uint64_t)(lf - win.bytes) + 1, "p is not behind the line");
	} else {
		FUZZ_CHECK(n == -EMSGSIZE || (n == -EAGAIN && !lf), "a line: %zd", n);
		FUZZ_CHECK(p.off == win.head.off + i, "p has moved");
	}
}

static void try_packets(size_t i, size_t limit)
{
	struct fos_sp p = at(i), end = at(limit);
	uint64_t from, to;
	int rc = fos_sp_packet_bounds(&p, &from, &to);

	FUZZ_CHECK(rc == (i == win.len ? -ERANGE : 0), "packet_bounds said %d", rc);
	FUZZ_CHECK(rc || (from <= p.off && p.off < to), "a byte outside of its packet");
	FUZZ_CHECK((fos_sp_pkt(&p) == NULL) == (i == win.len), "a byte without a packet");
	rc = fos_sp_next_packet(&p, &end);
	FUZZ_CHECK(rc == 0 || rc == -ERANGE, "next_packet said %d", rc);
	FUZZ_CHECK(p.off >= win.head.off + i && p.off <= end.off, "next_packet went astray");
	if (rc == 0)
		FUZZ_CHECK(fos_sp_packet_bounds(&p, &from, &to) == 0 && from == p.off, "not a packet's first byte");
}

static void try_map(size_t i, size_t limit)
{
	static const char *const levels[] = { "ip", "tcp", "app", "http", "udp" };
	struct fos_sp p = at(i), there, back;

	(void)limit;
	if (i == win.len)
		return;
	for (size_t k = 0; k < sizeof(levels) / sizeof(levels[0]); k++) {
		if (fos_sp_map(&p, levels[k], &there))
			continue;
		FUZZ_CHECK(fos_sp_byte(&there) == fos_sp_byte(&p), "another byte at level %s", levels[k]);
		FUZZ_CHECK(fos_sp_map(&there, fos_stream_level(win.s), &back) == 0 && back.off == p.off,
		           "not the way back from level %s", levels[k]);
	}
}

static void try_all(void)
{
	static void (*const tries[])(size_t i, size_t limit) = { try_advance, try_next, try_copy,    try_compare,
		                                                 try_find,    try_line, try_packets, try_map };

	for (unsigned n = 0; n < OPS; n++) {
		size_t i = draw(win.len + 1), limit = i + draw(win.len - i + 1);

		tries[draw(sizeof(tries) / sizeof(tries[0]))](i, limit);
	}
}

static void let_go(void)
{
	struct fos_sp p = at(draw(win.len + 1));

	switch (draw(6)) {
	case 0:
		fos_release_all(win.s);
		break;
	case 1:
		fos_release(win.s, &p);
		break;
	case 2:
		fos_release_packet(win.s, &p);
		break;
	default: /* keep */
		return;
	}
	FUZZ_CHECK(fos_stream_head(win.s).off <= win.tail.off, "released beyond the tail");
}

static int walker_open(const struct fos_module_args *args, void **self, char *err, size_t errlen)
{
	(void)args, (void)err, (void)errlen;
	*self = &win;
	return 0;
}

static void walker_data(void *self, struct fos_stream *s)
{
	uint64_t *seen = fos_stream_state(s);

	(void)self;
	FUZZ_CHECK(fos_stream_tail(s).off >= *seen, "the tail went back");
	*seen = fos_stream_tail(s).off;
	if (window_read(s)) {
		try_all();
		let_go();
	} else {
		fos_release_all(s);
	}
}

static void walker_gap(void *self, struct fos_stream *s, uint64_t off, uint64_t len)
{
	(void)self;
	FUZZ_CHECK(fos_stream_tail(s).off == off && len, "a gap that is not at the tail");
	if (window_read(s))
		try_all();
}

static void walker_close(void *self, struct fos_stream *s, enum fos_end end)
{
	(void)self, (void)end;
	if (window_read(s))
		try_all();
}

const struct fos_module tcp_walker = {
	.abi = FOS_MODULE_ABI,
	.size = sizeof(struct fos_module),
	.name = "walker",
	.stream_state = sizeof(uint64_t),
	.open = walker_open,
	.stream_data = walker_data,
	.stream_gap = walker_gap,
	.stream_close = walker_close,
};
