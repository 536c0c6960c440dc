/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_io_gso_segment.c: super-packets, cut, against packets that are built one by one; and what cannot be cut.
 *
 * (tests/netns/test_gso_kernel.c holds the same against what the kernel makes of a super-packet.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "gso_segment.h"
#include "parse_build.h"

/* Where each header of a line starts, by the line and not by the bytes. */
struct place {
	char word[16];
	uint32_t at;
};

static uint32_t places(const char *line, struct place *p, uint32_t *head)
{
	static const struct {
		const char *word;
		uint32_t len;
		bool more; /* and what stands behind the sign of equality */
	} known[] = { { "eth", 14, false }, { "vlan", 4, false },  { "qinq", 4, false }, { "ip4", 20, false },
		      { "ip6", 40, false }, { "hop", 8, false },   { "udp", 8, false },  { "vxlan", 8, false },
		      { "tcp", 20, true },  { "geneve", 8, true }, { "data", 0, false } };
	uint32_t n = 0, at = 0;
	char words[256], *save = NULL;

	strcpy(words, line);
	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		char *eq = strchr(w, '=');
		unsigned v = eq ? (unsigned)strtoul(eq + 1, NULL, 0) : 0;
		uint32_t len = UINT32_MAX;

		if (eq)
			*eq = '\0';
		for (unsigned i = 0; i < sizeof known / sizeof *known; i++)
			if (!strcmp(w, known[i].word))
				len = known[i].len + (known[i].more ? v : 0);
		if (!strcmp(w, "gre"))
			len = 4 + (v & 0x8000 ? 4u : 0) + (v & 0x2000 ? 4u : 0);
		assert_int_not_equal(len, UINT32_MAX);
		snprintf(p[n].word, sizeof p[n].word, "%s", w);
		p[n++].at = at;
		at += len;
	}
	*head = at;
	return n;
}

/* Right checksums for a packet, innermost first. */
static void mend(uint8_t *bytes, uint32_t len, const struct place *p, uint32_t n)
{
	for (uint32_t i = n; i-- > 0;) {
		uint8_t *h = bytes + p[i].at;
		uint32_t rest = len - p[i].at, ip = i;

		while (ip > 0 && strncmp(p[ip].word, "ip", 2))
			ip--;
		if (!strcmp(p[i].word, "ip4")) {
			put16(h + 10, 0);
			put16(h + 10, ~model_sum(h, 20, 0) & 0xffff);
		} else if (!strcmp(p[i].word, "tcp") || (!strcmp(p[i].word, "udp") && get16(h + 6))) {
			bool v4 = !strcmp(p[ip].word, "ip4");

			build_l4_sum(h, rest, *p[i].word == 't' ? 6 : 17, bytes + p[ip].at + (v4 ? 12 : 8),
			             v4 ? 8 : 32);
		} else if (!strcmp(p[i].word, "gre") && h[0] & 0x80) {
			put16(h + 4, 0);
			put16(h + 4, ~model_sum(h, rest, 0) & 0xffff);
		}
	}
}

static void no_outer_sum(uint8_t *bytes, const struct place *p, uint32_t n, bool wanted)
{
	for (uint32_t i = 0; i + 2 < n && !wanted; i++)
		if (!strcmp(p[i].word, "udp"))
			put16(bytes + p[i].at + 6, 0);
}

/* What packet `index` of the super-packet must be. */
static uint32_t expected(struct build *b, const char *layers, uint32_t index, uint32_t count, uint32_t gso,
                         uint32_t data, uint8_t flags, bool outer_sum)
{
	uint32_t n, head, from = index * gso, len = index + 1 == count ? data - from : gso;
	struct place p[16];
	char line[256];
	uint8_t *bytes;

	snprintf(line, sizeof line, "%s data=%u", layers, len);
	build(b, line);
	bytes = build_bytes(b);
	n = places(line, p, &head);
	for (uint32_t i = 0; i < len; i++)
		bytes[head + i] = (uint8_t)((from + i) * 7 + 1);
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *h = bytes + p[i].at;

		if (!strcmp(p[i].word, "ip4"))
			put16(h + 4, 0x1234 + index);
		if (!strcmp(p[i].word, "tcp")) {
			put16(h + 4, (0x01020304 + from) >> 16);
			put16(h + 6, (0x01020304 + from) & 0xffff);
			h[13] = (uint8_t)(flags & ~((index ? 0x80 : 0) | (index + 1 < count ? 0x09 : 0)));
		}
	}
	no_outer_sum(bytes, p, n, outer_sum);
	mend(bytes, build_len(b), p, n);
	return build_len(b);
}

