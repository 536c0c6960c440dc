/* SPDX-License-Identifier: BSD-2-Clause
 *
 * packet_source.c: see packet_source.h.
 */
#include "packet_source.h"

#include <stdlib.h>
#include <string.h>

#include <flowos/parse.h>

void source_make(struct source *x, const void *data, uint32_t len, unsigned mode)
{
	struct er_spec spec = { .flags = FOS_TCP_ACK, .seq = 1, .ack = 1, .data = data, .len = len };

	memset(x, 0, sizeof(*x));
	er_add(&x->t, &spec);
	const struct er_frame *e = &x->t.frame[0];

	x->len = (mode & ER_PIECES) ? e->headers : e->f.len;
	x->ext_len = e->f.len - x->len;
	x->mem = malloc(x->len);
	x->ext = malloc(x->ext_len + 1);
	assert_true(x->mem && x->ext);
	memcpy(x->mem, e->mem, x->len);
	memcpy(x->ext, e->mem + x->len, x->ext_len);
	x->pkt.f = e->f;
	x->pkt.f.data = x->mem;
	x->pkt.f.len = x->len;
	x->pkt.f.ext = x->ext_len ? x->ext : NULL;
	x->pkt.f.ext_len = x->ext_len;
	if (mode & ER_UNSTABLE)
		x->pkt.f.flags = 0;
	assert_int_equal(fos_parse(&x->pkt, 0), FOS_PKT_TCP);
	assert_int_equal(x->pkt.app_len, len);
}

void source_free(struct source *x)
{
	memset(x->mem, 0xdd, x->len); /* whoever still looks sees it, even where the memory is taken again */
	memset(x->ext, 0xdd, x->ext_len);
	free(x->mem);
	free(x->ext);
	er_trace_free(&x->t);
}
