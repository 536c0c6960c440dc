/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_parse.c: the parser against packets of every kind it knows, whole, cut anywhere, in two pieces, and damaged.
 * FLOWOS_SEED chooses the damage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <flowos/key.h>
#include <flowos/parse.h>
#include <flowos/rand.h>

#include "parse_build.h"

enum {
	V = FOS_ENCAP_VLAN,
	Q = FOS_ENCAP_QINQ,
	M = FOS_ENCAP_MPLS,
	PPPOE = FOS_ENCAP_PPPOE,
	IPIP = FOS_ENCAP_IPIP,
	GRE = FOS_ENCAP_GRE,
	ERSPAN = FOS_ENCAP_ERSPAN,
	VXLAN = FOS_ENCAP_VXLAN,
	GENEVE = FOS_ENCAP_GENEVE,
	GTP = FOS_ENCAP_GTP,
	TEREDO = FOS_ENCAP_TEREDO,
	L2TP = FOS_ENCAP_L2TP,
	LINK_BITS = V | Q | M | PPPOE,
	TCP = FOS_PKT_TCP,
	UDP = FOS_PKT_UDP,
	FRAG = FOS_PKT_FRAGMENT,
	OTHER = FOS_PKT_OTHER,
	NON_IP = FOS_PKT_NON_IP,
	MALFORMED = FOS_PKT_MALFORMED,
	TRUNCATED = FOS_PKT_TRUNCATED,
	NOT_KNOWN = FOS_PKT_LINKTYPE,
};

