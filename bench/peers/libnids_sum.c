/* SPDX-License-Identifier: BSD-2-Clause
 *
 * libnids_sum.c: a peer to measure against: libnids reads a pcap file, reassembles every TCP stream and adds its bytes
 * up in 8-byte words, which is what the module `sum` does. A program of its own: libnids is GPL and is linked by
 * nothing else here.
 *
 * usage: libnids_sum FILE.pcap SESSIONS
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nids.h>

#include "libnids_words.h"

int main(int argc, char **argv)
{
	struct nids_chksum_ctl off = { .netaddr = 0, .mask = 0, .action = NIDS_DONT_CHKSUM };

	if (argc != 3) {
		fprintf(stderr, "usage: libnids_sum FILE.pcap SESSIONS\n");
		return 2;
	}
	nids_params.filename = argv[1];
	nids_params.n_tcp_streams = (int)(atoll(argv[2]) * 4 / 3) + 16; /* it fills three quarters of its table */
	nids_params.n_hosts = 256;
	nids_params.scan_num_hosts = 0; /* no scan detection */
	if (!nids_init()) {
		fprintf(stderr, "libnids: %s\n", nids_errbuf);
		return 2;
	}
	nids_register_chksum_ctl(&off, 1);
	nids_register_tcp((void *)tcp);
	nids_run();
	printf("%llu bytes, sum %016llx\n", (unsigned long long)bytes, (unsigned long long)sum);
	return 0;
}
