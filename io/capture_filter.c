/* SPDX-License-Identifier: BSD-2-Clause
 *
 * capture_filter.c: see capture_filter.h. Touches libpcap, which looks at the interface: what code it makes depends on
 * whether packets are live, as a tag is then beside the packet.
 */
#include "capture_filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct sock_filter) == sizeof(struct bpf_insn), "libpcap and the kernel have one form of code");

static int error_of(int pcap_error)
{
	switch (pcap_error) {
	case PCAP_ERROR_IFACE_NOT_UP:
		return -ENETDOWN;
	case PCAP_ERROR_NO_SUCH_DEVICE:
		return -ENODEV;
	case PCAP_ERROR_PERM_DENIED:
		return -EPERM;
	default:
		return -EIO;
	}
}

int fos__capture_filter(const char *name, const char *expression, struct sock_fprog *prog, char *err, size_t errlen)
{
	char why[PCAP_ERRBUF_SIZE];
	struct bpf_program code = { 0 };
	pcap_t *live = pcap_create(name, why);
	int ret;

	if (!live) {
		snprintf(err, errlen, "%s: %s", name, why);
		return -EIO;
	}
	pcap_set_buffer_size(live, 1 << 16); /* it is only asked what code it wants */
	pcap_set_snaplen(live, 1 << 18);     /* what matches is taken whole: this is in the code */
	ret = pcap_activate(live);
	if (ret < 0) {
		snprintf(err, errlen, "%s: filter: %s", name,
		         *pcap_geterr(live) ? pcap_geterr(live) : pcap_statustostr(ret));
		ret = error_of(ret);
		goto close;
	}
	if (pcap_compile(live, &code, expression, 1, PCAP_NETMASK_UNKNOWN)) {
		snprintf(err, errlen, "filter \"%s\": %s", expression, pcap_geterr(live));
		ret = -EINVAL;
		goto close;
	}
	prog->len = (unsigned short)code.bf_len;
	prog->filter = calloc(code.bf_len, sizeof *prog->filter);
	ret = prog->filter ? 0 : -ENOMEM;
	if (prog->filter)
		memcpy(prog->filter, code.bf_insns, code.bf_len * sizeof *prog->filter);
	else
		snprintf(err, errlen, "%s: no memory for a filter", name);
	pcap_freecode(&code);
close:
	pcap_close(live);
	return ret;
}

void fos__capture_filter_free(struct sock_fprog *prog)
{
	free(prog->filter);
	prog->filter = NULL;
}