static const struct sample {
	uint16_t linktype;
	const char *line;
	int verdict;
	unsigned encap;
	uint16_t vlan; /* 0: none; 0xf000: 0 */
	uint32_t app_len;
} samples[] = {
	/* link types */
	{ 1, "eth ip4 tcp data=11", TCP, 0, 0, 11 },
	{ 1, "eth ip4 tcp", TCP, 0, 0, 0 },
	{ 1, "eth ip4=24 tcp=12 data=5", TCP, 0, 0, 5 },
	{ 1, "eth ip4=60 tcp=40 data=5", TCP, 0, 0, 5 },
	{ 1, "eth ip6 tcp data=11", TCP, 0, 0, 11 },
	{ 1, "eth ip4 udp=53 data=12", UDP, 0, 0, 12 },
	{ 1, "eth ip4 udp=53", UDP, 0, 0, 0 },
	{ 1, "eth ip6 udp=53 data=12", UDP, 0, 0, 12 },
	{ 1, "eth ip4 icmp data=12", OTHER, 0, 0, 0 },
	{ 1, "eth type=0x0806 data=28", NON_IP, 0, 0, 0 },
	{ 1, "eth8023 snap ip4 tcp data=3", TCP, 0, 0, 3 },
	{ 1, "eth8023 snap ip6 tcp data=3", TCP, 0, 0, 3 },
	{ 1, "eth8023 data=38", NON_IP, 0, 0, 0 },
	{ 0, "null=2 ip4 tcp data=3", TCP, 0, 0, 3 },
	{ 0, "loop=2 ip4 tcp data=3", TCP, 0, 0, 3 },
	{ 0, "null=10 ip6 tcp data=3", TCP, 0, 0, 3 },
	{ 0, "null=24 ip6 tcp data=3", TCP, 0, 0, 3 },
	{ 0, "null=28 ip6 tcp data=3", TCP, 0, 0, 3 },
	{ 0, "null=30 ip6 tcp data=3", TCP, 0, 0, 3 },
	{ 0, "null=99 ip6 tcp data=3", NON_IP, 0, 0, 0 },
	{ 108, "loop=2 ip4 tcp data=3", TCP, 0, 0, 3 },
	{ 108, "loop=24 ip6 tcp data=3", TCP, 0, 0, 3 },
	{ 101, "ip4 tcp data=3", TCP, 0, 0, 3 },
	{ 101, "ip6 tcp data=3", TCP, 0, 0, 3 },
	{ 12, "ip4 tcp data=3", TCP, 0, 0, 3 },
	{ 14, "ip6 tcp data=3", TCP, 0, 0, 3 },
	{ 228, "ip4 tcp data=3", TCP, 0, 0, 3 },
	{ 229, "ip6 tcp data=3", TCP, 0, 0, 3 },
	{ 113, "sll ip4 tcp data=3", TCP, 0, 0, 3 },
	{ 113, "sll vlan=7 ip6 tcp data=3", TCP, V, 7, 3 },
	{ 276, "sll2 ip4 tcp data=3", TCP, 0, 0, 3 },
	{ 276, "sll2 ip6 tcp data=3", TCP, 0, 0, 3 },
	{ 9, "ppp=2 ip4 tcp data=3", TCP, 0, 0, 3 },
	{ 9, "ppp ip6 tcp data=3", TCP, 0, 0, 3 },
	{ 9, "ppp=1 ip4 tcp data=3", TCP, 0, 0, 3 },
	{ 9, "ppp mpls ip4 tcp data=3", TCP, M, 0, 3 },
	{ 50, "ppp=2 ip6 tcp data=3", TCP, 0, 0, 3 },
	{ 50, "chdlc=0x0f00 ip4 tcp data=3", TCP, 0, 0, 3 },
	{ 51, "pppoe ppp ip4 tcp data=3", TCP, PPPOE, 0, 3 },
	{ 104, "chdlc=0x0f00 ip6 tcp data=3", TCP, 0, 0, 3 },
	{ 147, "eth ip4 tcp data=3", NOT_KNOWN, 0, 0, 0 },
	/* tags and labels */
	{ 1, "eth vlan=5 ip4 tcp data=3", TCP, V, 5, 3 },
	{ 1, "eth vlan=4095 ip6 udp=9 data=3", UDP, V, 4095, 3 },
	{ 1, "eth qinq=6 ip4 tcp data=3", TCP, V, 6, 3 },
	{ 1, "eth qinq=6 vlan=7 ip4 tcp data=3", TCP, V | Q, 6, 3 },
	{ 1, "eth qinq91=8 vlan=7 ip6 tcp data=3", TCP, V | Q, 8, 3 },
	{ 1, "eth vlan=1 vlan=2 vlan=3 vlan=4 ip4 tcp data=3", TCP, V | Q, 1, 3 },
	{ 1, "eth vlan=3 mpls mpls mpls ip4 tcp data=3", TCP, V | M, 3, 3 },
	{ 1, "eth mpls ip6 tcp data=3", TCP, M, 0, 3 },
	{ 1, "eth mpls cw eth vlan=9 ip4 tcp data=3", TCP, M | V, 9, 3 },
	{ 1, "eth mpls eth ip4 tcp data=3", TCP, M, 0, 3 },
	{ 1, "eth pppoe ppp ip4 tcp data=3", TCP, PPPOE, 0, 3 },
	{ 1, "eth vlan=2 pppoe ppp ip6 tcp data=3", TCP, V | PPPOE, 2, 3 },
	{ 1, "eth etag ip4 tcp data=3", TCP, 0, 0, 3 },
	{ 1, "eth vlan=5 vntag vlan=6 ip4 tcp data=3", TCP, V | Q, 5, 3 },
	{ 1, "eth cmd vlan=6 ip6 tcp data=3", TCP, V, 6, 3 },
	{ 1, "eth vlan=5 pbb eth vlan=6 ip4 tcp data=3", TCP, V | Q, 5, 3 },
	{ 1, "eth fabricpath eth vlan=6 ip4 tcp data=3", TCP, V, 6, 3 },
	{ 1, "eth8023 snap vlan=2 length snap vlan=3 length snap ip4 tcp data=3", TCP, V | Q, 2, 3 },
	{ 1, "eth vlan vlan vlan vlan vlan vlan vlan vlan vlan vlan vlan vlan vlan vlan vlan vlan vlan vlan ip4 tcp",
	  NON_IP, V | Q, 0xf000, 0 },
	/* IPv6 extension headers; AH in IPv4 */
	{ 1, "eth ip6 hop route dst ah mobile tcp data=9", TCP, 0, 0, 9 },
	{ 1, "eth ip6 hop udp=9 data=9", UDP, 0, 0, 9 },
	{ 1, "eth ip6 frag6=0 tcp data=9", TCP, 0, 0, 9 },
	{ 1, "eth ip6 hop frag6=1 tcp data=9", FRAG, 0, 0, 29 },
	{ 1, "eth ip6 frag6=16 data=9", FRAG, 0, 0, 9 },
	{ 1, "eth ip6 hop icmp", OTHER, 0, 0, 0 },
	{ 1, "eth ip4 ah4 tcp data=9", TCP, 0, 0, 9 },
	{ 1, "eth frag4=0x2000 tcp data=12", FRAG, 0, 0, 32 },
	{ 1, "eth vlan=9 frag4=0x0004 data=12", FRAG, V, 9, 12 },
	/* tunnels */
	{ 1, "eth ip4 ip4 tcp data=3", TCP, IPIP, 0, 3 },
	{ 1, "eth ip4 ip6 tcp data=3", TCP, IPIP, 0, 3 },
	{ 1, "eth ip6 ip4 tcp data=3", TCP, IPIP, 0, 3 },
	{ 1, "eth ip6 dst ip6 udp=9 data=3", UDP, IPIP, 0, 3 },
	{ 1, "eth ip4 mpls ip4 tcp data=3", TCP, M, 0, 3 },
	{ 1, "eth ip4 gre ip4 tcp data=3", TCP, GRE, 0, 3 },
	{ 1, "eth ip4 gre=0xb000 ip6 tcp data=3", TCP, GRE, 0, 3 },
	{ 1, "eth ip6 gre=0x2000 eth vlan=4 ip4 tcp data=3", TCP, GRE | V, 4, 3 },
	{ 1, "eth ip4 gre mpls ip4 tcp data=3", TCP, GRE | M, 0, 3 },
	{ 1, "eth ip4 gre erspan1 eth ip4 tcp data=3", TCP, GRE | ERSPAN, 0, 3 },
	{ 1, "eth ip4 gre=0x1000 erspan2 eth ip4 tcp data=3", TCP, GRE | ERSPAN, 0, 3 },
	{ 1, "eth ip4 gre=0x1000 erspan3 eth ip4 tcp data=3", TCP, GRE | ERSPAN, 0, 3 },
	{ 1, "eth ip4 gre=0x1000 erspan3=1 eth ip4 tcp data=3", TCP, GRE | ERSPAN, 0, 3 },
	{ 1, "eth ip4 gre=0x3001 ppp=2 ip4 tcp data=3", TCP, GRE, 0, 3 },
	{ 1, "eth ip4 gre=0x3081 ppp=1 ip4 tcp data=3", TCP, GRE, 0, 3 },
	{ 1, "eth ip4 gre=0x2001 ppp ip4 tcp data=3", OTHER, 0, 0, 0 },
	{ 1, "eth ip4 gre type=0x0806 data=28", OTHER, 0, 0, 0 },
	{ 1, "eth ip4 udp=4789 vxlan eth ip4 tcp data=3", TCP, VXLAN, 0, 3 },
	{ 1, "eth vlan=5 ip6 udp=8472 vxlan eth vlan=6 ip6 tcp data=3", TCP, VXLAN | V | Q, 5, 3 },
	{ 1, "eth ip4 udp=6081 geneve eth ip4 tcp data=3", TCP, GENEVE, 0, 3 },
	{ 1, "eth ip4 udp=6081 geneve=12 ip6 udp=9 data=3", UDP, GENEVE, 0, 3 },
	{ 1, "eth ip4 udp=2152 gtp ip4 tcp data=3", TCP, GTP, 0, 3 },
	{ 1, "eth ip4 udp=2152 gtp=1 ip6 tcp data=3", TCP, GTP, 0, 3 },
	{ 1, "eth ip4 udp=2152 gtp=2 ip4 udp=9 data=3", UDP, GTP, 0, 3 },
	{ 1, "eth ip4 udp=4790 gpe eth ip4 tcp data=3", TCP, VXLAN, 0, 3 },
	{ 1, "eth ip4 udp=4790 gpe=1 ip4 tcp data=3", TCP, VXLAN, 0, 3 },
	{ 1, "eth ip4 udp=4790 gpe=2 ip6 tcp data=3", TCP, VXLAN, 0, 3 },
	{ 1, "eth ip4 udp=4790 gpe=3 eth ip6 tcp data=3", TCP, VXLAN, 0, 3 },
	{ 1, "eth ip4 udp=4790 gpe=5 mpls ip4 tcp data=3", TCP, VXLAN | M, 0, 3 },
	{ 1, "eth ip4 udp=4790 gpe=4 ip4 tcp data=3", UDP, 0, 0, 51 },
	{ 1, "eth ip4 udp=1701 l2tp=2 ppp=2 ip4 tcp data=3", TCP, L2TP, 0, 3 },
	{ 1, "eth ip4 udp=1701 l2tp=0x4a02 ppp ip6 tcp data=3", TCP, L2TP, 0, 3 },
	{ 1, "eth ip4 udp=1701 l2tp=0xc802 data=30", UDP, 0, 0, 42 },
	{ 1, "eth ip4 udp=3544 ip6 tcp data=3", TCP, TEREDO, 0, 3 },
	{ 1, "eth ip4 udp=3544 auth origin ip6 tcp data=3", TCP, TEREDO, 0, 3 },
	{ 1, "eth ip4 ip4 ip4 ip4 ip4 ip4 ip4 ip4 tcp data=3", TCP, IPIP, 0, 3 },
	{ 1, "eth ip4 gre frag4=0x2000 tcp data=12", FRAG, GRE, 0, 32 },
	{ 1, "eth frag4=0x2000 gre ip4 tcp data=4", FRAG, 0, 0, 48 },
	{ 1, "eth ip4 ip4 icmp", OTHER, IPIP, 0, 0 },
	/* more than eight deep: what is inside stays inside */
	{ 1, "eth ip4 ip4 ip4 ip4 ip4 ip4 ip4 ip4 ip4 ip4 tcp", OTHER, IPIP, 0, 0 },
	/* a tunnel's port is no tunnel */
	{ 1, "eth ip4 udp=4789 data=40", UDP, 0, 0, 40 },
	{ 1, "eth ip4 udp=4789 vxlan eth type=0x0806 data=28", UDP, 0, 0, 50 },
	{ 1, "eth ip4 udp=6081 data=40", UDP, 0, 0, 40 },
	{ 1, "eth ip4 udp=2152 data=40", UDP, 0, 0, 40 },
	{ 1, "eth ip4 udp=3544 data=80", UDP, 0, 0, 80 },
	{ 1, "eth ip4 udp=4789 data=1", UDP, 0, 0, 1 },
};

