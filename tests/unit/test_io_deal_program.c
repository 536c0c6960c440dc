/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_io_deal_program.c: the program for the kernel's packet filter says what flowos/shard.h says, run here by a few lines that know
 * its instructions; tests/netns/test_afpacket_set.c has the kernel run it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/filter.h>
#include <sys/socket.h>
#include <unistd.h>

#include <flowos/parse.h>
#include <flowos/rand.h>

#include "deal_program.h"
#include "parse_build.h"

static uint64_t rnd = 17;

static uint32_t any(uint32_t n)
{
	return (uint32_t)fos_below(fos_mix64(++rnd), n);
}

/* A big-endian field; false: it is not all there. */
static bool load(const uint8_t *bytes, uint32_t len, uint64_t at, uint32_t size, uint32_t *to)
{
	if (at + size > len)
		return false;
	*to = 0;
	for (uint32_t i = 0; i < size; i++)
		*to = *to << 8 | bytes[at + i];
	return true;
}

static uint32_t compute(uint16_t code, uint32_t a, uint32_t by)
{
	switch (BPF_OP(code)) {
	case BPF_ADD:
		return a + by;
	case BPF_MUL:
		return a * by;
	case BPF_AND:
		return a & by;
	case BPF_LSH:
		return a << by;
	case BPF_RSH:
		return a >> by;
	case BPF_XOR:
		return a ^ by;
	default:
		fail_msg("operation %x", code);
		return 0;
	}
}

/* What the kernel's run gives. `type`: of what is at `bytes`. */
static uint32_t run(const struct sock_filter *f, unsigned n, const uint8_t *bytes, uint32_t len, uint16_t type)
{
	uint32_t a = 0, x = 0, mem[BPF_MEMWORDS] = { 0 };

	for (unsigned pc = 0; pc < n; pc++) {
		uint16_t code = f[pc].code;
		uint32_t k = f[pc].k, by = BPF_SRC(code) == BPF_X ? x : k;
		uint32_t size = BPF_SIZE(code) == BPF_B ? 1 : BPF_SIZE(code) == BPF_H ? 2 : 4;

		switch (BPF_CLASS(code)) {
		case BPF_LD:
			if (BPF_MODE(code) == BPF_IMM)
				a = k;
			else if (BPF_MODE(code) == BPF_MEM)
				a = mem[k];
			else if (BPF_MODE(code) == BPF_ABS && k == (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL))
				a = type;
			else if (!load(bytes, len, (uint64_t)k + (BPF_MODE(code) == BPF_IND ? x : 0), size, &a))
				return 0;
			break;
		case BPF_LDX:
			assert_int_equal(BPF_MODE(code), BPF_MEM);
			x = mem[k];
			break;
		case BPF_ST:
			mem[k] = a;
			break;
		case BPF_STX:
			mem[k] = x;
			break;
		case BPF_ALU:
			a = compute(code, a, by);
			break;
		case BPF_JMP:
			if (BPF_OP(code) == BPF_JA)
				pc += k;
			else if (BPF_OP(code) == BPF_JEQ)
				pc += a == by ? f[pc].jt : f[pc].jf;
			else if (BPF_OP(code) == BPF_JGT)
				pc += a > by ? f[pc].jt : f[pc].jf;
			else
				fail_msg("jump %x", code);
			break;
		case BPF_RET:
			return BPF_RVAL(code) == BPF_A ? a : k;
		default:
			if (BPF_MISCOP(code) == BPF_TAX)
				x = a;
			else
				a = x;
		}
	}
	fail_msg("the program does not end");
	return 0;
}

/* The kernel looks whether a program may be run where it is attached: a socket's filter is looked at as one of a fanout group is. */
static void test_accepted(void **state)
{
	static struct sock_filter code[FOS__DEAL_MAX];
	struct fos_shard shard;
	int pair[2];

	(void)state;
	fos_shard_init(&shard, 7, 256);
	struct sock_fprog all = { (unsigned short)fos__deal_program(&shard, code), code };

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_ATTACH_FILTER, &all, sizeof all), 0);
	close(pair[0]);
	close(pair[1]);
}

struct dealer {
	struct fos_shard shard;
	struct sock_filter code[FOS__DEAL_MAX];
	unsigned n;
};

static void make(struct dealer *d, uint64_t seed, uint32_t workers)
{
	fos_shard_init(&d->shard, seed, workers);
	d->n = fos__deal_program(&d->shard, d->code);
	assert_in_range(d->n, 1, FOS__DEAL_MAX);
}

/* As the kernel has a frame: behind the Ethernet header and the first tag. */
static uint32_t dealt(const struct dealer *d, const uint8_t *frame, uint32_t len)
{
	uint32_t at = 14;
	uint16_t type = (uint16_t)get16(frame + 12);

	if ((type == 0x8100 || type == 0x88a8) && len >= 18) {
		type = (uint16_t)get16(frame + 16);
		at = 18;
	}
	return run(d->code, d->n, frame + at, len - at, type);
}

static enum fos_verdict parse(struct fos_pkt *p, const uint8_t *bytes, uint32_t len)
{
	*p = (struct fos_pkt){ .f = { .data = bytes, .len = len, .wire_len = len, .linktype = 1 } };
	return fos_parse(p, 0);
}