/* Builds the super-packet of a line as a port gives it. */
static void super(struct build *b, struct fos_frame *f, const char *layers, uint32_t gso, uint32_t data, uint8_t flags,
                  bool outer_sum)
{
	struct place p[16];
	uint32_t n, head, l4, ip;
	char line[256];
	uint8_t *h;
	bool tcp, v4;

	snprintf(line, sizeof line, "%s data=%u", layers, data);
	build(b, line);
	n = places(line, p, &head);
	no_outer_sum(build_bytes(b), p, n, outer_sum);
	l4 = p[n - 2].at;
	tcp = *p[n - 2].word == 't';
	for (ip = n - 2; strncmp(p[ip].word, "ip", 2); ip--)
		;
	v4 = !strcmp(p[ip].word, "ip4");
	h = build_bytes(b) + l4;
	if (tcp)
		h[13] = flags;
	put16(h + (tcp ? 16 : 6),
	      model_sum(build_bytes(b) + p[ip].at + (v4 ? 12 : 8), v4 ? 8 : 32, (tcp ? 6 : 17) + build_len(b) - l4));
	*f = (struct fos_frame){ .data = build_bytes(b),
		                 .len = build_len(b),
		                 .wire_len = build_len(b),
		                 .linktype = 1,
		                 .flags = FOS_FRAME_CSUM_PARTIAL | FOS_FRAME_CSUM_OK,
		                 .gso_type = !tcp ? FOS_GSO_UDP_L4
		                             : v4 ? FOS_GSO_TCPV4
		                                  : FOS_GSO_TCPV6,
		                 .gso_size = (uint16_t)gso,
		                 .csum_start = (uint16_t)l4,
		                 .csum_offset = tcp ? 16 : 6 };
}

static void check_cut(const char *layers, uint32_t gso, uint32_t data, uint8_t flags, bool outer_sum, bool two_pieces)
{
	static struct build whole, part;
	uint32_t count = (data + gso - 1) / gso, i = 0;
	uint8_t head[FOS__GSO_HEAD], *mine, *ext = NULL;
	struct fos_frame f, cut;
	struct fos__gso g;

	super(&whole, &f, layers, gso, data, flags, outer_sum);
	if (two_pieces) {
		f.len -= data;
		f.ext_len = data;
		f.ext = ext = exact_copy(f.data + f.len, data);
	}
	f.data = mine = exact_copy(f.data, f.len);
	assert_int_equal(fos__gso_open(&g, &f), 0);
	for (; fos__gso_next(&g, head, &cut); i++) {
		uint32_t len = expected(&part, layers, i, count, gso, data, flags, outer_sum);

		assert_int_equal(fos_frame_caplen(&cut), len);
		assert_int_equal(cut.wire_len, len);
		assert_int_equal(cut.gso_type | cut.gso_size | cut.csum_start | cut.csum_offset, 0);
		assert_false(cut.flags & FOS_FRAME_CSUM_PARTIAL);
		assert_memory_equal(cut.data, build_bytes(&part), cut.len);
		assert_memory_equal(cut.ext, build_bytes(&part) + cut.len, cut.ext_len);
	}
	assert_int_equal(i, count);
	exact_free(mine, f.len);
	if (ext)
		exact_free(ext, data);
}

static void test_plain(void **state)
{
	static const char *const lines[] = { "eth ip4 tcp",     "eth ip6 tcp=12",       "eth vlan=5 ip4 tcp=40",
		                             "eth ip4 udp=53",  "eth ip6 udp=53",       "eth qinq=3 vlan=5 ip6 tcp",
		                             "eth ip6 hop tcp", "eth ip6 hop udp=4789", "eth vlan=9 ip4 udp=1000" };

	(void)state;
	for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++)
		for (uint32_t data = 999; data < 5100; data += 1000 + i) {
			check_cut(lines[i], 1000, data, 0x18, true, false);
			check_cut(lines[i], 1400 + i, data, 0x99, true, true);
			check_cut(lines[i], 1, 5, 0xd9, true, false);
		}
	check_cut("eth ip4 tcp", 1448, 65495, 0x18, true, false);
	check_cut("eth ip6 tcp", 1428, 65515, 0x18, true, false);
}

