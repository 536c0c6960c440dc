/* SPDX-License-Identifier: BSD-2-Clause
 *
 * gen_internal.h: what the files of the generator share. Only gen*.c include it.
 */
#ifndef FLOWOS_IO_GEN_INTERNAL_H
#define FLOWOS_IO_GEN_INTERNAL_H

#include <flowos/gen.h>

enum {
	FOS__GEN_PER_CLIENT = 64, /* sessions of a client address, by source port */
	FOS__GEN_CLIENT_PORT = 10000,
	FOS__GEN_SERVERS = 250,
	FOS__GEN_SERVER_PORT = 80,
};

#define FOS__GEN_SESSIONS_MAX (UINT64_C(1) << 30)
#define FOS__GEN_CLIENT4      0x0a000001u /* 10.0.0.1, and up */
#define FOS__GEN_SERVER4      0xc0a80001u /* 192.168.0.1 to .250 */

/* The two ends of session number `session`: [0] the client, [1] the server; the last 4 bytes of an IPv6 address or all
 * of an IPv4 address, and the port, in host byte order. */
struct fos__gen_end {
	uint32_t addr;
	uint16_t port;
};
void fos__gen_ends(uint64_t session, int ip, struct fos__gen_end end[2]);

/* The start of an IPv6 address, 12 bytes. */
const uint8_t *fos__gen_prefix6(int server);

/* One packet of a session; all sessions of a trace have the same. */
struct fos__gen_step {
	uint64_t off;      /* of the payload in its direction */
	uint32_t seq, ack; /* counted from the initial sequence numbers; low 32 bits */
	uint32_t len;      /* of the payload */
	uint8_t dir;       /* enum fos_gen_dir */
	uint8_t flags;     /* FOS_TCP_ */
};

struct fos__gen_script {
	struct fos__gen_step *v;
	size_t n, cap;
};

/* Writes down the packets of a session. Returns 0 or -ENOMEM; the caller frees v. */
int fos__gen_script(const struct fos_gen_spec *spec, struct fos__gen_script *s);

/* What a session remembers while it is open. */
struct fos__gen_live {
	struct fos__gen_end end[2];
	uint64_t payload[2]; /* the first three mixes of the formula */
	uint32_t isn[2];
	uint32_t ts_base[2]; /* of the time stamp option's clock */
	uint32_t ts_last[2]; /* last value sent */
	uint16_t ip_id[2];
};
void fos__gen_start(const struct fos_gen_spec *spec, uint64_t session, struct fos__gen_live *l);

/* Length of the frame of a step. */
uint32_t fos__gen_frame_len(const struct fos_gen_spec *spec, const struct fos__gen_step *st);

/* Builds it at `at`. */
void fos__gen_frame(const struct fos_gen_spec *spec, const struct fos__gen_step *st, struct fos__gen_live *l,
                    uint64_t ts_ns, uint8_t *at);

/* fos_gen_payload() from the first three mixes. */
uint64_t fos__gen_payload_base(uint64_t seed, uint64_t session, int dir);
void fos__gen_fill(uint64_t base, uint64_t offset, uint8_t *buf, size_t len);

#endif