enum { SAMPLES = sizeof samples / sizeof *samples };

static int parse(struct fos_pkt *p, uint16_t linktype, const uint8_t *data, uint32_t len, uint32_t wire, unsigned flags)
{
	memset(p, 0xa5, sizeof *p);
	p->f = (struct fos_frame){ .data = data, .len = len, .wire_len = wire, .linktype = linktype };
	return (int)fos_parse(p, flags);
}

/* Whatever the bytes are, nothing points outside of them. */
static void check_inside(const struct fos_pkt *p, const uint8_t *data, uint32_t len)
{
	struct fos_key key;

	assert_true(p->verdict < FOS_PKT_VERDICTS);
	assert_null(p->buf);
	assert_true(p->id == UINT64_C(0xa5a5a5a5a5a5a5a5)); /* as parse() left it */
	if (p->verdict > FOS_PKT_OTHER)
		return;
	assert_true(p->ip >= data && p->ip + p->ip_len <= data + len && p->l4 <= p->ip_len);
	assert_true(p->app_len <= p->app_wire_len);
	assert_true((p->app == NULL) == (p->app_len == 0));
	assert_true(!p->app || (p->app >= p->ip + p->l4 + p->l4_len && p->app + p->app_len <= p->ip + p->ip_len));
	fos_checksum_ok(p);
	if (p->verdict <= FOS_PKT_UDP) {
		assert_true(p->l4 + p->l4_len <= p->ip_len);
		fos_key_of(p, 1, &key);
	}
}

