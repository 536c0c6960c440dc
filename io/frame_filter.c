/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frame_filter.c: see frame_filter.h.
 */
#include "frame_filter.h"

#include <errno.h>
#include <pcap.h>
#include <stdio.h>
#include <stdlib.h>

struct fos__frame_filter {
	struct bpf_program code;
};

int fos__frame_filter_new(const char *expression, struct fos__frame_filter **out, char *err, size_t errlen)
{
	struct fos__frame_filter *f = calloc(1, sizeof *f);
	pcap_t *dead = f ? pcap_open_dead(DLT_EN10MB, 1 << 18) : NULL;
	int ret = 0;

	if (!dead) {
		snprintf(err, errlen, "no memory for a filter");
		free(f);
		return -ENOMEM;
	}
	if (pcap_compile(dead, &f->code, expression, 1, PCAP_NETMASK_UNKNOWN)) {
		snprintf(err, errlen, "filter \"%s\": %s", expression, pcap_geterr(dead));
		ret = -EINVAL;
	}
	pcap_close(dead);
	if (ret)
		free(f);
	else
		*out = f;
	return ret;
}

void fos__frame_filter_free(struct fos__frame_filter *f)
{
	if (!f)
		return;
	pcap_freecode(&f->code);
	free(f);
}

bool fos__frame_filter_takes(const struct fos__frame_filter *f, const uint8_t *data, uint32_t len)
{
	const struct pcap_pkthdr h = { .caplen = len, .len = len };

	return pcap_offline_filter(&f->code, &h, data);
}
