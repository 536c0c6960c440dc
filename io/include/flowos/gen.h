/* SPDX-License-Identifier: BSD-2-Clause
 *
 * gen.h: made-up TCP sessions: real handshakes, requests, data, ACKs and closes, and every payload byte a formula, so
 * that whoever reads a stream can say what it must be without having seen the packets.
 *
 * Threads: pure functions, and a port that belongs to one thread at a time. The same spec gives the same packets on
 * every machine. Nothing here blocks.
 */
#ifndef FLOWOS_GEN_H
#define FLOWOS_GEN_H

#include <stddef.h>
#include <stdint.h>

#include <flowos/key.h>
#include <flowos/port.h>

enum fos_gen_close { FOS_GEN_FIN, FOS_GEN_RST, FOS_GEN_NONE };

/* Which way payload goes. */
enum fos_gen_dir { FOS_GEN_REQUEST = 0, FOS_GEN_RESPONSE = 1 };

struct fos_gen_spec {
	uint64_t sessions;   /* 1 to 2^30; default 100 */
	uint64_t bytes;      /* of payload a session, server to client; default 40000 */
	uint64_t request;    /* of payload a session, client to server; default 100 */
	uint64_t concurrent; /* sessions open at the same time; 0, the default: all */
	uint64_t gap_ns;     /* between two packets of the trace; default 1000 */
	uint64_t seed;       /* default 1 */
	uint32_t mss;        /* payload of a segment, 1 to 65000; default 1448 */
	uint32_t ack;        /* data segments to an ACK, 0: none; default 2 */
	uint16_t vlan;       /* VLAN id, 1 to 4094; 0, the default: no tag */
	uint8_t ip;          /* 4, the default, or 6 */
	uint8_t close;       /* enum fos_gen_close; default FOS_GEN_FIN */
};

/* Reads "key=value,..." with the keys sessions, bytes, request, mss, ack, gap, concurrent, ip, vlan, close (fin, rst,
 * none) and seed. Counts take k and M (10^3, 10^6); gap takes ns, us, ms or s. What is not named has its default; "" is
 * all of them. Returns 0, or -EINVAL with one line for a person in err. */
int fos_gen_parse(const char *text, struct fos_gen_spec *spec, char *err, size_t errlen);

/* A port with the packets of all sessions, built up front in one piece of memory (close frees it): stable Ethernet
 * frames, rx ends with -ENODATA, rewind works, tx is refused. The clock starts at 1,700,000,000 s.
 *
 * The sessions of a wave of `concurrent` take turns packet by packet, so handshakes come first and closes last.
 * Returns 0, -EINVAL for a value out of range, or -ENOMEM where it would not fit into the machine's memory. */
int fos_gen_open(const struct fos_gen_spec *spec, struct fos_port **out);

/* Writes the payload bytes [offset, offset + len) of direction `dir` (enum fos_gen_dir) of session `session`, from 0.
 *
 * The stream is 8-byte words, least significant byte first; word i is mix(mix(mix(mix(seed), session), dir), i), where
 * mix(x) is fos_mix64() and mix(h, v) is fos_mix64_add(). */
void fos_gen_payload(uint64_t seed, uint64_t session, int dir, uint64_t offset, uint8_t *buf, size_t len);

/* From a session's key back to its number, from 0, and the side (0 or 1) that is the server. Works for every spec.
 * Returns 0, or -ENOENT where the key is no session of a generated trace. */
int fos_gen_session_of(const struct fos_key *key, uint64_t *session, int *server);

#endif