static void test_whole(void **state)
{
	static struct build b;
	struct fos_pkt p;

	(void)state;
	for (int i = 0; i < SAMPLES; i++) {
		const struct sample *s = &samples[i];
		uint8_t *data;
		uint32_t len;
		int got;

		build(&b, s->line);
		len = build_len(&b);
		data = exact_copy(build_bytes(&b), len);
		got = parse(&p, s->linktype, data, len, len, 0);
		if (got != s->verdict || p.encap != s->encap || p.app_len != s->app_len)
			fail_msg("%s: %s, encap %x, %u bytes", s->line, fos_verdict_name(p.verdict), p.encap,
			         p.app_len);
		check_inside(&p, data, len);
		assert_int_equal(p.vlan, s->vlan ? s->vlan & 0xfff : 0xffff);
		assert_int_equal(p.app_wire_len, s->app_len);
		for (uint32_t j = 0; (got == TCP || (got == UDP && s->encap)) && j < p.app_len; j++)
			assert_int_equal(p.app[j], (uint8_t)(j * 7 + 1));
		if (got == TCP) {
			assert_int_equal(p.sport, 12345);
			assert_int_equal(p.dport, 80);
			assert_int_equal(p.seq, 0x01020304);
			assert_int_equal(p.ack, 0x05060708);
			assert_int_equal(p.tcp_flags, FOS_TCP_ACK | FOS_TCP_PSH);
		}
		if (!fos_checksum_ok(&p))
			fail_msg("%s: checksum", s->line);
		if (got == TCP || got == UDP) { /* any flipped payload bit is seen */
			for (uint32_t j = 0; j < p.app_len; j++) {
				data[p.app - data + j] ^= 0x10;
				assert_false(fos_checksum_ok(&p));
				data[p.app - data + j] ^= 0x10;
			}
		}
		exact_free(data, len);
	}
}

