/* SPDX-License-Identifier: BSD-2-Clause
 *
 * deal_program.c: see deal_program.h. Classic BPF needs neither a privilege nor a library, and has jumps forward only: what is
 * a loop elsewhere is written here once for each turn.
 *
 * A load from beyond the packet's end ends the program with 0, which is where fos_shard_of() has such packets.
 */
#include "deal_program.h"

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdbool.h>

enum {
	TAGS = 3,       /* behind the first one, which the kernel keeps beside the packet */
	INNER_TAGS = 1, /* of Ethernet in a tunnel */
	EXTENSIONS = 3, /* headers between an IPv6 header and TCP or UDP */
	PPP_IP4 = 0x0021,
	PPP_IP6 = 0x0057,
	QINQ_OLD = 0x9100,
	NOT_WHOLE = 0x3fff, /* of IPv4: offset, or more to come */
	VXLAN = 4789,
	VXLAN_OLD = 8472,
	UDP_BYTES = 8,
	VXLAN_BYTES = 8,
	ETHERNET = 0x6558,    /* transparent Ethernet bridging */
	GRE_UNKNOWN = 0x4007, /* source routes, other versions */
	GRE_SUM = 15,         /* bits that say that four bytes more are there: a checksum, */
	GRE_KEY = 13,
	GRE_NUMBER = 12,
};

/* Words of the program's memory. */
enum { AT, TYPE, L4, FROM, TO, KEPT, PROTOCOL };

struct program {
	struct sock_filter *to;
	unsigned n;
	const struct fos_shard *shard;
	bool outer;         /* it may be a tunnel: */
	unsigned inside[8]; /* jumps to what looks into one, */
	unsigned n_inside;  /* so many */
};

static unsigned add(struct program *p, uint16_t code, uint32_t k)
{
	p->to[p->n] = (struct sock_filter){ .code = code, .k = k };
	return p->n++;
}

/* Loads of the packet, relative to what a word of the memory says. */
static void load(struct program *p, uint16_t size, unsigned base, uint32_t offset)
{
	add(p, BPF_LDX | BPF_MEM, base);
	add(p, BPF_LD | size | BPF_IND, offset);
}

/* Adds A to a word. */
static void add_to(struct program *p, unsigned word)
{
	add(p, BPF_LDX | BPF_MEM, word);
	add(p, BPF_ALU | BPF_ADD | BPF_X, 0);
	add(p, BPF_ST, word);
}

static void forward(struct program *p, uint32_t bytes)
{
	add(p, BPF_LD | BPF_IMM, bytes);
	add_to(p, AT);
}

/* A jump where A is one of the values falls through; else it goes to where not_here() is called with what this returns. */
static unsigned where(struct program *p, const uint32_t *value, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned at = add(p, BPF_JMP | BPF_JEQ | BPF_K, value[i]);

		p->to[at].jt = (uint8_t)(n - i);
	}
	return add(p, BPF_JMP | BPF_JA, 0);
}

static unsigned where_is(struct program *p, uint32_t value)
{
	return where(p, &value, 1);
}

/* The other way round, for what is near: where A is the value it goes to where come_here() is called. */
static unsigned unless(struct program *p, uint32_t value)
{
	return add(p, BPF_JMP | BPF_JEQ | BPF_K, value);
}

static void come_here(struct program *p, unsigned jump)
{
	p->to[jump].jt = (uint8_t)(p->n - jump - 1);
}

static void not_here(struct program *p, unsigned jump)
{
	p->to[jump].k = p->n - jump - 1;
}

/* --- as far as an IP header ---------------------------------------------------------------------------------------- */

/* A is the type of what is at AT, before and after. */
static void skip_tag(struct program *p)
{
	static const uint32_t tags[] = { ETH_P_8021Q, ETH_P_8021AD, QINQ_OLD };
	unsigned over = where(p, tags, 3);

	load(p, BPF_H, AT, 2);
	add(p, BPF_ST, TYPE);
	forward(p, 4);
	add(p, BPF_LD | BPF_MEM, TYPE);
	not_here(p, over);
}

/* TYPE becomes what PPP's protocol `ppp` is. */
static void ppp(struct program *p, uint32_t protocol, uint32_t type)
{
	load(p, BPF_H, AT, 6);
	unsigned over = where_is(p, protocol);

	add(p, BPF_LD | BPF_IMM, type);
	add(p, BPF_ST, TYPE);
	not_here(p, over);
}

static void skip_pppoe(struct program *p)
{
	unsigned over = where_is(p, ETH_P_PPP_SES);

	ppp(p, PPP_IP4, ETH_P_IP);
	ppp(p, PPP_IP6, ETH_P_IPV6);
	forward(p, 8);
	not_here(p, over);
}

/* --- ends ---------------------------------------------------------------------------------------------------------- */

static void add_address(struct program *p, unsigned end, uint32_t offset, unsigned words)
{
	for (unsigned i = 0; i < words; i++) {
		load(p, BPF_H, AT, offset + 2 * i);
		add(p, BPF_ALU | BPF_MUL | BPF_K, p->shard->addr[i]);
		add_to(p, end);
	}
}

