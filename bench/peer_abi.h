/* SPDX-License-Identifier: BSD-2-Clause
 *
 * peer_abi.h: all that passes between flowos-bench and libnids_peer.so, which is loaded when --peers asks for it.
 *
 * libnids is under the GPL, so nothing else is linked with it: the object may be passed on under the terms of the GPL
 * only; without it flowos-bench runs as before and --peers has the floors alone. One thread.
 */
#ifndef BENCH_PEER_ABI_H
#define BENCH_PEER_ABI_H

#include <stddef.h>
#include <stdint.h>

#include <flowos/frame.h>

enum { BENCH_PEER_ABI = 1 };

struct bench_peer_abi {
	uint32_t version; /* BENCH_PEER_ABI */
	const char *name;

	/* Makes it ready for these frames, which remain the caller's and stay until close. `flows`: how many 5-tuples
	 * they have. 0, or a negative errno with a line in err. One at a time. */
	int (*open)(const struct fos_frame *v, size_t n, uint64_t flows, void **self, char *err, size_t errlen);

	/* All frames, once: what is timed. Sets what it delivered, and its sum in 8-byte words piece by piece. */
	void (*run)(void *self, uint64_t *bytes, uint64_t *sum);
	void (*close)(void *self);
};

#define BENCH_PEER_SYMBOL "bench_peer_abi" /* a `const struct bench_peer_abi` of this name */

#endif