/* Every beginning of every sample: first it is cut inside a header, then only in its payload. */
static void test_cut(void **state)
{
	static struct build b;
	struct fos_pkt p;

	(void)state;
	for (int i = 0; i < SAMPLES; i++) {
		const struct sample *s = &samples[i];
		bool reached = false, tunnel = s->encap & ~(unsigned)LINK_BITS || strstr(s->line, "ip4 mpls");

		build(&b, s->line);
		for (uint32_t n = 0; n <= build_len(&b); n++) {
			uint8_t *data = exact_copy(build_bytes(&b), n);
			int got = parse(&p, s->linktype, data, n, build_len(&b), 0);

			check_inside(&p, data, n);
			if (got == s->verdict && p.encap == s->encap) {
				reached = true;
				assert_int_equal(p.app_wire_len, s->app_len);
			} else if (reached || (got != TRUNCATED && !(tunnel && (got == UDP || got == OTHER)) &&
			                       !(got == NON_IP && p.encap & M))) {
				fail_msg("%s, cut at %u: %s", s->line, n, fos_verdict_name(p.verdict));
			}
			exact_free(data, n);
		}
		assert_true(reached);
	}
}

/* As a multiplied session is: headers of its own, payload elsewhere. */
static void test_two_pieces(void **state)
{
	static struct build b;
	struct fos_pkt whole, p;
	uint64_t both = 0;

	(void)state;
	for (int i = 0; i < SAMPLES; i++) {
		uint8_t *data, *ext;
		uint32_t len, cut;

		build(&b, samples[i].line);
		len = build_len(&b);
		if (parse(&whole, samples[i].linktype, build_bytes(&b), len, len, 0) > FRAG || !whole.app)
			continue;
		cut = (uint32_t)(whole.app - build_bytes(&b));
		data = exact_copy(build_bytes(&b), cut);
		ext = exact_copy(whole.app, len - cut);
		memset(&p, 0xa5, sizeof p);
		p.f = (struct fos_frame){ .data = data, .len = cut, .ext = ext, .ext_len = len - cut };
		p.f.wire_len = len;
		p.f.linktype = samples[i].linktype;
		assert_int_equal(fos_parse(&p, 0), whole.verdict);
		assert_ptr_equal(p.app, ext);
		assert_int_equal(p.app_len, whole.app_len);
		assert_int_equal(p.app_wire_len, whole.app_wire_len);
		assert_int_equal(p.ip_len, cut - (uint32_t)(p.ip - data));
		assert_true(fos_checksum_ok(&p));
		if (whole.verdict != FOS_PKT_FRAGMENT) {
			ext[0] ^= 1;
			assert_false(fos_checksum_ok(&p));
		}
		exact_free(data, cut);
		exact_free(ext, len - cut);
		both++;
	}
	assert_true(both > 60);
}