static void test_tunnels(void **state)
{
	static const char *const lines[] = {
		"eth ip4 udp=4789 vxlan eth ip4 tcp",
		"eth ip6 udp=4789 vxlan eth ip6 tcp=12",
		"eth vlan=7 ip4 udp=4789 vxlan eth vlan=8 ip6 udp=53",
		"eth ip4 udp=6081 geneve=12 eth ip4 tcp",
		"eth ip4 ip4 tcp",
		"eth ip4 ip6 tcp",
		"eth ip6 ip4 udp=53",
		"eth ip6 hop ip6 tcp",
		"eth ip4 gre=0 ip4 tcp",
		"eth ip4 gre=0xa000 ip6 tcp",
		"eth ip6 gre=0x8000 eth ip4 tcp=20",
		"eth ip4 gre=0x2000 eth vlan=5 ip4 udp=53",
		"eth ip4 udp=5555 ip4 tcp",
		"eth ip4 gre=0 ip4 ip4 udp=4789 vxlan eth ip4 tcp",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++)
		for (unsigned sum = 0; sum < 2; sum++) {
			check_cut(lines[i], 1398, 7001, 0x18, sum, false);
			check_cut(lines[i], 1300, 2600, 0x89, sum, true);
		}
}

static void test_tunnelled(void **state)
{
	static struct build b;
	struct fos_frame f;
	struct fos__gso g;

	(void)state;
	super(&b, &f, "eth vlan=4 ip6 hop tcp", 1000, 3000, 0x18, true);
	assert_int_equal(fos__gso_open(&g, &f), 0);
	assert_false(fos__gso_tunnelled(&g));
	super(&b, &f, "eth ip4 gre=0 ip4 tcp", 1000, 3000, 0x18, true);
	assert_int_equal(fos__gso_open(&g, &f), 0);
	assert_true(fos__gso_tunnelled(&g));
}

/* What is cut off at any byte, or damaged, is refused or cut, and no byte beside it is read (sanitizers look). */
static void test_hostile(void **state)
{
	static const char *const lines[] = { "eth vlan=4 ip4 udp=4789 vxlan eth ip4 tcp",
		                             "eth ip6 hop gre=0xa000 eth ip6 udp=9", "eth ip4 ip6 hop tcp" };
	static struct build b;
	uint8_t head[FOS__GSO_HEAD];
	struct fos_frame f, cut;
	struct fos__gso g;
	unsigned opened = 0, refused = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++) {
		super(&b, &f, lines[i], 100, 450, 0x18, true);
		for (uint32_t at = 0; at < 400; at++) {
			struct fos_frame h = f;
			uint8_t *mine;

			if (at < 200)
				h.len = h.wire_len = at; /* cut short */
			h.data = mine = exact_copy(f.data, h.len);
			if (at >= 200 && at - 200 < h.len)
				mine[at - 200] ^= 0xff;
			if (fos__gso_open(&g, &h)) {
				refused++;
			} else {
				opened++;
				while (fos__gso_next(&g, head, &cut))
					assert_true(cut.len <= FOS__GSO_HEAD && cut.ext_len <= 100);
			}
			exact_free(mine, h.len);
		}
	}
	assert_true(opened > 10 && refused > 10);
}

static void test_refused(void **state)
{
	static struct build b;
	struct fos_frame f, g;
	struct fos__gso s;

	(void)state;
	super(&b, &f, "eth ip4 tcp", 1000, 3000, 0x18, true);
	g = f;
	g.gso_type = FOS_GSO_NONE;
	assert_int_equal(fos__gso_open(&s, &g), -ENOTSUP);
	g = f;
	g.gso_type = FOS_GSO_UDP;
	assert_int_equal(fos__gso_open(&s, &g), -ENOTSUP);
	g = f;
	g.gso_size = 0;
	assert_int_equal(fos__gso_open(&s, &g), -ENOTSUP);
	g = f;
	g.flags = 0;
	assert_int_equal(fos__gso_open(&s, &g), -ENOTSUP);
	g = f;
	g.csum_start = (uint16_t)(g.len - 10);
	assert_int_equal(fos__gso_open(&s, &g), -ENOTSUP);
	super(&b, &f, "eth ip4 udp=2152 vxlan ip4 tcp", 1000, 3000, 0x18, true); /* GTP: its length would be wrong */
	assert_int_equal(fos__gso_open(&s, &f), -ENOTSUP);
	super(&b, &f, "eth ip4 gre=0 ip4 tcp", 1000, 3000, 0x18, true);
	((uint8_t *)(uintptr_t)f.data)[34] = 0x10; /* numbered: so would the numbers */
	assert_int_equal(fos__gso_open(&s, &f), -ENOTSUP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),   cmocka_unit_test(test_tunnels), cmocka_unit_test(test_tunnelled),
		cmocka_unit_test(test_hostile), cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