static void add_port(struct program *p, unsigned end, uint32_t offset)
{
	load(p, BPF_H, L4, offset);
	add(p, BPF_ALU | BPF_MUL | BPF_K, p->shard->port);
	add_to(p, end);
}

/* Where PROTOCOL has ports, they count. */
static void add_ports(struct program *p)
{
	static const uint32_t with[] = { IPPROTO_TCP, IPPROTO_UDP };

	add(p, BPF_LD | BPF_MEM, PROTOCOL);
	unsigned over = where(p, with, 2);

	add_port(p, FROM, 0);
	add_port(p, TO, 2);
	not_here(p, over);
}

/* A = mix(A) */
static void mix(struct program *p)
{
	static const struct {
		uint32_t shift, times;
	} step[] = { { 16, 0x7feb352d }, { 15, 0x846ca68b }, { 16, 1 } };

	for (unsigned i = 0; i < 3; i++) {
		add(p, BPF_MISC | BPF_TAX, 0);
		add(p, BPF_ALU | BPF_RSH | BPF_K, step[i].shift);
		add(p, BPF_ALU | BPF_XOR | BPF_X, 0);
		if (step[i].times != 1)
			add(p, BPF_ALU | BPF_MUL | BPF_K, step[i].times);
	}
}

/* The worker of FROM and TO. */
static void answer(struct program *p)
{
	add(p, BPF_LD | BPF_MEM, FROM);
	add(p, BPF_LDX | BPF_MEM, TO);
	unsigned greater = add(p, BPF_JMP | BPF_JGT | BPF_X, 0);

	p->to[greater].jf = 4;
	add(p, BPF_ST, KEPT); /* the other way round: A is to be the lesser, TO the greater */
	add(p, BPF_MISC | BPF_TXA, 0);
	add(p, BPF_LDX | BPF_MEM, KEPT);
	add(p, BPF_STX, TO);
	mix(p);
	add(p, BPF_LDX | BPF_MEM, TO);
	add(p, BPF_ALU | BPF_ADD | BPF_X, 0);
	mix(p);
	add(p, BPF_ALU | BPF_RSH | BPF_K, 16);
	add(p, BPF_ALU | BPF_MUL | BPF_K, p->shard->workers);
	add(p, BPF_ALU | BPF_RSH | BPF_K, 16);
	add(p, BPF_RET | BPF_A, 0);
}

/* --- tunnels ------------------------------------------------------------------------------------------------------- */

/* AT is where what TYPE says begins. */
static void look_inside(struct program *p)
{
	p->inside[p->n_inside++] = add(p, BPF_JMP | BPF_JA, 0);
}

static void vxlan(struct program *p)
{
	static const uint32_t ports[] = { VXLAN, VXLAN_OLD };

	add(p, BPF_LD | BPF_MEM, PROTOCOL);
	unsigned other = where_is(p, IPPROTO_UDP);

	load(p, BPF_H, L4, 2);
	unsigned elsewhere = where(p, ports, 2);

	load(p, BPF_B, L4, UDP_BYTES);
	add(p, BPF_ALU | BPF_AND | BPF_K, 0x08); /* it has a number */
	unsigned none = where_is(p, 0x08);

	load(p, BPF_H, L4, UDP_BYTES + VXLAN_BYTES + 12);
	add(p, BPF_ST, TYPE);
	add(p, BPF_LD | BPF_MEM, L4);
	add(p, BPF_ALU | BPF_ADD | BPF_K, UDP_BYTES + VXLAN_BYTES + 14);
	add(p, BPF_ST, AT);
	look_inside(p);
	not_here(p, other);
	not_here(p, elsewhere);
	not_here(p, none);
}

static void ip_in_ip(struct program *p, uint32_t protocol, uint32_t type)
{
	add(p, BPF_LD | BPF_MEM, PROTOCOL);
	unsigned other = where_is(p, protocol);

	add(p, BPF_LD | BPF_IMM, type);
	add(p, BPF_ST, TYPE);
	add(p, BPF_LD | BPF_MEM, L4);
	add(p, BPF_ST, AT);
	look_inside(p);
	not_here(p, other);
}

/* AT goes on by four bytes where the bit of KEPT is set. */
static void skip_where(struct program *p, unsigned bit)
{
	add(p, BPF_LD | BPF_MEM, KEPT);
	add(p, BPF_ALU | BPF_RSH | BPF_K, bit);
	add(p, BPF_ALU | BPF_AND | BPF_K, 1);
	add(p, BPF_ALU | BPF_LSH | BPF_K, 2);
	add_to(p, AT);
}