static void test_no_decap(void **state)
{
	static struct build b;
	struct fos_pkt p;

	(void)state;
	for (int i = 0; i < SAMPLES; i++) {
		const struct sample *s = &samples[i];
		int got;

		build(&b, s->line);
		got = parse(&p, s->linktype, build_bytes(&b), build_len(&b), build_len(&b), FOS_PARSE_NO_DECAP);
		assert_false(p.encap & ~(unsigned)LINK_BITS);
		if (!(s->encap & ~(unsigned)LINK_BITS) && !strstr(s->line, "ip4 mpls"))
			assert_int_equal(got, s->verdict);
		else
			assert_int_equal(got, strstr(s->line, "udp=") && !strstr(s->line, "dst") ? UDP : OTHER);
	}
}

/* A byte or two changed. Ethernet, so IPv4 begins at 14, and TCP or UDP at 34. */
static void test_changed(void **state)
{
	static const struct {
		const char *line;
		uint32_t at;
		unsigned value; /* 16 bits */
		int verdict;
		uint32_t app_len, app_wire_len;
	} cases[] = {
		{ "eth ip4 tcp data=8", 14, 0x4400, MALFORMED, 0, 0 },     /* header of 16 bytes */
		{ "eth ip4 tcp data=8", 14, 0x5500, MALFORMED, 0, 0 },     /* version 5 */
		{ "eth ip4 tcp data=8", 16, 19, MALFORMED, 0, 0 },         /* total length within the header */
		{ "eth ip4 tcp data=8", 16, 30, MALFORMED, 0, 0 },         /* and within TCP's */
		{ "eth ip4 tcp=4 data=8", 16, 40, MALFORMED, 0, 0 },       /* and within its options */
		{ "eth ip4 tcp data=8", 16, 45, TCP, 5, 5 },               /* the rest is padding */
		{ "eth ip4 tcp data=8", 16, 100, TCP, 8, 60 },             /* captured in part */
		{ "eth ip4 tcp data=8", 16, 0, TCP, 8, 8 },                /* for the NIC to cut */
		{ "eth ip4 tcp data=8", 46, 0x4018, MALFORMED, 8, 8 },     /* TCP header of 16 bytes */
		{ "eth ip4 tcp data=8", 46, 0xf018, MALFORMED, 8, 8 },     /* of 60, and IP ends before */
		{ "eth ip4 udp=53 data=8", 38, 7, MALFORMED, 0, 0 },       /* UDP length within the header */
		{ "eth ip4 udp=53 data=8", 38, 0, UDP, 8, 8 },             /* none: as IP says */
		{ "eth ip4 udp=53 data=8", 38, 99, UDP, 8, 8 },            /* too long: as IP says */
		{ "eth ip4 udp=53 data=8", 38, 12, UDP, 4, 4 },            /* IP carries more than UDP */
		{ "eth ip4 udp=53 data=8", 38, 8, UDP, 0, 0 },             /* nothing but */
		{ "eth ip4 udp=53 data=8", 16, 27, MALFORMED, 0, 0 },      /* no room for UDP's header */
		{ "eth ip6 tcp data=8", 14, 0x5000, MALFORMED, 0, 0 },     /* version */
		{ "eth ip6 tcp data=8", 18, 0, TCP, 8, 8 },                /* jumbo */
		{ "eth ip6 tcp data=8", 18, 10, MALFORMED, 0, 0 },         /* payload length within TCP's header */
		{ "eth ip6 tcp data=8", 18, 200, TCP, 8, 180 },            /* captured in part */
		{ "eth ip6 tcp data=8", 20, 59 * 256, OTHER, 0, 0 },       /* no next header */
		{ "eth ip6 hop tcp data=8", 54, 0x06ff, MALFORMED, 0, 0 }, /* extension of 2048 bytes */
		{ "eth ip6 frag6=0 tcp data=8", 56, 6, TCP, 8, 8 },        /* reserved bits: still atomic */
		{ "eth pppoe ppp ip4 tcp data=8", 14, 0x1109, NON_IP, 0, 0 },
		{ "eth pppoe ppp ip4 tcp data=8", 20, 0xc021, NON_IP, 0, 0 },
		{ "eth8023 snap ip4 tcp data=8", 12, 20, MALFORMED, 0, 0 }, /* 802.3 length too short for IP */
		{ "eth ip4 gre ip4 tcp data=8", 34, 0x4000, OTHER, 0, 0 },  /* source routes */
		{ "eth ip4 gre ip4 tcp data=8", 34, 0x0002, OTHER, 0, 0 },  /* version 2 */
		{ "eth ip4 gre ip4 tcp data=8", 40, 10, MALFORMED, 0, 0 },  /* inner total length */
		{ "eth ip4 udp=4789 vxlan eth ip4 tcp data=8", 66, 10, UDP, 70, 70 },
	};
	static struct build b;
	struct fos_pkt p;

	(void)state;
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		int got;

		build(&b, cases[i].line);
		put16(build_bytes(&b) + cases[i].at, cases[i].value);
		got = parse(&p, 1, build_bytes(&b), build_len(&b), build_len(&b), 0);
		check_inside(&p, build_bytes(&b), build_len(&b));
		if (got != cases[i].verdict)
			fail_msg("%s, %u at %u: %s", cases[i].line, cases[i].value, cases[i].at,
			         fos_verdict_name(p.verdict));
		if (got <= UDP) {
			assert_int_equal(p.app_len, cases[i].app_len);
			assert_int_equal(p.app_wire_len, cases[i].app_wire_len);
		}
	}
}

