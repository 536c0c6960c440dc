/* SPDX-License-Identifier: BSD-2-Clause
 *
 * libnids_peer.c: the object libnids_peer.so, through which flowos-bench --peers has libnids reassemble the packets that
 * the engine gets, in memory, and add every stream up. libnids is GPL: ../peer_abi.h says what follows from that.
 *
 * libnids keeps its state in globals: one at a time. A frame in two pieces is made one before the clock starts.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nids.h>

#include "../peer_abi.h"
#include "libnids_words.h"

struct peer {
	const struct fos_frame *v;
	size_t n;
	uint8_t *flat; /* all frames behind each other, or NULL where none is in two pieces */
};

/* What it has to say of packets goes to the system's log by default. */
static void quiet(int type, int err, struct ip *iph, void *data)
{
	(void)type, (void)err, (void)iph, (void)data;
}

static int flatten(struct peer *p)
{
	size_t total = 0, at = 0;
	bool pieces = false;

	for (size_t i = 0; i < p->n; i++) {
		total += fos_frame_caplen(&p->v[i]);
		pieces |= p->v[i].ext_len > 0;
	}
	if (!pieces)
		return 0;
	p->flat = malloc(total);
	if (!p->flat)
		return -ENOMEM;
	for (size_t i = 0; i < p->n; i++) {
		memcpy(p->flat + at, p->v[i].data, p->v[i].len);
		at += p->v[i].len;
		if (p->v[i].ext_len)
			memcpy(p->flat + at, p->v[i].ext, p->v[i].ext_len);
		at += p->v[i].ext_len;
	}
	return 0;
}

static void nids_peer_close(void *self)
{
	struct peer *p = self;

	nids_exit();
	free(p->flat);
	free(p);
}

static int nids_peer_open(const struct fos_frame *v, size_t n, uint64_t flows, void **self, char *err, size_t errlen)
{
	static struct nids_chksum_ctl off = { .netaddr = 0, .mask = 0, .action = NIDS_DONT_CHKSUM };
	struct peer *p = calloc(1, sizeof(*p));
	int rc = -ENOMEM;

	if (p) {
		p->v = v;
		p->n = n;
		rc = flatten(p);
	}
	if (rc) {
		snprintf(err, errlen, "libnids: %s", strerror(-rc));
		free(p);
		return rc;
	}
	nids_params.pcap_desc = pcap_open_dead(DLT_EN10MB, 262144);
	nids_params.n_tcp_streams = (int)(flows * 4 / 3) + 16; /* it fills three quarters of its table */
	nids_params.n_hosts = 256;
	nids_params.scan_num_hosts = 0; /* no scan detection */
	nids_params.syslog = (void *)quiet;
	if (!nids_params.pcap_desc || !nids_init()) {
		snprintf(err, errlen, "libnids: %s", nids_errbuf);
		free(p->flat);
		free(p);
		return -EIO;
	}
	nids_register_chksum_ctl(&off, 1);
	nids_register_tcp((void *)tcp);
	sum = bytes = 0;
	*self = p;
	return 0;
}

static void nids_peer_run(void *self, uint64_t *got, uint64_t *got_sum)
{
	struct peer *p = self;
	const uint8_t *flat = p->flat;

	for (size_t i = 0; i < p->n; i++) {
		const struct fos_frame *f = &p->v[i];
		struct pcap_pkthdr h = { .caplen = fos_frame_caplen(f), .len = f->wire_len };

		h.ts.tv_sec = (time_t)(f->ts_ns / 1000000000u);
		h.ts.tv_usec = (suseconds_t)(f->ts_ns % 1000000000u / 1000);
		nids_pcap_handler(NULL, &h, (u_char *)(uintptr_t)(flat ? flat : f->data));
		flat = flat ? flat + h.caplen : NULL;
	}
	*got = bytes;
	*got_sum = sum;
}

extern const struct bench_peer_abi bench_peer_abi;
__attribute__((visibility("default"))) const struct bench_peer_abi bench_peer_abi = { .version = BENCH_PEER_ABI,
	                                                                              .name = "libnids",
	                                                                              .open = nids_peer_open,
	                                                                              .run = nids_peer_run,
	                                                                              .close = nids_peer_close };