/* The packet between other hosts and ports; ends that differ in little, too. */
static void readdress(struct build *b, const struct fos_pkt *p)
{
	uint32_t n = p->ip_version == 4 ? 4 : 16, at = p->ip_version == 4 ? 12 : 8;
	uint8_t *ip = build_bytes(b) + (p->ip - build_bytes(b));

	for (uint32_t i = 0; i < 2 * n; i++)
		ip[at + i] = (uint8_t)any(256);
	if (any(4) == 0)
		memcpy(ip + at + n, ip + at, n);
	if (any(4) == 0)
		memset(ip + at, 0xff, 2 * n);
	if (p->verdict == FOS_PKT_TCP || p->verdict == FOS_PKT_UDP) {
		put16(ip + p->l4, 10000 + any(40000)); /* of no tunnel */
		put16(ip + p->l4 + 2, any(4) ? 10000 + any(40000) : get16(ip + p->l4));
	}
}

/* Whatever it sees, it deals as shard.h does. */
static void test_as_shard(void **state)
{
	static const char *const lines[] = {
		"eth ip4 tcp data=9",
		"eth ip4 udp=53 data=9",
		"eth ip4=24 tcp data=9",
		"eth ip4=60 udp=53",
		"eth ip4 icmp",
		"eth frag4=0x2000 udp=53 data=40",
		"eth frag4=6 data=40",
		"eth frag4=0x4000 tcp",
		"eth ip6 tcp data=9",
		"eth ip6 udp=53 data=9",
		"eth ip6 icmp",
		"eth ip6 hop tcp",
		"eth ip6 hop dst udp=53",
		"eth ip6 dst route dst tcp data=3",
		"eth ip6 frag6=8 data=16",
		"eth ip6 frag6=1 udp=53 data=16",
		"eth vlan=5 ip4 tcp",
		"eth vlan=5 ip6 udp=53",
		"eth qinq=5 vlan=7 ip4 tcp",
		"eth qinq=5 vlan=7 ip6 tcp",
		"eth qinq91=5 vlan=7 ip4 tcp",
		"eth vlan=1 vlan=2 vlan=3 vlan=4 ip4 udp=53",
		"eth pppoe ppp ip4 tcp",
		"eth vlan=9 pppoe ppp ip6 udp=53",
		"eth ip4 udp=4789 vxlan eth ip4 tcp",
		"eth ip4 udp=8472 vxlan eth ip6 udp=53",
		"eth ip6 udp=4789 vxlan eth vlan=4 ip4 tcp data=9",
		"eth ip4 ip4 tcp",
		"eth ip4 ip6 udp=53",
		"eth ip6 ip4 icmp",
		"eth ip6 ip6 tcp",
		"eth ip4 gre ip4 tcp",
		"eth ip4 gre=0x2000 ip6 tcp",
		"eth ip6 gre=0xb000 ip4 udp=53",
		"eth ip4 gre eth ip4 tcp",
		"eth ip4 gre=0x1000 eth vlan=3 ip6 tcp",
		"eth ip4 gre frag4=6 data=40",
		"eth ip4 udp=4789 vxlan eth type=0x0806 data=28",
		"eth ip4 gre type=0x0806 data=28",
	};
	static struct build b;
	static struct dealer d;
	unsigned other = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++)
		for (unsigned k = 0; k < 300; k++) {
			struct fos_pkt p;

			make(&d, any(1000), 2 + any(255));
			build(&b, lines[i]);
			assert_true(parse(&p, build_bytes(&b), build_len(&b)) <= FOS_PKT_OTHER);
			readdress(&b, &p);
			assert_true(parse(&p, build_bytes(&b), build_len(&b)) <= FOS_PKT_OTHER);
			uint32_t want = fos_shard_of(&d.shard, &p), is = dealt(&d, build_bytes(&b), build_len(&b));

			if (is != want)
				fail_msg("%s: worker %u, and not %u of %u", lines[i], is, want, d.shard.workers);
			other += want != 0;
		}
	assert_true(other > 300 * sizeof lines / sizeof *lines / 2);
}

/* What has no IP addresses goes to the first worker; so does what ends before them. */
static void test_others(void **state)
{
	static const char *const lines[] = { "eth type=0x0806 data=28", "eth8023 data=40",
		                             "eth pppoe type=0xc021 data=20", "eth type=0x88cc data=30" };
	static struct build b;
	static struct dealer d;

	(void)state;
	make(&d, 4, 7);
	for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++) {
		build(&b, lines[i]);
		assert_int_equal(dealt(&d, build_bytes(&b), build_len(&b)), 0);
	}
	build(&b, "eth ip4 tcp");
	for (uint32_t len = 14; len < 14 + 20 + 4; len++)
		assert_int_equal(dealt(&d, build_bytes(&b), len), 0);
}

/* Bytes of any kind are some worker's. */
static void test_any_bytes(void **state)
{
	static const uint16_t types[] = { 0x0800, 0x86dd, 0x8100, 0x8864 };
	static struct dealer d;
	uint8_t bytes[120];

	(void)state;
	make(&d, 5, 3);
	for (unsigned k = 0; k < 20000; k++) {
		uint32_t len = any(sizeof bytes);

		for (uint32_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)any(k % 2 ? 256 : 3);
		assert_true(run(d.code, d.n, bytes, len, types[any(4)]) < 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_as_shard), cmocka_unit_test(test_others),
		                            cmocka_unit_test(test_any_bytes), cmocka_unit_test(test_accepted) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