static uint64_t seed(void)
{
	const char *s = getenv("FLOWOS_SEED");
	uint64_t n = s ? strtoull(s, NULL, 0) : 1;

	print_message("FLOWOS_SEED=%llu\n", (unsigned long long)n);
	return n;
}

static void test_damage(void **state)
{
	enum { ROUNDS = 1000000 };
	static struct build b[SAMPLES];
	uint64_t start = seed(), seen[FOS_PKT_VERDICTS] = { 0 };
	struct fos_pkt p;

	(void)state;
	for (int i = 0; i < SAMPLES; i++)
		build(&b[i], samples[i].line);
	for (uint64_t round = 0; round < ROUNDS; round++) {
		uint64_t h = fos_mix64_add(start, round);
		struct build *s = &b[fos_below(h, SAMPLES)];
		uint32_t len = build_len(s), n = (uint32_t)(h & 3 ? len : fos_below(fos_mix64(h), len + 1));
		uint8_t *data = exact_copy(build_bytes(s), n);

		for (unsigned i = 0; n > 0 && i < 1 + (h >> 2 & 3); i++) {
			uint64_t r = fos_mix64_add(h, i + 1);
			uint32_t at = (uint32_t)fos_below(r, n);

			data[at] = (uint8_t)(r & 64 ? data[at] ^ 1u << (r & 7) : r & 0xff);
		}
		parse(&p, h >> 4 & 15 ? samples[s - b].linktype : (uint16_t)(h >> 8 & 255), data, n, len,
		      h >> 16 & 7 ? 0 : FOS_PARSE_NO_DECAP);
		check_inside(&p, data, n);
		seen[p.verdict]++;
		exact_free(data, n);
	}
	for (int i = 0; i < FOS_PKT_VERDICTS; i++) {
		print_message("%s %llu\n", fos_verdict_name((enum fos_verdict)i), (unsigned long long)seen[i]);
		assert_true(seen[i] > 0);
	}
}