static void gre(struct program *p)
{
	add(p, BPF_LD | BPF_MEM, PROTOCOL);
	unsigned other = where_is(p, IPPROTO_GRE);

	load(p, BPF_H, L4, 0);
	add(p, BPF_ST, KEPT);
	add(p, BPF_ALU | BPF_AND | BPF_K, GRE_UNKNOWN);
	unsigned unknown = where_is(p, 0);

	load(p, BPF_H, L4, 2);
	add(p, BPF_ST, TYPE);
	add(p, BPF_LD | BPF_MEM, L4);
	add(p, BPF_ALU | BPF_ADD | BPF_K, 4);
	add(p, BPF_ST, AT);
	skip_where(p, GRE_SUM);
	skip_where(p, GRE_KEY);
	skip_where(p, GRE_NUMBER);
	add(p, BPF_LD | BPF_MEM, TYPE);
	unsigned bare = where_is(p, ETHERNET);

	load(p, BPF_H, AT, 12);
	add(p, BPF_ST, TYPE);
	forward(p, 14);
	not_here(p, bare);
	look_inside(p);
	not_here(p, other);
	not_here(p, unknown);
}

static void tunnels(struct program *p)
{
	if (!p->outer)
		return;
	add(p, BPF_LD | BPF_MEM, PROTOCOL);
	unsigned tcp = unless(p, IPPROTO_TCP);

	vxlan(p);
	ip_in_ip(p, IPPROTO_IPIP, ETH_P_IP);
	ip_in_ip(p, IPPROTO_IPV6, ETH_P_IPV6);
	gre(p);
	come_here(p, tcp);
}

/* --- IP ------------------------------------------------------------------------------------------------------------ */

static void ip4(struct program *p)
{
	load(p, BPF_B, AT, 0);
	add(p, BPF_ALU | BPF_AND | BPF_K, 0x0f);
	add(p, BPF_ALU | BPF_LSH | BPF_K, 2);
	add_to(p, L4);
	add_address(p, FROM, 12, 2);
	add_address(p, TO, 16, 2);
	load(p, BPF_H, AT, 6);
	add(p, BPF_ALU | BPF_AND | BPF_K, NOT_WHOLE);
	unsigned fragment = where_is(p, 0);

	load(p, BPF_B, AT, 9);
	add(p, BPF_ST, PROTOCOL);
	add_ports(p);
	tunnels(p);
	not_here(p, fragment);
	answer(p);
}

/* A is a protocol, before and after. */
static void skip_extension(struct program *p)
{
	static const uint32_t headers[] = { IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS };
	unsigned over = where(p, headers, 3);

	load(p, BPF_B, L4, 0);
	add(p, BPF_ST, KEPT);
	load(p, BPF_B, L4, 1);
	add(p, BPF_ALU | BPF_ADD | BPF_K, 1);
	add(p, BPF_ALU | BPF_LSH | BPF_K, 3);
	add_to(p, L4);
	add(p, BPF_LD | BPF_MEM, KEPT);
	not_here(p, over);
}

static void ip6(struct program *p)
{
	add(p, BPF_LD | BPF_IMM, 40);
	add_to(p, L4);
	add_address(p, FROM, 8, 8);
	add_address(p, TO, 24, 8);
	load(p, BPF_B, AT, 6);
	for (unsigned i = 0; i < EXTENSIONS; i++)
		skip_extension(p);
	add(p, BPF_ST, PROTOCOL);
	add_ports(p);
	tunnels(p);
	answer(p);
}

/* What is at AT, if it is IP of this kind, with ends of its own. */
static void ip(struct program *p, uint32_t type, void (*parse)(struct program *p))
{
	add(p, BPF_LD | BPF_MEM, TYPE);
	unsigned other = where_is(p, type);

	add(p, BPF_LD | BPF_MEM, AT);
	add(p, BPF_ST, L4);
	add(p, BPF_LD | BPF_IMM, p->shard->start);
	add(p, BPF_ST, FROM);
	add(p, BPF_ST, TO);
	parse(p);
	not_here(p, other);
}

unsigned fos__deal_program(const struct fos_shard *s, struct sock_filter *to)
{
	struct program p = { .to = to, .shard = s, .outer = true };
	unsigned plain, no_ip;

	add(&p, BPF_LD | BPF_IMM, 0);
	add(&p, BPF_ST, AT);
	add(&p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL));
	add(&p, BPF_ST, TYPE);
	plain = unless(&p, ETH_P_IP);
	for (unsigned i = 0; i < TAGS; i++)
		skip_tag(&p);
	add(&p, BPF_ST, TYPE);
	skip_pppoe(&p);
	come_here(&p, plain);
	ip(&p, ETH_P_IP, ip4);
	ip(&p, ETH_P_IPV6, ip6);
	/* The kernel wants to see that each word was stored before it is loaded, and takes what stands behind a return to come after it. */
	no_ip = add(&p, BPF_JMP | BPF_JA, 0);

	for (unsigned i = 0; i < p.n_inside; i++)
		not_here(&p, p.inside[i]);
	p.outer = false;
	add(&p, BPF_LD | BPF_MEM, TYPE);
	for (unsigned i = 0; i < INNER_TAGS; i++)
		skip_tag(&p);
	add(&p, BPF_ST, TYPE);
	ip(&p, ETH_P_IP, ip4);
	ip(&p, ETH_P_IPV6, ip6);
	answer(&p); /* no IP: the tunnel's own ends */
	not_here(&p, no_ip);
	add(&p, BPF_RET | BPF_K, 0);
	return p.n;
}
