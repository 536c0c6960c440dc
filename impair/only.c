/* SPDX-License-Identifier: BSD-2-Clause
 *
 * only.c: a pcap filter on frames of any link type. Uses libpcap's filter compiler and its interpreter, nothing else of
 * it.
 */
#include "only.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SNAPLEN = 262144, LINKTYPES_MAX = 16 };

struct fos__only {
	char *filter;
	unsigned n;
	struct program {
		uint16_t linktype;
		struct bpf_program code;
	} program[LINKTYPES_MAX];
};

/* LINKTYPE_ values are DLT_ values, but for those whose DLT_ value differs between systems. */
static int dlt_of(uint16_t linktype)
{
	switch (linktype) {
	case 100:
		return DLT_ATM_RFC1483;
	case 101:
		return DLT_RAW;
	default:
		return linktype;
	}
}

static int compile(const char *filter, int dlt, struct bpf_program *code, char *err, size_t errlen)
{
	pcap_t *p = pcap_open_dead(dlt, SNAPLEN);
	int r = 0;

	if (!p)
		return -ENOMEM;
	if (pcap_compile(p, code, filter, 1, PCAP_NETMASK_UNKNOWN) != 0) {
		snprintf(err, errlen, "%s", pcap_geterr(p));
		r = -EINVAL;
	}
	pcap_close(p);
	return r;
}

/* What compiles for Ethernet or for bare IP is a filter; the rest shows when frames come. */
int fos__only_check(const char *filter, char *err, size_t errlen)
{
	struct bpf_program code;
	char other[PCAP_ERRBUF_SIZE];
	int r = compile(filter, DLT_EN10MB, &code, err, errlen);

	if (r == -EINVAL)
		r = compile(filter, DLT_RAW, &code, other, sizeof other);
	if (r == 0)
		pcap_freecode(&code);
	return r;
}

int fos__only_create(const char *filter, struct fos__only **out)
{
	struct fos__only *o = calloc(1, sizeof *o);

	if (!o)
		return -ENOMEM;
	o->filter = strdup(filter);
	if (!o->filter) {
		free(o);
		return -ENOMEM;
	}
	*out = o;
	return 0;
}

void fos__only_destroy(struct fos__only *o)
{
	if (!o)
		return;
	for (unsigned i = 0; i < o->n; i++)
		pcap_freecode(&o->program[i].code);
	free(o->filter);
	free(o);
}

static int program_for(struct fos__only *o, uint16_t linktype, struct program **out, char *err, size_t errlen)
{
	char why[PCAP_ERRBUF_SIZE] = "too many link types";
	int r = -EINVAL;

	for (unsigned i = 0; i < o->n; i++) {
		if (o->program[i].linktype == linktype) {
			*out = &o->program[i];
			return 0;
		}
	}
	if (o->n < LINKTYPES_MAX)
		r = compile(o->filter, dlt_of(linktype), &o->program[o->n].code, why, sizeof why);
	if (r != 0) {
		snprintf(err, errlen, "--only %s: on frames of link type %u: %s", o->filter, linktype, why);
		return r;
	}
	*out = &o->program[o->n++];
	(*out)->linktype = linktype;
	return 0;
}

int fos__only_match(struct fos__only *o, const struct fos_frame *f, char *err, size_t errlen)
{
	struct program *p;
	int r = program_for(o, f->linktype, &p, err, errlen);

	if (r != 0)
		return r;
	return bpf_filter(p->code.bf_insns, f->data, f->wire_len, f->len) != 0;
}