/* Headers within headers to the end of a long frame: they are left alone at some depth, whatever they are. */
static void test_deep(void **state)
{
	static const char *const layers[] = { "mpls eth",
		                              "pbb eth",
		                              "snap vlan=1 length",
		                              "ip4 ip4",
		                              "ip6 gre",
		                              "mpls cw eth",
		                              "ip4 udp=4789 vxlan eth",
		                              "ip4 udp=2152 gtp",
		                              "ip6 mpls",
		                              "vlan",
		                              "mpls",
		                              "hop" };
	enum { LEN = 60000 };
	static uint8_t mem[LEN + 200];
	static struct build b;
	struct fos_pkt p;

	(void)state;
	for (unsigned i = 0; i < sizeof layers / sizeof *layers; i++) {
		char line[256];
		uint32_t len = 14, at, n;

		snprintf(line, sizeof line, "eth %s %s", layers[i], layers[i]);
		build(&b, line);
		n = (build_len(&b) - 14) / 2;
		memcpy(mem, build_bytes(&b), 14);
		for (at = 14; at < LEN; at += n)
			memcpy(mem + at, build_bytes(&b) + 14, n);
		for (; at > 14; at -= n) { /* let the lengths of IP not end it */
			if (mem[at - n] == 0x45)
				put16(mem + at - n + 2, LEN);
			else if (mem[at - n] == 0x60)
				put16(mem + at - n + 4, LEN);
			len += n;
		}
		parse(&p, 1, mem, len, len, 0);
		check_inside(&p, mem, len);
	}
}

static void test_parse_ip(void **state)
{
	static struct build b;
	struct fos_pkt p;

	(void)state;
	memset(&p, 0, sizeof p);
	p.vlan = 17;
	p.encap = FOS_ENCAP_VLAN;
	build(&b, "ip4 gre ip6 tcp data=4");
	assert_int_equal(fos_parse_ip(&p, build_bytes(&b), build_len(&b), 0, 0), TCP);
	assert_int_equal(p.vlan, 17);
	assert_int_equal(p.encap, FOS_ENCAP_VLAN | FOS_ENCAP_GRE);
	assert_int_equal(p.app_len, 4);
	assert_int_equal(fos_parse_ip(&p, build_bytes(&b), build_len(&b), 0, 8), OTHER);
	assert_int_equal(fos_parse_ip(&p, build_bytes(&b), 0, 0, 0), TRUNCATED);
	build_bytes(&b)[0] = 0;
	assert_int_equal(fos_parse_ip(&p, build_bytes(&b), build_len(&b), 0, 0), MALFORMED);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),      cmocka_unit_test(test_cut),     cmocka_unit_test(test_no_decap),
		cmocka_unit_test(test_two_pieces), cmocka_unit_test(test_changed), cmocka_unit_test(test_parse_ip),
		cmocka_unit_test(test_damage),     cmocka_unit_test(test_deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
