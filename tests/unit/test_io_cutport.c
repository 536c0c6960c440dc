/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_io_cutport.c: behind a cutting port there are only packets with right checksums, whose payload is that of the
 * super-packets, in order, however many a batch makes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include <flowos/cutport.h>
#include <flowos/memport.h>
#include <flowos/parse.h>

#include "parse_build.h"

enum { FRAMES = 150 };

/* Frame i of the port inside: super-packets, packets with a partial checksum, and complete ones, in turns. */
static struct fos_frame frame(struct build *b, unsigned i)
{
	static const char *const lines[] = { "eth ip4 tcp data=%u", "eth vlan=3 ip6 tcp=12 data=%u",
		                             "eth ip4 udp=53 data=%u" };
	static const uint16_t l4s[] = { 34, 58, 34 };
	unsigned kind = i % 3, form = i / 3 % 3, len = form == 0 ? 20000 + i : 500 + i;
	uint32_t l4 = l4s[kind], addr = kind == 1 ? 32 : 8;
	bool tcp = kind < 2;
	char line[64];
	uint8_t *p;

	snprintf(line, sizeof line, lines[kind], len);
	build(b, line);
	p = build_bytes(b);
	if (form < 2)
		put16(p + l4 + (tcp ? 16 : 6), model_sum(p + l4 - addr, addr, (tcp ? 6 : 17) + build_len(b) - l4));
	return (struct fos_frame){
		.data = exact_copy(p, build_len(b)),
		.len = build_len(b),
		.wire_len = build_len(b),
		.linktype = 1,
		.num = i + 1,
		.ts_ns = i,
		.flags = FOS_FRAME_STABLE | (form < 2 ? FOS_FRAME_CSUM_PARTIAL | FOS_FRAME_CSUM_OK : 0u),
		.csum_start = (uint16_t)(form < 2 ? l4 : 0),
		.csum_offset = form < 2 ? (tcp ? 16 : 6) : 0,
		.gso_type = form   ? FOS_GSO_NONE
		            : !tcp ? FOS_GSO_UDP_L4
		            : kind ? FOS_GSO_TCPV6
		                   : FOS_GSO_TCPV4,
		.gso_size = form ? 0 : 400,
	};
}

static void test_packets(void **state)
{
	static struct build b;
	static struct fos_batch batch;
	struct fos_frame v[FRAMES];
	uint32_t payload[FRAMES + 1] = { 0 }, packets = 0;
	struct fos_port *mem, *cut;
	int n;

	(void)state;
	for (unsigned i = 0; i < FRAMES; i++)
		v[i] = frame(&b, i);
	assert_int_equal(fos_mem_port_open(v, FRAMES, &mem), 0);
	assert_int_equal(fos_cut_port_open(mem, &cut), 0);
	for (unsigned round = 0; round < 2; round++) {
		memset(payload, 0, sizeof payload);
		packets = 0;
		while ((n = fos_port_rx(cut, &batch)) > 0) {
			assert_int_equal(n, batch.n);
			for (int i = 0; i < n; i++, packets++) {
				struct fos_pkt *p = &batch.pkt[i];
				uint64_t num = p->f.num;

				assert_true(num >= 1 && num <= FRAMES);
				assert_int_equal(p->f.gso_type | p->f.gso_size | p->f.csum_start | p->f.csum_offset, 0);
				assert_false(p->f.flags & FOS_FRAME_CSUM_PARTIAL);
				assert_true(fos_frame_caplen(&p->f) < 1000);
				p->f.flags &= ~(uint32_t)FOS_FRAME_CSUM_OK; /* look, do not trust */
				p->buf = NULL;
				assert_true(fos_parse(p, 0) <= FOS_PKT_UDP);
				assert_true(fos_checksum_ok(p));
				for (uint32_t k = 0; k < p->app_len; k++)
					assert_int_equal(p->app[k], (uint8_t)((payload[num] + k) * 7 + 1));
				payload[num] += p->app_len;
			}
		}
		assert_int_equal(n, -ENODATA);
		for (unsigned i = 0; i < FRAMES; i++)
			assert_int_equal(payload[i + 1], i / 3 % 3 ? 500 + i : 20000 + i);
		assert_true(packets > FRAMES / 3 * 50);
		assert_int_equal(fos_port_rewind(cut), 0);
	}
	assert_int_equal(fos_port_fd(cut), -1);
	assert_int_equal(fos_port_tx(cut, &batch), -ENOTSUP); /* the port inside says so */
	fos_port_close(cut);
	for (unsigned i = 0; i < FRAMES; i++)
		exact_free((uint8_t *)(uintptr_t)v[i].data, v[i].len);
}

/* What makes no sense passes as it is, and nothing outside it is read. */
static void test_nonsense(void **state)
{
	static struct build b;
	static struct fos_batch batch;

	(void)state;
	for (uint32_t start = 0; start < 600; start += 3)
		for (uint16_t field = 0; field < 24; field++) {
			struct fos_frame f = frame(&b, 4);
			struct fos_port *mem, *cut;

			exact_free((uint8_t *)(uintptr_t)f.data, f.len);
			f.len = f.wire_len = 100 + field;
			f.data = exact_copy(build_bytes(&b), f.len);
			f.csum_start = (uint16_t)(start < 300 ? start : start * 200);
			f.csum_offset = field;
			f.gso_type = start % 2 ? FOS_GSO_NONE : FOS_GSO_TCPV4;
			f.gso_size = 7;
			assert_int_equal(fos_mem_port_open(&f, 1, &mem), 0);
			assert_int_equal(fos_cut_port_open(mem, &cut), 0);
			assert_true(fos_port_rx(cut, &batch) >= 1);
			assert_true(fos_frame_caplen(&batch.pkt[0].f) <= f.len);
			fos_port_close(cut);
			exact_free((uint8_t *)(uintptr_t)f.data, f.len);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets),
		cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
